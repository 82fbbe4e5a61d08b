"""Stop strings over a stream: hold back what may still become one, give out what no longer can."""

from __future__ import annotations

from collections.abc import Iterable


class StopScanner:
    """Feed it text as it comes. `hit` is the stop string once one was met; nothing is given out after it."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(dict.fromkeys(stop for stop in stops if stop))
        self._starts = frozenset(stop[:end] for stop in self._stops for end in range(1, len(stop)))
        self._longest = max((len(stop) for stop in self._stops), default=1) - 1
        self._held = ""
        self.hit = ""

    def feed(self, text: str) -> str:
        """What may be shown now that `text` has come. Where several stop strings match, the first to begin
        wins, and of two that begin together the longer."""
        if self.hit:
            return ""
        text = self._held + text
        found = [(at, -len(stop), stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, _, self.hit = min(found)
            self._held = ""
            return text[:at]
        hold = next((n for n in range(min(self._longest, len(text)), 0, -1) if text[-n:] in self._starts), 0)
        self._held = text[len(text) - hold:]
        return text[:len(text) - hold]

    def rest(self) -> str:
        """What was held back, when no more will come."""
        text, self._held = self._held, ""
        return text
