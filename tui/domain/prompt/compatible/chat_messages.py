"""Messages of a chat completion, and what SillyTavern does to the finished list: squashing and post-processing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.domain.chat import Role
from tui.domain.prompt.compatible.examples import Speakers
from tui.domain.prompt.compatible.runs import Run, Runs, text_of_runs

#: What a strict format gets to hear first, if nobody has said anything.
PLACEHOLDER = "[Start a new chat]"
EXAMPLE_USER, EXAMPLE_ASSISTANT = "example_user", "example_assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `name` is the field of that name. `apart`: squashing leaves it alone. `node` is the chat's message
    that it is, `tail` tells that it moves with the end of the chat."""

    role: Role
    runs: Runs
    name: str = ""
    apart: bool = False
    node: str = ""
    tail: bool = False

    @property
    def text(self) -> str:
        return text_of_runs(self.runs)


def message(role: Role, text: str, source: str, **more: object) -> Message:
    """A message of one text."""
    return replace(Message(role, (Run(text, source),)), **more)  # type: ignore[arg-type]


def squashed(messages: Sequence[Message]) -> list[Message]:
    """Neighbouring system messages without a name as one, line by line."""
    out: list[Message] = []
    for one in messages:
        if one.role == "system" and not one.text:
            continue
        if out and _squashes(one) and _squashes(out[-1]):
            out[-1] = _joined(out[-1], one, "\n")
        else:
            out.append(one)
    return out


def post_processed(messages: Sequence[Message], kind: str, speakers: Speakers) -> list[Message]:
    """What a server's format asks for: merge (neighbours of one role), semi (and no system message but the first),
    strict (and a person's message first), single (all in one message). Any other `kind` leaves the list alone."""
    kind = kind.removesuffix("_tools")
    if kind not in ("merge", "claude", "semi", "strict", "single"):
        return list(messages)
    merged = _merged([_named(one, speakers, kind == "single") for one in messages])
    if not merged:
        merged = [message("user", PLACEHOLDER, "template")]
    if kind in ("merge", "claude"):
        return merged
    merged = [replace(m, role="user") if at and m.role == "system" else m for at, m in enumerate(merged)]
    if kind == "strict":
        merged = _with_placeholder(merged)
    return _merged(merged)


def _with_placeholder(messages: list[Message]) -> list[Message]:
    first = message("user", PLACEHOLDER, "template")
    if messages[0].role == "system":
        speaks = len(messages) > 1 and messages[1].role == "user"
        return messages if speaks else [messages[0], first, *messages[1:]]
    return messages if messages[0].role == "user" else [first, *messages]


def _squashes(one: Message) -> bool:
    return not one.apart and one.role == "system" and not one.name


def _joined(first: Message, second: Message, glue: str) -> Message:
    runs = (*first.runs, Run(glue, second.runs[0].source if second.runs else "template"), *second.runs)
    return replace(first, runs=runs, node=first.node or second.node, tail=first.tail and second.tail)


def _named(one: Message, speakers: Speakers, single: bool) -> Message:
    """Names of speakers as text; with `single` those that roles stood for as well."""
    if one.role == "system" and one.name == EXAMPLE_ASSISTANT:
        one = _by_character(one, speakers)
    elif one.role == "system" and one.name == EXAMPLE_USER:
        one = _prefixed(one, speakers.user)
    elif one.name and one.role != "system":
        one = _prefixed(one, one.name)
    if single:
        if one.role == "assistant":
            one = _by_character(one, speakers)
        elif one.role == "user":
            one = _prefixed(one, speakers.user)
        one = replace(one, role="user")
    return replace(one, name="")


def _by_character(one: Message, speakers: Speakers) -> Message:
    if one.text.startswith(tuple(f"{name}: " for name in speakers.members)):
        return one
    return _prefixed(one, speakers.char)


def _prefixed(one: Message, name: str) -> Message:
    if not name or one.text.startswith(f"{name}: "):
        return one
    return replace(one, runs=(Run(f"{name}: ", one.runs[0].source if one.runs else "template"), *one.runs))


def _merged(messages: Sequence[Message]) -> list[Message]:
    out: list[Message] = []
    for one in messages:
        if out and out[-1].role == one.role and one.text:
            out[-1] = _joined(out[-1], one, "\n\n")
        else:
            out.append(one)
    return out
