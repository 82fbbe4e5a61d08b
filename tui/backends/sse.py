"""Server-sent events out of bytes, however they were cut up: pure, no input or output.

Follows the event stream format of the HTML standard and forgives what servers do: a last event without its blank line,
no blank after the colon, lone CRs. Comments yield nothing (their arrival still shows that somebody is there).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

MAX_LINE = 1 << 20
"""Longest line and longest event taken, in characters."""


class TooLong(Exception):
    """A line or an event without end."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name ("message" unless the server named it) and its data lines, joined by newlines."""

    name: str
    data: str


class EventParser:
    """Feed it bytes, get events. Any way of cutting the bytes gives the same events. `lines` counts what has
    come, `comments` those before the first event."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._max = max_line
        self._line: list[str] = []
        self._line_size = 0
        self._data: list[str] = []
        self._data_size = 0
        self._name = ""
        self._after_cr = False
        self._at_start = True
        self.lines = self.comments = 0
        self._spoken = False

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Events completed by `data`. Raises TooLong."""
        return self._take(self._decoder.decode(data))

    def close(self) -> list[ServerEvent]:
        """The end of the stream: the last event counts although no blank line followed. Raises TooLong."""
        events = self._take(self._decoder.decode(b"", final=True))
        if self._line:
            events += self._end_line()
        return events + self._dispatch()

    def _take(self, text: str) -> list[ServerEvent]:
        if not text:
            return []
        if self._at_start:
            text, self._at_start = text.removeprefix("\ufeff"), False
        if self._after_cr and text.startswith("\n"):
            text = text[1:]
        self._after_cr = text.endswith("\r") if text else False
        *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        events: list[ServerEvent] = []
        for piece in whole:
            self._hold(piece)
            events += self._end_line()
        self._hold(rest)
        return events

    def _hold(self, piece: str) -> None:
        if not piece:
            return
        self._line.append(piece)
        self._line_size += len(piece)
        if self._line_size > self._max:
            raise TooLong(f"a line of more than {self._max} characters")

    def _end_line(self) -> list[ServerEvent]:
        line = "".join(self._line)
        self._line.clear()
        self._line_size = 0
        self.lines += 1
        if not line:
            return self._dispatch()
        self.comments += line[0] == ":" and not self._spoken
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._data_size += len(value) + 1
            if self._data_size > self._max + 1:
                raise TooLong(f"an event of more than {self._max} characters")
        elif field == "event":
            self._name = value
        return []

    def _dispatch(self) -> list[ServerEvent]:
        name, data = self._name or "message", "\n".join(self._data)
        had_data = bool(self._data)
        self._spoken |= had_data
        self._name, self._data_size = "", 0
        self._data.clear()
        return [ServerEvent(name, data)] if had_data else []
