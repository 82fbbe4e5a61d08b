"""Streams of one JSON document a line (NDJSON) out of bytes: pure, no input or output."""

from __future__ import annotations

from tui.backends.sse import EventParser, ServerEvent


class LineParser(EventParser):
    """As EventParser, for a stream in which each line is an event. Blank lines and comments, which proxies send to
    keep a line open, are signs of life; a last line needs no end."""

    def _end_line(self) -> list[ServerEvent]:
        line = "".join(self._line).strip()
        self._line.clear()
        self._line_size = 0
        self.lines += 1
        if line[:1] == ":":
            self.comments += not self._spoken
            return []
        self._spoken |= bool(line)
        return [ServerEvent("message", line)] if line else []
