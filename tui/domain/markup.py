"""The little markup of roleplay: *actions*, "speech", **stress**, `code`, quotes, lists, fences.

Nothing is taken out of the text: a span only says how a stretch of it looks. Spans of one line never cross, they
nest or stand side by side. A line that is closed is never read again while a reply grows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["speech", "action", "strong", "code", "mark"]
LineKind = Literal["text", "quote", "item", "heading", "code", "fence", "rule"]

#: Deeper nesting is shown as text: a page of asterisks is not worth a page of spans.
_DEEPEST = 8
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*$")
_HEADING = re.compile(r"#{1,6}\s+(?=\S)")
_QUOTE = re.compile(r"(?:>\s?)+")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+(?=\S)")
_DASH = re.compile(r"\s*[—–]\s")
_TOKEN = re.compile(r"`+|\*+|(?<!\w)_+|_+(?!\w)|[\"«»„“”‟]|(?<=[,.!?…:;»”\"*]) [—–] ")
_CLOSER = {"«": "»", "„": "“”", "“": "”", "‟": "”", '"': '"'}


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `end` (offsets in the line), looking like `kind`."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text: what it is, how far its later rows are indented (in characters), and its spans."""

    text: str
    kind: LineKind
    hang: int = 0
    spans: tuple[Span, ...] = ()


def lines(text: str) -> Iterator[Line]:
    """The lines of `text`, read one after another."""
    fenced = False
    for source in text.split("\n"):
        line, fenced = read_line(source, fenced)
        yield line


def read_line(source: str, fenced: bool = False) -> tuple[Line, bool]:
    """One line, and whether the next one stands inside a code fence."""
    if _FENCE.match(source):
        return Line(source, "fence"), not fenced
    if fenced:
        return Line(source, "code"), True
    if _RULE.match(source):
        return Line(source, "rule"), False
    if found := _HEADING.match(source):
        return Line(source, "heading", 0, (Span(0, found.end(), "mark"), *_inline(source, found.end()))), False
    if found := _QUOTE.match(source):
        return Line(source, "quote", found.end(), _inline(source, found.end())), False
    if found := _ITEM.match(source):
        return Line(source, "item", found.end(), _inline(source, found.end())), False
    return Line(source, "text", 0, _inline(source, 0)), False


@dataclass(slots=True)
class _Open:
    mark: str
    start: int
    width: int


def _inline(source: str, start: int) -> tuple[Span, ...]:
    """The spans of a line from `start` on, outer before inner."""
    reader = _Reader(source)
    reader.read(start)
    return tuple(sorted(reader.spans, key=lambda s: (s.start, -s.end)))


class _Reader:
    """Reads marks from left to right and keeps what is still open on a stack."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.spans: list[Span] = []
        self._stack: list[_Open] = []

    def read(self, start: int) -> None:
        at = start
        if dash := _DASH.match(self.source, start):
            self._stack.append(_Open("—", start, 0))
            at = dash.end()
        while (found := _TOKEN.search(self.source, at)) is not None:
            at = self._token(found[0], found.start(), found.end())
        self._finish()

    def _token(self, token: str, start: int, end: int) -> int:
        first = token[0]
        if first == "`":
            return self._code(token, start, end)
        if first in "*_":
            self._stress(first, start, end)
        elif first == " ":
            self._dash(start, end)
        else:
            self._quote(first, start, end)
        return end

    def _code(self, token: str, start: int, end: int) -> int:
        close = self.source.find(token, end)
        if close < 0:
            return end
        self.spans += [
            Span(start, end, "mark"), Span(end, close, "code"), Span(close, close + len(token), "mark"),
        ]
        return close + len(token)

    def _stress(self, sign: str, start: int, end: int) -> None:
        """A run of asterisks closes what it can, from the inside out, and opens with the rest."""
        if end - start > 3:
            return
        at = start
        if start > 0 and not self.source[start - 1].isspace():
            at = self._close_stress(sign, at, end)
        if at < end and end < len(self.source) and not self.source[end].isspace():
            for width in {1: (1,), 2: (2,), 3: (2, 1)}[end - at]:
                self._open(sign * width, at, width)
                at += width

    def _close_stress(self, sign: str, at: int, end: int) -> int:
        while at < end:
            fitting = [o for o in self._stack if o.mark[0] == sign and o.width <= end - at]
            if not fitting:
                return at
            self._close(fitting[-1], at, fitting[-1].width)
            at += fitting[-1].width
        return at

    def _dash(self, start: int, end: int) -> None:
        """In Russian dialogue a dash behind a sentence sign turns from speech to the author's words and back."""
        if not _DASH.match(self.source):
            return
        if any(o.mark == "—" for o in self._stack):
            self._close(next(o for o in self._stack if o.mark == "—"), start, 0)
        elif not self._stack:
            self._open("—", end, 0)

    def _quote(self, sign: str, start: int, end: int) -> None:
        opened = next((o for o in reversed(self._stack) if sign in _CLOSER.get(o.mark, "")), None)
        if opened is not None:
            self._close(opened, end, 0)
            return
        before, after = self.source[start - 1: start], self.source[end: end + 1]
        if sign in _CLOSER and after and not after.isspace() and not before.isalnum():
            self._open(sign, start, 0)

    def _open(self, mark: str, start: int, width: int) -> None:
        if len(self._stack) < _DEEPEST:
            self._stack.append(_Open(mark, start, width))

    def _close(self, opened: _Open, end: int, width: int) -> None:
        """Close `opened`; speech still open inside it ends where it ends, other marks inside it were letters."""
        while self._stack[-1] is not opened:
            inner = self._stack.pop()
            if inner.width == 0:
                self._add("speech", inner.start, end)
        self._stack.pop()
        if not width:
            self._add("speech", opened.start, end)
            return
        self._add("strong" if width == 2 else "action", opened.start, end + width)
        self._add("mark", opened.start, opened.start + width)
        self._add("mark", end, end + width)

    def _finish(self) -> None:
        """At the end of the line speech that was not closed runs on, and so does an action still being written."""
        end = len(self.source)
        for opened in reversed(self._stack):
            if opened.width == 0 or (opened.width == 1 and opened.mark == "*"):
                self._add("speech" if opened.width == 0 else "action", opened.start, end)

    def _add(self, kind: Kind, start: int, end: int) -> None:
        if start < end:
            self.spans.append(Span(start, end, kind))
