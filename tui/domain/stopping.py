"""Stop strings in a stream: text is held back as long as it could be the beginning of one."""

from __future__ import annotations

from collections.abc import Iterable


class StopWatch:
    """Lets text through up to the first stop string. The result does not depend on how the text is cut up."""

    def __init__(self, stops: Iterable[str]) -> None:
        self.stops = tuple(dict.fromkeys(s for s in stops if s))
        self._held = ""
        self._hit = ""

    @property
    def hit(self) -> str:
        """The stop string that ended the text, or ""."""
        return self._hit

    def feed(self, text: str) -> tuple[str, str]:
        """Take the next stretch. Returns what may be shown, and the stop string met ("" if none).

        After a hit nothing passes any more.
        """
        if self._hit:
            return "", self._hit
        buffer = self._held + text
        at, found = self._first(buffer)
        if found:
            self._held, self._hit = "", found
            return buffer[:at], found
        keep = self._open_at(buffer)
        self._held = buffer[keep:]
        return buffer[:keep], ""

    def close(self) -> tuple[str, str]:
        """The end of the stream: what was held back is text, up to a stop that a longer one had kept open."""
        held, self._held = self._held, ""
        at, found = self._earliest(held)
        self._hit = self._hit or found
        return (held[:at], found) if found else (held, self._hit)

    def _first(self, buffer: str) -> tuple[int, str]:
        """The earliest stop, unless one that would begin before it is still open."""
        at, found = self._earliest(buffer)
        return (at, found) if found and self._open_at(buffer) >= at else (0, "")

    def _earliest(self, buffer: str) -> tuple[int, str]:
        """Where the first stop begins, and which; of several at one place the shortest."""
        places = ((at, len(stop), stop) for stop in self.stops if (at := buffer.find(stop)) >= 0)
        at, _, found = min(places, default=(0, 0, ""))
        return at, found

    def _open_at(self, buffer: str) -> int:
        """Where the longest tail begins that is a proper beginning of a stop; the length if there is none."""
        longest = max((len(s) for s in self.stops), default=0)
        for at in range(max(0, len(buffer) - longest + 1), len(buffer)):
            tail = buffer[at:]
            if any(s.startswith(tail) and len(s) > len(tail) for s in self.stops):
                return at
        return len(buffer)
