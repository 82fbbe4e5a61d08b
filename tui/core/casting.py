"""Group chats as the planner and the turns see them: whose reply comes, and the chat as that member knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tui.core.cast_fields import cast_of
from tui.core.library import Library
from tui.core.writing import ReplyPlace
from tui.domain.card import Card
from tui.domain.cast import CastSettings, Choice, choose, known_to, speaker_of
from tui.domain.chat import Chat, Node
from tui.domain.errors import BackendError, NotFound, Refused
from tui.domain.lore import Lorebook
from tui.domain.notice import notice
from tui.domain.prompt.types import Anchored, Cast, Turn
from tui.domain.voices import VoiceCut, voices_of
from tui.wire.ids import new_id

_BY_NAME = notice("You asked for them.")


def as_speaker(chat: Chat, library: Library, speaker: str) -> Chat:
    """The chat with a member of its cast as its character: their card, profile and samplers. Without a cast, or for
    nobody, the chat as it is."""
    cast = cast_of(chat.fields, library)
    member = cast.member(speaker) if cast is not None else None
    if member is None:
        return chat
    fields: dict[str, Any] = {**chat.fields, "character": member.id}
    if member.id != chat.fields.get("character"):
        fields.pop("card", None)
    if member.profile:
        fields["profile"] = member.profile
        fields.pop("template", None)               # it was chosen for the other profile's model
    if member.samplers:
        fields["samplers"] = {**(chat.fields.get("samplers") or {}), **member.samplers}
    return replace(chat, fields=fields)


def placed(chat: Chat, library: Library, place: ReplyPlace) -> ReplyPlace:
    """The place with its speaker, and who answers after them. A reply that is gone on with and a further version of one
    keep theirs. Raises Refused when nobody speaks."""
    cast = cast_of(chat.fields, library)
    if cast is None or place.speaker:
        return place
    if place.base is not None:
        return replace(place, speaker=speaker_of(chat.nodes[place.node], cast))
    path = chat.path(place.parent) if place.parent is not None else []
    if before := sibling_speaker(chat, place, cast):
        return _private(replace(place, speaker=before), path)
    first, *rest = chosen(cast, path, place.parent)
    return _private(replace(place, speaker=first.id, why=first.why, after=tuple(rest)), path)


def _private(place: ReplyPlace, path: Sequence[Node]) -> ReplyPlace:
    """An answer to what was whispered is for the same ears."""
    hearers = whispered(path)
    return replace(place, seen_by=tuple(hearers), after=()) if place.speaker in hearers else place


def spoken_by(chat: Chat, library: Library, place: ReplyPlace, speaker: str) -> ReplyPlace:
    """The place of a reply that the person asks for: of that member, or ("") of whom the strategy gives, with the rest
    of the round. Raises NotFound, Refused."""
    cast = cast_of(chat.fields, library)
    if cast is None:
        raise Refused("One character plays here alone.", "/cast lets others join.")
    path = chat.path(place.parent) if place.parent is not None else []
    wanted = (asked_for(cast, speaker),) if speaker else chosen(cast, path, place.parent, asked=True)
    return _private(replace(place, speaker=wanted[0].id, why=wanted[0].why, after=wanted[1:]), path)


def next_in_round(chat: Chat, library: Library, place: ReplyPlace) -> ReplyPlace | None:
    """Who answers after a reply; None when the round is over, or the person went elsewhere meanwhile."""
    cast = cast_of(chat.fields, library)
    if cast is None or chat.head != place.node:
        return None
    able = {m.id for m in cast.members if not m.muted}
    left = [choice for choice in place.after if choice.id in able]
    if not left:
        return None
    return ReplyPlace(
        chat.id, new_id(), new_id(), place.node, speaker=left[0].id, why=left[0].why, after=tuple(left[1:])
    )


def heard_by(chat: Chat, library: Library, to: Sequence[str] | None) -> dict[str, Any]:
    """What is noted on a message that is whispered to some. Raises NotFound, Refused."""
    if not to:
        return {}
    cast = cast_of(chat.fields, library)
    if cast is None:
        raise Refused("One character plays here alone.", "/cast lets others join.")
    return {"seen_by": [asked_for(cast, who).id for who in dict.fromkeys(to)]}


def chosen(cast: CastSettings, path: Sequence[Node], seed: str | None, *, asked: bool = False) -> tuple[Choice, ...]:
    """Who speaks after `path`. To what was whispered, those answer who heard it. Raises Refused when nobody does."""
    hearers = whispered(path)
    if hearers:
        able = [m.id for m in cast.members if m.id in hearers and not m.muted]
        found: tuple[Choice, ...] = tuple(Choice(m, notice("It was whispered to them.")) for m in able[:1])
    else:
        found = choose(cast, path, seed or "", asked=asked)
    if found:
        return found
    if any(not m.muted for m in cast.members):
        raise Refused(notice("Nobody answers by themselves in this group."), notice("/speak NAME lets one speak."))
    raise Refused(notice("Nobody in this group can speak: all are muted."), notice("/cast shows the members."))


def whispered(path: Sequence[Node]) -> list[str]:
    """Who heard the last message of a path, where it was not for all."""
    last = path[-1] if path else None
    heard = last.extra.get("seen_by") if last is not None and last.role == "user" else None
    return [str(who) for who in heard] if isinstance(heard, (list, tuple)) else []


def sibling_speaker(chat: Chat, place: ReplyPlace, cast: CastSettings) -> str:
    """Who said the version that a new one comes beside: the one on view, else the last."""
    others = [n for n in chat.children(place.parent) if n.role == "assistant" and n.id != place.node]
    on_view = {n.id for n in chat.path()}
    for node in [*(n for n in others if n.id in on_view), *reversed(others)]:
        if speaker := speaker_of(node, cast):
            return speaker
    return ""


def asked_for(cast: CastSettings, speaker: str) -> Choice:
    """A member whom the person lets speak. Raises NotFound."""
    member = cast.member(speaker)
    if member is None:
        raise NotFound(notice("{name} is not in this group.", name=speaker[:80]), names=[m.name for m in cast.members])
    return Choice(member.id, _BY_NAME)


def predicted(chat: Chat, library: Library, path: Sequence[Node]) -> str:
    """Whose prompt the next one will be, as far as that can be known; "" without a cast."""
    cast = cast_of(chat.fields, library)
    if cast is None:
        return ""
    try:
        return chosen(cast, path, path[-1].id if path else None, asked=True)[0].id
    except Refused:
        return cast.members[0].id


def last_speaker(chat: Chat, library: Library) -> str:
    """Who spoke last on the path on view, else the first member; "" without a cast."""
    cast = cast_of(chat.fields, library)
    if cast is None:
        return ""
    return next((s for n in reversed(chat.path()) if (s := speaker_of(n, cast))), cast.members[0].id)


def in_cast(turn: Turn, chat: Chat, library: Library) -> Turn:
    """The turn of a group's member: the others, the messages that this one knows of, and lore that stands in history
    for others left out."""
    cast = cast_of(chat.fields, library)
    if cast is None:
        return turn
    cards = {m.id: _card(library, m.id) for m in cast.members}
    present = {m: card for m, card in cards.items() if card is not None}
    speaker = turn.character
    present[speaker] = turn.card
    members = tuple(present[m.id] for m in cast.members if m.id in present)
    group = Cast(
        members, frozenset(card.display_name for m in cast.members if m.muted and (card := present.get(m.id))),
        cast.joining != "swap", cast.joining == "join_all", cast.prefix, cast.suffix,
    )
    if turn.card not in members:
        group = replace(group, members=(turn.card, *members))
    state = replace(turn.state, anchored=tuple(a for a in turn.state.anchored if _for_them(a, turn)))
    return replace(turn, cast=group, group=True, path=known_to(turn.path, speaker), state=state)


def joined_books(chat: Chat, library: Library) -> list[Lorebook]:
    """The books of all members whose cards stand in the prompt together, in their order."""
    cast = cast_of(chat.fields, library)
    if cast is None or cast.joining == "swap":
        return []
    members = [m.id for m in cast.members if cast.joining == "join_all" or not m.muted]
    cards = (_card(library, m) for m in members)
    return [card.book for card in cards if card is not None and card.book is not None]


def other_voices(turn: Turn) -> list[str]:
    """The names for which the speaker of a group's turn must not speak: the others', and the person's."""
    if turn.cast is None:
        return []
    names = [turn.user, *(name for card in turn.cast.members for name in (card.display_name, card.name))]
    return voices_of(names, (turn.card.display_name, turn.card.name))


def _card(library: Library, member: str) -> Card | None:
    try:
        return library.card(member)
    except NotFound:
        return None


def _for_them(anchored: Anchored, turn: Turn) -> bool:
    """Whether lore that stands in history is for the speaker: some is for certain characters only."""
    entry = next((e for b in turn.books if b.id == anchored.book for e in b.entries if e.uid == anchored.uid), None)
    if entry is None or not entry.characters:
        return True
    card = turn.card
    named = any(name in entry.characters for name in (card.name, card.display_name, turn.character))
    return named != entry.characters_exclude


def told_of_cast(place: ReplyPlace, voices: VoiceCut) -> dict[str, Any]:
    """What the record of a reply says of a group: who spoke and why, and what was cut because it was another's."""
    told: dict[str, Any] = {}
    if place.speaker:
        told["speaker"] = {"id": place.speaker, "why": place.why.to_json() if place.why is not None else None}
    if voices.name:
        told["voices"] = {"name": voices.name, "cut": voices.cut}
    return told


def spoke_for_another(voices: VoiceCut) -> BackendError:
    """Of a reply of which nothing is left."""
    said = " ".join(voices.cut.split())[:200]
    return BackendError(
        notice("The model spoke for {name} alone, so nothing of it was kept: “{text}”", name=voices.name, text=said),
        notice("Press Ctrl+R to ask again."),
    )
