"""Stretches of prompt text on their way into a plan, and what is done to many of them as if they were one text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tui.domain.backend import Piece


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text and where it comes from. `markup` as in `Piece`."""

    text: str
    source: str = "template"
    markup: bool = False


Runs = tuple[Run, ...]


def text_of_runs(runs: Iterable[Run]) -> str:
    return "".join(run.text for run in runs)


def pieces_of_runs(runs: Iterable[Run]) -> tuple[Piece, ...]:
    return tuple(Piece(run.text, run.markup) for run in runs if run.text)


def joined_runs(parts: Iterable[Sequence[Run]], glue: str) -> Runs:
    """The parts with `glue` between them; it belongs to what follows it."""
    out: list[Run] = []
    for part in parts:
        if out and part and glue:
            out.append(replace(part[0], text=glue))
        out.extend(part)
    return tuple(out)


def wrapped(before: Sequence[Run], said: Sequence[Run], after: Sequence[Run], wrap: bool) -> Runs:
    """A turn: opener, text, end. With `wrap` a line end stands between opener and text, where there are both."""
    opener = tuple(run for run in before if run.text)
    rest = tuple(run for run in (*said, *after) if run.text)
    return (*opener, *((Run("\n", markup=True),) if wrap and opener and rest else ()), *rest)


def stripped_left(runs: Sequence[Run], chars: str | None = None) -> Runs:
    """Without white space (or `chars`) at the beginning of the whole."""
    for at, run in enumerate(runs):
        if kept := run.text.lstrip(chars):
            return (replace(run, text=kept), *runs[at + 1 :])
    return ()


def stripped_right(runs: Sequence[Run], chars: str | None = None) -> Runs:
    """Without white space (or `chars`) at the end of the whole."""
    for at in range(len(runs) - 1, -1, -1):
        if kept := runs[at].text.rstrip(chars):
            return (*runs[:at], replace(runs[at], text=kept))
    return ()


def stripped(runs: Sequence[Run], chars: str | None = None) -> Runs:
    return stripped_left(stripped_right(runs, chars), chars)


def without_last_newline(runs: Sequence[Run]) -> Runs:
    """Without one line end at the end of the whole, if there is one."""
    for at in range(len(runs) - 1, -1, -1):
        if runs[at].text:
            return (*runs[:at], replace(runs[at], text=runs[at].text.removesuffix("\n")))
    return tuple(runs)


def without_first(runs: Sequence[Run], wanted: str) -> Runs:
    """Without the first occurrence of `wanted` in the whole, even across stretches."""
    start = text_of_runs(runs).find(wanted)
    if start < 0 or not wanted:
        return tuple(runs)
    out: list[Run] = []
    at = 0
    for run in runs:
        low, high = max(start - at, 0), max(min(start + len(wanted) - at, len(run.text)), 0)
        gone = low < high
        out.append(replace(run, text=run.text[:low] + run.text[high:]) if gone else run)
        at += len(run.text)
    return tuple(out)


class Flow:
    """What happens to the whole prompt at its very end, stretch by stretch: carriage returns go, and with `collapse`
    each row of line ends becomes one."""

    def __init__(self, collapse: bool) -> None:
        self._collapse = collapse
        self._ended = False

    def passed(self, text: str) -> str:
        text = text.replace("\r", "")
        if not self._collapse or not text:
            return text
        text = re.sub(r"\n+", "\n", text)
        if self._ended and text.startswith("\n"):
            text = text[1:]
            if not text:
                return ""
        self._ended = text.endswith("\n")
        return text
