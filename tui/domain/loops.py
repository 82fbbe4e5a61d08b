"""Loops: how much of a reply was said before, in itself or in the replies before it.

Texts are compared as words without case, marks and the two dots of ё; a language that writes no blanks is compared by
its characters. What is said twice is counted by n-grams: a word counts as said before when it is part of `GRAM` words
in a row that were. Three measures, each a share of 1:

- within: of the last `WINDOW` words of the reply, those that the reply itself had before;
- message: of all its words, those that the replies before it had;
- openings: of its sentences, those that begin as a sentence of the replies before it began.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["within", "message", "openings"]

#: Words in a row that must come again to count.
GRAM = 5

#: The end of a reply in which it is looked for what it says again, in words; a shorter one is too short to tell.
WINDOW, LEAST = 48, 24

#: Replies that are looked back on.
BACK = 6

#: From which share on each measure tells a loop.
LIMITS: dict[Kind, float] = {"within": 0.6, "message": 0.5, "openings": 0.75}

#: Words of a reply from which on it can repeat others by parts; a shorter one only as a whole, and from so many on.
LEAST_OF_MESSAGE, LEAST_WHOLE = 15, 4

#: Sentences that a reply must have for their openings to tell something, and words that make an opening.
LEAST_SENTENCES, OPENING = 4, 3

_WORD = re.compile(
    "[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"   # no blanks between words: each character
    "|[^\\W_]+(?:['\u2019\u02bc-][^\\W_]+)*"
)
_SENTENCE = re.compile("[.!?\u2026\u3002\uff01\uff1f]+[\"'\u201d\u00bb\u2019)*\\]]*\\s*|\n+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is compared, and where it stands in the text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Loop:
    """How much was said before. `share` (0..1) is that of the measure which is nearest to its limit, or furthest above
    it; `alarm` whether it reached it. `start` is the character from which on the text says again what was said: there
    one would cut to be rid of it."""

    share: float
    kind: Kind
    alarm: bool
    start: int


def words_of(text: str) -> list[Word]:
    """The words of a text, as they are compared."""
    return [
        Word(match.group().casefold().replace("ё", "е").replace("\u2019", "'"), match.start(), match.end())
        for match in _WORD.finditer(text)
    ]


class LoopWatch:
    """Measures a reply, growing or whole, against the replies before it, the latest last; texts of other speakers
    do not belong among them."""

    def __init__(self, before: Sequence[str]) -> None:
        late = before[-BACK:]
        former = [words_of(text) for text in late]
        self._grams = {gram for words in former for gram in _grams(words)}
        self._whole = [tuple(word.text for word in words) for words in former]
        self._openings = {
            opening for text, words in zip(late, former, strict=True) for opening, _ in _openings(text, words)
        }

    def measure(self, text: str) -> Loop:
        """What of `text` was said before."""
        words = words_of(text)
        found = [
            _within(text, words), self._message(text, words), self._opened(text, words),
        ]
        return max(found, key=lambda loop: loop.share / LIMITS[loop.kind])

    def _message(self, text: str, words: Sequence[Word]) -> Loop:
        whole = tuple(word.text for word in words)
        if len(words) < LEAST_OF_MESSAGE:
            same = len(words) >= LEAST_WHOLE and whole in self._whole
            return Loop(1.0, "message", True, 0) if same else Loop(0.0, "message", False, len(text))
        again = _covered(words, (gram in self._grams for gram in _grams(words)))
        return _loop("message", text, sum(again) / max(len(words), LEAST), _first(words, again, len(text)))

    def _opened(self, text: str, words: Sequence[Word]) -> Loop:
        openings = _openings(text, words)
        known = [opening in self._openings for opening, _ in openings]
        share = sum(known) / len(known) if len(known) >= LEAST_SENTENCES else 0.0
        start = next((at for (_, at), old in zip(openings, known, strict=True) if old), len(text))
        return _loop("openings", text, share, start)


def _within(text: str, words: Sequence[Word]) -> Loop:
    seen: set[tuple[str, ...]] = set()
    old: list[bool] = []
    for gram in _grams(words):
        old.append(gram in seen)
        seen.add(gram)
    again = _covered(words, old)
    tail = again[-WINDOW:]
    share = sum(tail) / WINDOW if len(words) >= LEAST else 0.0
    return _loop("within", text, share, _first(words, again, len(text)))


def _loop(kind: Kind, text: str, share: float, start: int) -> Loop:
    alarm = share >= LIMITS[kind]
    return Loop(share, kind, alarm, _sentence_start(text, start) if alarm else len(text))


def _grams(words: Sequence[Word]) -> list[tuple[str, ...]]:
    return [tuple(word.text for word in words[at:at + GRAM]) for at in range(len(words) - GRAM + 1)]


def _covered(words: Sequence[Word], old: Iterable[bool]) -> list[bool]:
    """For each word whether it is part of an n-gram that is `old`."""
    out = [False] * len(words)
    for at, known in enumerate(old):
        if known:
            out[at:at + GRAM] = [True] * GRAM
    return out


def _first(words: Sequence[Word], again: Sequence[bool], end: int) -> int:
    """Where the last run of what was said before begins; single words that are new do not end it."""
    start, fresh = end, 0
    for word, known in zip(reversed(words), reversed(again), strict=True):
        if known:
            start, fresh = word.start, 0
        else:
            fresh += 1
            if start < end and fresh > GRAM:
                break
    return start


def _openings(text: str, words: Sequence[Word]) -> list[tuple[tuple[str, ...], int]]:
    """How each sentence begins, and where. One of fewer words than make an opening has none."""
    out: list[tuple[tuple[str, ...], int]] = []
    starts, at = [word.start for word in words], 0
    for end in [*(match.end() for match in _SENTENCE.finditer(text)), len(text)]:
        first, last = bisect_left(starts, at), bisect_left(starts, end)
        if last - first >= OPENING:
            out.append((tuple(word.text for word in words[first:first + OPENING]), at))
        at = end
    return out


def _sentence_start(text: str, at: int) -> int:
    """The start of the sentence that `at` stands in."""
    return max((match.end() for match in _SENTENCE.finditer(text, 0, at)), default=0)
