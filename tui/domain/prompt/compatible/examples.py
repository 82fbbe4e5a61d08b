"""Example dialogue: blocks, the messages in them, and how they stand in a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.runs import Run, Runs, wrapped
from tui.domain.prompt.compatible.settings import CompatibleSettings, InstructPreset

START = "<START>"
_START = re.compile(START, re.IGNORECASE)
_START_LINE = re.compile("<START>\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ExampleBlock:
    """A block with its heading line, ending in a line end, and where it comes from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class ExampleMessage:
    """One message of a block."""

    speaker: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Speakers:
    """Names at the beginnings of lines. `members` are those of the group, empty for a chat with one character."""

    user: str
    char: str
    members: tuple[str, ...] = ()


def heading(settings: CompatibleSettings, filling: Filling) -> str:
    """The line before each block, "" if there is none."""
    separator = settings.context.example_separator
    return f"{filling.macros(separator, 'example_separator')}\n" if separator else ""


def example_blocks(text: str, heading_line: str, source: str) -> list[ExampleBlock]:
    """The blocks between `<START>` marks, each with `heading_line` before it."""
    if not text or text == START:
        return []
    if not text.startswith(START):
        text = f"{START}\n{text.strip()}"
    parts = _START.split(text)[1:]
    return [ExampleBlock(f"{heading_line}{part.strip()}\n", f"{source}:{at}") for at, part in enumerate(parts)]


def block_messages(block: str, speakers: Speakers, with_names: bool) -> list[ExampleMessage]:
    """The messages of a block, its heading line left out. A line that begins with a name begins a message, unless the
    same side was speaking; other lines go on with the message (or wait for the first). `with_names`: the speaker's
    name stands before each, whoever it is (in groups)."""
    out: list[ExampleMessage] = []
    lines: list[str] = []
    side: Literal["user", "assistant", ""] = ""
    bot = speakers.char

    def close() -> None:
        if side == "":
            return
        name = speakers.user if side == "user" else bot
        said = "\n".join(lines).replace(f"{name}:", "", 1).strip()
        out.append(ExampleMessage(side, f"{name}: {said}" if with_names else said))
        lines.clear()

    for line in block.split("\n")[1:]:
        if line.startswith(f"{speakers.user}:"):
            if side == "assistant":
                close()
            side = "user"
        elif line.startswith((f"{speakers.char}:", *(f"{name}:" for name in speakers.members))):
            if not line.startswith(f"{speakers.char}:"):
                bot = line.split(":")[0]
            if side == "user":
                close()
            side = "assistant"
        lines.append(line)
    close()
    return out


def formatted_examples(
    blocks: Sequence[ExampleBlock], speakers: Speakers, settings: CompatibleSettings, filling: Filling
) -> list[Runs]:
    """The lines of the examples in instruct mode, in the units in which they enter and leave the prompt."""
    instruct = settings.instruct
    line = heading(settings, filling)
    if instruct.skip_examples:
        return [_plain(block, line) for block in blocks]
    in_group = bool(speakers.members) and instruct.names_behavior != "none"
    out: list[Runs] = []
    for block in blocks:
        text = _START.sub("-", block.text, count=1).replace("\r", "")
        messages = block_messages(text, speakers, in_group)
        if messages and line:
            out.append((Run(line, block.source),))
        out.extend(_formatted(m, block.source, speakers, in_group, instruct, filling) for m in messages)
    return out or [_plain(block, line) for block in blocks]


def plain_examples(blocks: Sequence[ExampleBlock]) -> list[Runs]:
    """The blocks as they are, where no instruct format is used."""
    return [(Run(block.text, block.source),) for block in blocks]


def _plain(block: ExampleBlock, line: str) -> Runs:
    return (Run(_START_LINE.sub(lambda _: line, block.text, count=1), block.source),)


def _formatted(
    message: ExampleMessage, source: str, speakers: Speakers, in_group: bool, instruct: InstructPreset,
    filling: Filling,
) -> Runs:
    person = message.speaker == "user"
    name = speakers.user if person else speakers.char
    named = not in_group and (
        instruct.names_behavior == "always" or (instruct.names_behavior == "force" and person)
    )
    prefix = instruct.input_sequence if person else instruct.output_sequence
    suffix = instruct.input_suffix if person else instruct.output_suffix
    before = filling.sequence(prefix, name, instruct.macro)
    after = filling.sequence(suffix, name, instruct.macro)
    if not after and instruct.wrap and instruct.macro:
        after = (Run("\n", markup=True),)
    text = f"{name}: {message.text}" if named else message.text
    return wrapped(before, (Run(text, source),), after, instruct.wrap)
