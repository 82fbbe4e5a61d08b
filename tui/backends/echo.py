"""A started reply that a server says again before it goes on with it: taken off, however the stream is cut up."""

from __future__ import annotations


class Echo:
    """Takes the text of a reply as it comes, gives it without `start` at its beginning."""

    def __init__(self, start: str) -> None:
        self._start, self._held = start.strip(), ""
        self._waiting = bool(self._start)

    def feed(self, text: str) -> str:
        """What of the reply is new by now."""
        if not self._waiting:
            return text
        self._held += text
        bare = self._held.lstrip()
        if self._start.startswith(bare) and len(bare) < len(self._start):
            return ""
        self._waiting = False
        held, self._held = self._held, ""
        return bare.removeprefix(self._start) if bare.startswith(self._start) else held

    def close(self) -> str:
        """The end of the reply: what was held back is text after all, unless it is all that was given."""
        held, self._held, self._waiting = self._held, "", False
        return held
