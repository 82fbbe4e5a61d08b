"""Conversations that show what a chat template does, and whether a format of ours writes them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tui.domain.backend import ChatMessage
from tui.domain.prompt.render import render_messages, text_of
from tui.domain.template import Template

#: A template as a function: the variables of one conversation in, its prompt out; None where it refuses.
Render = Callable[[Mapping[str, Any]], str | None]

#: Openings and ends of thoughts in the templates of known families.
TAGS = (
    ("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<seed:think>", "</seed:think>"),
    ("<thinking>", "</thinking>"), ("<|START_THINKING|>", "<|END_THINKING|>"),
)
#: What the templates of known families take to think more, less or not at all; the modes' names are those of presets.
MODES: Mapping[str, Mapping[str, Any]] = {
    "think": {"enable_thinking": True, "thinking": True},
    "nothink": {"enable_thinking": False, "thinking": False},
    "low": {"reasoning_effort": "low"},
}

SYSTEM, NOTE, THOUGHT = "Qsys0", "Qnote0", "Qmind0"
USERS = ("Quser1", "Quser2", "Quser3")
REPLIES = ("Qbot1", "Qbot2", "Qbot3")
#: Rare values, so that a date in the text can only come from the clock.
CLOCK, OTHER_CLOCK = "2031-11-27T21:34:56", "2029-03-04T08:05:07"
#: The plainest conversation that a chat template is asked to write.
PLAIN_CHAT: Mapping[str, Any] = {
    "clock": CLOCK, "add_generation_prompt": True, "messages": [{"role": "user", "content": USERS[0]}],
}
_LEFT, _RIGHT = "\n\n \t", "\t \n  "
_ROLES = {"s": "system", "u": "user", "a": "assistant"}
_RICH = (
    "You are Mira.\n\n# Rules\n- Stay *calm*.\n- Никогда не спеши.", "Hello! <b>Who</b> are you, {{user}}?",
    "*smiles*  “Mira,” she says.\n\n— А ты кто?", "Просто гость 🍵 … 100 % {x: [1, 2]}",
    "```py\nprint('tea')\n```\nDone.", "Thanks, & \"good night\"\\n.", "Ночь 2:1 \t tabs|pipes", "One\ntwo\n\n\nthree",
    "\u200bЖ\u0301 é 漢字", "What now?",
)


@dataclass(frozen=True, slots=True)
class Probe:
    """A conversation. A format is exact when it writes all `required` ones that the template takes; the others
    are chats in which templates drop, merge or close what a reply's prompt never has."""

    name: str
    messages: tuple[ChatMessage, ...]
    generation: bool = True
    continue_last: bool = False
    required: bool = True
    clock: str = CLOCK


@dataclass(frozen=True, slots=True)
class Check:
    """What the template wrote for a probe, and what the format did."""

    name: str
    required: bool
    wanted: str
    got: str

    @property
    def same(self) -> bool:
        return self.wanted == self.got


def talk(turns: str, **changed: str) -> tuple[ChatMessage, ...]:
    """Marker texts for turns written as `suau`; `changed` gives a role (s, u, a) a form of text with `{}` in it."""
    texts = {"s": iter((SYSTEM, NOTE)), "u": iter(USERS), "a": iter(REPLIES)}
    return tuple(
        ChatMessage(_ROLES[turn], changed.get(turn, "{}").replace("{}", next(texts[turn]))) for turn in turns
    )


def all_probes(tags: tuple[str, str]) -> tuple[Probe, ...]:
    """Every probe; `tags` are those of the template's thoughts."""
    padded = f"{_LEFT}{{}}{_RIGHT}"
    thought = f"{tags[0]}\n{THOUGHT}\n{tags[1]}\n\n{{}}"
    rich = tuple(
        ChatMessage("system" if not at else "user" if at % 2 else "assistant", text) for at, text in enumerate(_RICH)
    )
    return (
        Probe("user", talk("u")), Probe("chat", talk("uauau")), Probe("system", talk("su")),
        Probe("system-chat", talk("suau")), Probe("long", rich), Probe("long-without-system", rich[1:]),
        Probe("padded-user", talk("uau", u=padded)), Probe("padded-reply", talk("uau", a=padded)),
        Probe("padded-system", talk("suau", s=padded)), Probe("padded-all", talk("suau", s=padded, u=padded)),
        Probe("thoughts", talk("uauau", a=thought)), Probe("clock", talk("u"), clock=OTHER_CLOCK),
        Probe("clock-system", talk("su"), clock=OTHER_CLOCK),
        Probe("continue", talk("uaua"), generation=False, continue_last=True),
        Probe("system-continue", talk("sua"), generation=False, continue_last=True),
        Probe("greeting", talk("au"), required=False), Probe("system-greeting", talk("sauau"), required=False),
        Probe("two-users", talk("uu"), required=False), Probe("two-replies", talk("uaau"), required=False),
        Probe("note", talk("suasu"), required=False),
        Probe("empty-system", (ChatMessage("system", ""), *talk("u")), required=False),
        Probe("closed", talk("uau"), generation=False, required=False),
        Probe("closed-reply", talk("uaua"), generation=False, required=False),
    )


def suited(render: Render) -> Render:
    """`render`, handed texts in the way that its template takes them: as they are, or, where the template makes
    nothing of those and only knows lists of parts (pictures among texts), as a list of one."""

    def in_parts(told: Mapping[str, Any]) -> str | None:
        messages = [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in told["messages"]]
        return render({**told, "messages": messages})

    return in_parts if not heard(render) and heard(in_parts) else render


def heard(render: Render) -> bool:
    """Whether a template writes what a user says."""
    return USERS[0] in (render(PLAIN_CHAT) or "")


@dataclass(slots=True)
class Model:
    """A template with the variables it is given, and what it has written so far."""

    render: Render
    variables: Mapping[str, Any]
    seen: dict[tuple[Any, ...], str | None] = field(default_factory=dict)

    def write(self, probe: Probe) -> str | None:
        """The prompt for a probe; None where the template refuses it or loses one of its texts."""
        key = (probe.messages, probe.generation, probe.continue_last, probe.clock)
        if key not in self.seen:
            self.seen[key] = self._write(probe)
        return self.seen[key]

    def gaps(self, turns: str, generation: bool = True) -> list[str] | None:
        """What stands before, between and after the marker texts of `turns`."""
        messages = talk(turns)
        text = self.write(Probe("", messages, generation))
        return None if text is None else split(text, [m.content for m in messages])

    def with_variables(self, more: Mapping[str, Any]) -> Model:
        return Model(self.render, {**self.variables, **more})

    def _write(self, probe: Probe) -> str | None:
        text = self.render({
            **self.variables, "clock": probe.clock, "add_generation_prompt": probe.generation,
            "messages": [{"role": m.role, "content": m.content} for m in probe.messages],
        })
        if text is None or not all(m.content.strip() in text for m in probe.messages if THOUGHT not in m.content):
            return None
        if probe.continue_last:
            last = probe.messages[-1].content
            return text[: text.rindex(last) + len(last)]
        return text


def split(text: str, parts: Sequence[str]) -> list[str] | None:
    """`text` without `parts`, which must occur in their order, each once."""
    gaps, at = [], 0
    for part in parts:
        found = text.find(part, at)
        if found < 0 or text.count(part) != 1:
            return None
        gaps.append(text[at:found])
        at = found + len(part)
    return [*gaps, text[at:]]


def checks_of(template: Template, model: Model, probes: Sequence[Probe]) -> tuple[Check, ...]:
    """The format against all probes that the template takes."""
    bare = replace(template, jinja="")
    checks = []
    for probe in probes:
        wanted = model.write(probe)
        if wanted is not None:
            bos, pieces = render_messages(
                bare, probe.messages, generation=probe.generation, continue_last=probe.continue_last,
                clock=probe.clock,
            )
            checks.append(Check(probe.name, probe.required, wanted, text_of(pieces, bos)))
    return tuple(checks)


def score(checks: Sequence[Check]) -> int:
    """More is better; a required probe outweighs all others."""
    return sum((100 if check.required else 1) for check in checks if check.same)
