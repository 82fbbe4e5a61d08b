"""Phrases that must not come, found in a text as it streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tui.domain.notice import Notice, notice


def folded(text: str) -> str:
    """Lower case, a character for each character."""
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


class PhraseWatch:
    """Lets text through up to a phrase. White space is held back until more follows, so that what was let through
    can always be gone on from. Case does not count."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases = tuple(dict.fromkeys(folded(phrase) for phrase in phrases if phrase.strip()))
        self._longest = max(map(len, self._phrases), default=0)
        self._shown = ""                          # the end of what was let through: a phrase may begin there
        self._held = ""
        #: How often each phrase was met.
        self.met: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._phrases)

    def feed(self, text: str) -> tuple[str, str]:
        """Take the next stretch. Returns what may be shown, and the phrase met ("" if none): what is held then, and
        what comes after it, is gone."""
        self._held += text
        low = self._shown + folded(self._held)
        found = [(at, phrase) for phrase in self._phrases if (at := low.find(phrase)) >= 0]
        if found:
            at, phrase = min(found)
            self.met[phrase] += 1
            free = self._held[:max(0, at - len(self._shown))].rstrip()
            self._held = ""
            return self._let(free), phrase
        keep = next((n for n in range(min(self._longest - 1, len(low)), 0, -1)
                     if any(phrase.startswith(low[-n:]) for phrase in self._phrases)), 0)
        free = self._held[:max(0, len(self._held) - keep)].rstrip()
        self._held = self._held[len(free):]
        return self._let(free), ""

    def rest(self) -> str:
        """What is held, when no more will come."""
        held, self._held = self._held, ""
        return self._let(held)

    def open(self) -> None:
        """Let everything through from now on."""
        self._phrases, self._longest = (), 0

    def _let(self, text: str) -> str:
        if text and self._longest > 1:
            self._shown = (self._shown + folded(text))[1 - self._longest:]
        return text


def gone_back(met: Mapping[str, int], *, let_through: bool) -> list[Notice]:
    """What a reply tells of the phrases that were met in it."""
    if not met:
        return []
    phrases = ", ".join(f"«{phrase[:40]}» ×{times}" for phrase, times in Counter(met).most_common(5))
    out = [notice("Gone back from phrases that must not come: {phrases}.", phrases=phrases)]
    if let_through:
        out.append(notice("They came again and again, so that from there on they were let through."))
    return out
