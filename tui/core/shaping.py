"""What is done to a reply as it streams: broken characters, white space before it, and the speaker's own name."""

from __future__ import annotations

from collections.abc import Sequence

from tui.store.text import clean


class WholeCharacters:
    """Joins surrogate pairs that arrive in two pieces; a half without its other half becomes U+FFFD."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """The text that is whole now."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return clean(text)

    def finish(self) -> str:
        half, self._half = self._half, ""
        return clean(half)


class ReplyShaper:
    """Holds the first characters back until it is sure that they are not `Name:` or white space.

    Models that were trained on transcripts begin with the name of who speaks; the screen shows it anyway. `dropped`
    counts the characters taken away so far, all of them from the beginning.
    """

    def __init__(self, names: Sequence[str], *, continued: bool = False) -> None:
        self._prefixes = tuple(f"{name}:" for name in names if name)
        self._started = continued
        self._held = ""
        self._whole = WholeCharacters()
        self.dropped = 0

    @property
    def started(self) -> bool:
        """Whether anything may be shown yet; from then on nothing more is dropped."""
        return self._started

    @property
    def pending(self) -> str:
        """What is held back."""
        return "" if self._started else self._held

    def feed(self, text: str) -> str:
        """The text that may be shown now."""
        return self._shaped(self._whole.feed(text))

    def finish(self) -> str:
        """What was still held back when the reply ended."""
        last = self._shaped(self._whole.finish())
        before, self._held = self._held, ""
        held = before.strip()
        if self._started or held in self._prefixes:
            return last
        self._started, self.dropped = True, len(before) - len(before.lstrip())
        return last + held

    def _shaped(self, text: str) -> str:
        if self._started:
            return text
        self._held += text
        start = self._held.lstrip()
        for prefix in self._prefixes:
            if start.startswith(prefix):
                start = start[len(prefix):].lstrip()
                break
        else:
            if any(prefix.startswith(start) for prefix in self._prefixes):
                return ""                         # it may yet become the name
        if not start:
            return ""
        self.dropped = len(self._held) - len(start)
        self._started, self._held = True, ""
        return start
