"""Phrases that must not come: found in the text, whatever tokens it is made of, before any of them is shown."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tui.domain.phrases import folded

#: Times that a phrase is gone back from at one place, and in one reply. Then it is let through, and that is said.
MOST_HERE, MOST_IN_ALL = 20, 200


@dataclass(frozen=True, slots=True)
class Held:
    """A token of the reply that waits until its text can be no part of a phrase."""

    token: int
    piece: bytes
    likelihood: Any
    text: str


class Gate:
    """Holds back tokens that may begin a phrase. Case does not count."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases = tuple(dict.fromkeys(folded(phrase) for phrase in phrases if phrase))
        self._longest = max(map(len, self._phrases), default=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held: list[Held] = []
        self._states: list[Any] = []              # of the decoder before each token that is held
        self._tail = ""                           # the end of what was let out: a phrase may begin there after a return
        #: How often each phrase was met.
        self.met: Counter[str] = Counter()

    def take(self, token: int, piece: bytes, likelihood: Any = None) -> int:
        """Hold the next token. Returns how many of those held, from the end, have to go since a phrase began in the
        first of them (or before it, in what is shown already); 0 for none. They are gone then."""
        self._states.append(self._decoder.getstate())
        self._held.append(Held(token, piece, likelihood, self._decoder.decode(piece)))
        text = self._tail + self._text()
        found = [(at, phrase) for phrase in self._phrases if (at := text.find(phrase)) >= 0]
        if not found:
            return 0
        at, phrase = min(found)
        self.met[phrase] += 1
        first = self._at(max(0, at - len(self._tail)))
        gone = len(self._held) - first
        self._decoder.setstate(self._states[first])
        del self._held[first:], self._states[first:]
        return gone

    def open(self) -> None:
        """Let everything through from now on."""
        self._phrases, self._longest = (), 0

    def free(self) -> list[Held]:
        """The tokens that can be shown now."""
        held = self._text()
        text = self._tail + held
        most = max(0, min(self._longest - 1, len(text)))
        hold = next((n for n in range(most, 0, -1) if any(p.startswith(text[-n:]) for p in self._phrases)), 0)
        return self._release(self._at(max(0, len(held) - hold)) if hold else len(self._held))

    def rest(self) -> list[Held]:
        """All that is held, when no more will come or phrases are let through."""
        return self._release(len(self._held))

    def _release(self, count: int) -> list[Held]:
        out = self._held[:count]
        if self._longest > 1:
            self._tail = (self._tail + folded("".join(one.text for one in out)))[1 - self._longest:]
        del self._held[:count], self._states[:count]
        return out

    def _text(self) -> str:
        return folded("".join(one.text for one in self._held))

    def _at(self, place: int) -> int:
        """The token in which the character at `place` begins."""
        end = 0
        for index, one in enumerate(self._held):
            end += len(one.text)
            if place < end:
                return index
        return len(self._held)
