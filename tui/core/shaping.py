"""What is done to a reply as it streams: white space before it goes, and the speaker's own name."""

from __future__ import annotations

from collections.abc import Sequence


class ReplyShaper:
    """Holds the first characters back until it is sure that they are not `Name:` or white space.

    Models that were trained on transcripts begin with the name of who speaks; the screen shows it anyway.
    """

    def __init__(self, names: Sequence[str], *, continued: bool = False) -> None:
        self._prefixes = tuple(f"{name}:" for name in names if name)
        self._started = continued
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that may be shown now."""
        if self._started:
            return text
        self._held += text
        start = self._held.lstrip()
        if not start or any(p != start and p.startswith(start) for p in self._prefixes):
            return ""
        for prefix in self._prefixes:
            if start == prefix or (start.startswith(prefix) and not start[len(prefix):].strip()):
                return ""
            if start.startswith(prefix):
                start = start[len(prefix):].lstrip()
                break
        self._started, self._held = True, ""
        return start

    def finish(self) -> str:
        """What was still held back when the reply ended."""
        held, self._held = self._held.strip(), ""
        return "" if self._started or held in self._prefixes else held
