"""Who is in a group chat, who speaks next, and who knows of what.

The strategies are SillyTavern's (natural, list, pooled, manual), with names found in Russian too, with the same dice
for the same seed, and with a reason for each choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from tui.domain.chat import Node
from tui.domain.mentions import mentioned, name_words
from tui.domain.notice import Notice, notice

Strategy = Literal["natural", "list", "pooled", "manual"]
Joining = Literal["swap", "join", "join_all"]
STRATEGIES: tuple[Strategy, ...] = ("natural", "list", "pooled", "manual")
JOININGS: tuple[Joining, ...] = ("swap", "join", "join_all")
#: How gladly one speaks whose card says nothing of it.
TALKATIVENESS = 0.5
#: Seconds between rounds in auto mode.
AUTO_DELAY = 5.0


@dataclass(frozen=True, slots=True)
class Member:
    """One of the cast: `id` in the library, `names` by which they are called (the one on view first). `talkativeness`
    (0..1) None takes the card's. `profile` and `samplers` hold over the chat's when they speak; "" and {} are none."""

    id: str
    names: tuple[str, ...] = ()
    muted: bool = False
    talkativeness: float | None = None
    profile: str = ""
    samplers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.names[0] if self.names else self.id


@dataclass(frozen=True, slots=True)
class CastSettings:
    """A group as the chat field `cast` has it. The order of `members` is theirs. `joining`: the prompt has the
    speaker's card alone, those of all who are not muted, or of all; then `prefix` and `suffix` stand around each text
    (`<FIELDNAME>` is the field's name). `auto`: rounds go on by themselves, `delay` seconds apart."""

    members: tuple[Member, ...]
    name: str = ""
    strategy: Strategy = "natural"
    joining: Joining = "swap"
    self_replies: bool = False
    auto: bool = False
    delay: float = AUTO_DELAY
    prefix: str = ""
    suffix: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CastSettings:
        """From the chat field, which was checked when it was set."""
        members = tuple(_member(m) for m in data.get("members") or ())
        return cls(
            members, str(data.get("name") or ""), cast(Strategy, data.get("strategy") or "natural"),
            cast(Joining, data.get("joining") or "swap"), bool(data.get("self_replies")), bool(data.get("auto")),
            float(data.get("delay", AUTO_DELAY)), str(data.get("prefix") or ""), str(data.get("suffix") or ""),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "members": [_member_to_json(m) for m in self.members], "name": self.name, "strategy": self.strategy,
            "joining": self.joining, "self_replies": self.self_replies, "auto": self.auto, "delay": self.delay,
            "prefix": self.prefix, "suffix": self.suffix,
        }

    def member(self, member_id: str) -> Member | None:
        return next((m for m in self.members if m.id == member_id), None)

    def with_member(self, changed: Member) -> CastSettings:
        """The same with one member as they now are."""
        return replace(self, members=tuple(changed if m.id == changed.id else m for m in self.members))


def _member(data: Mapping[str, Any]) -> Member:
    talk = data.get("talkativeness")
    return Member(
        str(data["id"]), tuple(str(n) for n in data.get("names") or ()), bool(data.get("muted")),
        None if talk is None else float(talk), str(data.get("profile") or ""), dict(data.get("samplers") or {}),
    )


def _member_to_json(member: Member) -> dict[str, Any]:
    return {
        "id": member.id, "names": list(member.names), "muted": member.muted, "talkativeness": member.talkativeness,
        "profile": member.profile, "samplers": dict(member.samplers),
    }


@dataclass(frozen=True, slots=True)
class Choice:
    """Who speaks, and why."""

    id: str
    why: Notice


def speaker_of(node: Node, cast: CastSettings) -> str:
    """The member who said a message; "" where it was none. Those that came from elsewhere are known by their name."""
    if node.role != "assistant":
        return ""
    noted = str(node.extra.get("speaker") or "")
    return noted or next((m.id for m in cast.members if node.name in m.names), "")


def choose(cast: CastSettings, path: Sequence[Node], seed: str, *, asked: bool = False) -> tuple[Choice, ...]:
    """Who answers the end of `path`, in order. `asked`: the person wants somebody to speak without having said
    anything; then one speaks under any strategy, if there is anybody who can. The same seed chooses the same.
    """
    dice = random.Random(seed)
    heard = [n for n in path if not n.hidden]
    said_by_person = not asked and bool(heard) and heard[-1].role == "user"
    able = [m for m in cast.members if not m.muted]
    last = next((s for n in reversed(heard) if (s := speaker_of(n, cast))), "")
    others = able if said_by_person or cast.self_replies else [m for m in able if m.id != last] or able
    if not able:
        return ()
    if cast.strategy == "list":
        return tuple(Choice(m.id, notice("The next in the list.")) for m in able)
    if cast.strategy == "pooled":
        return (_pooled(cast, heard, able, last, dice),)
    if cast.strategy == "manual":
        if said_by_person:
            return ()
        return (Choice(dice.choice(others).id, notice("By chance, for nobody was named.")),)
    return _natural(others, heard[-1].text if heard else "", dice)


def _natural(able: Sequence[Member], text: str, dice: random.Random) -> tuple[Choice, ...]:
    chosen = {m.id: Choice(m.id, notice("“{word}” was mentioned.", word=word)) for m, word in _mentions(able, text)}
    order = list(able)
    dice.shuffle(order)
    for member in order:
        roll, glad = dice.random(), _talkativeness(member)
        if glad >= roll and glad > 0 and member.id not in chosen:
            told = notice("Felt like speaking: {roll} of {glad}.", roll=f"{roll:.2f}", glad=f"{glad:.2f}")
            chosen[member.id] = Choice(member.id, told)
    if not chosen:
        willing = [m for m in able if _talkativeness(m) > 0]
        if willing:
            one = dice.choice(willing)
            chosen[one.id] = Choice(one.id, notice("By chance, for nobody was named and nobody felt like it."))
    return tuple(chosen.values())


def _mentions(able: Sequence[Member], text: str) -> list[tuple[Member, str]]:
    """Members whose names a text holds, in the order in which they stand there. A word that several are called by
    (a title, a surname) calls those alone who have no word of their own."""
    words = {m.id: name_words(m.names) for m in able}
    shared = {w for ws in words.values() for w in ws if sum(w in other for other in words.values()) > 1}
    found = []
    for member in able:
        own = [w for w in words[member.id] if w not in shared] or words[member.id]
        if word := mentioned(text, own):
            found.append((member, word))
    return sorted(found, key=lambda pair: text.find(pair[1]))


def _pooled(
    cast: CastSettings, heard: Sequence[Node], able: Sequence[Member], last: str, dice: random.Random
) -> Choice:
    since = len(heard) - next((at for at, n in enumerate(reversed(heard)) if n.role == "user"), len(heard))
    spoken = {speaker_of(n, cast) for n in heard[since:]}
    waiting = [m for m in able if m.id not in spoken]
    if waiting:
        return Choice(dice.choice(waiting).id, notice("Has not spoken since your message."))
    rest = [m for m in able if m.id != last] or able
    return Choice(dice.choice(rest).id, notice("By chance: all have spoken since your message."))


def _talkativeness(member: Member) -> float:
    return TALKATIVENESS if member.talkativeness is None else member.talkativeness


def knows(node: Node, who: str) -> bool:
    """Whether a member knows of a message: it is for all, for them, or they said it. For nobody in particular (""),
    whether all know of it."""
    seen_by = node.extra.get("seen_by")
    if not isinstance(seen_by, (list, tuple)):
        return True
    return bool(who) and (who in seen_by or node.extra.get("speaker") == who)


def known_to(path: Sequence[Node], who: str) -> list[Node]:
    """A path as a member knows it: what they do not know of is hidden from the model."""
    return [n if n.hidden or knows(n, who) else replace(n, hidden=True) for n in path]
