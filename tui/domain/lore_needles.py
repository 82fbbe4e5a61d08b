"""An index of strings that are looked for in texts: thousands of them, in about the time that reading the text takes.

Each string is filed under one word or one run of four characters that must stand in a text for the string to stand
there: of those that it has, the one under which the fewest others lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from tui.domain.lore_forms import ASCII_WORD, EDGE, Stem, compose, cut, fold, stem_line, stem_tokens
from tui.domain.pattern_literals import fold_for_patterns

_GRAM = 4
#: Up to so many runs of characters it is quicker to look for each than to cut the text into all of its own.
_FEW = 32
Owner = TypeVar("Owner")


class Form(IntEnum):
    """How a text is written for a kind of key."""

    RAW = 0
    LOWER = 1
    EXACT = 2
    FOLDED = 3
    EXACT_WORDS = 4
    FOLDED_WORDS = 5
    EXACT_STEMS = 6
    FOLDED_STEMS = 7
    PATTERN = 8


class TextForms:
    """One text in the forms that keys ask for, each made once."""

    __slots__ = ("_grams", "_lines", "_stem", "_words", "text")

    def __init__(self, text: str, stem: Stem) -> None:
        self.text = text
        self._stem = stem
        self._lines: dict[Form, str] = {}
        self._words: dict[Form, list[str]] = {}
        self._grams: dict[tuple[Form, int], set[str]] = {}

    def line(self, form: Form) -> str:
        """The text in a form, as one string."""
        line = self._lines.get(form)
        if line is None:
            line = self._lines[form] = self._make(form)
        return line

    def words(self, form: Form) -> list[str]:
        """The words of the text in a form."""
        if form not in self._words:
            if form in (Form.RAW, Form.LOWER):
                self._words[form] = ASCII_WORD.findall(self.line(form))
            else:
                self._make(form)
        return self._words[form]

    def _make(self, form: Form) -> str:
        if form == Form.RAW:
            return self.text
        if form == Form.LOWER:
            return self.text.lower()
        if form == Form.EXACT:
            return compose(self.text)
        if form == Form.FOLDED:
            return fold(self.text)
        if form == Form.PATTERN:
            return fold_for_patterns(self.text)
        if form in (Form.EXACT_WORDS, Form.FOLDED_WORDS):
            pieces = cut(self.line(Form.EXACT if form == Form.EXACT_WORDS else Form.FOLDED))
            self._words[form] = pieces[1::2]
            return EDGE.join(pieces)
        self._words[form] = stem_tokens(self.text, self._stem, form == Form.EXACT_STEMS)
        return stem_line(self._words[form])

    def grams(self, form: Form, size: int) -> set[str]:
        """All runs of `size` characters in the text."""
        grams = self._grams.get((form, size))
        if grams is None:
            line = self.line(form)
            grams = set(line) if size == 1 else {line[i : i + size] for i in range(len(line) - size + 1)}
            self._grams[form, size] = grams
        return grams


@dataclass(slots=True)
class _Needle(Generic[Owner]):
    """A string and those who look for it; `sure` if being filed under a word of the text is enough; `check` says
    whether it stands in a line where that takes more than being a part of it."""

    text: str
    sure: bool
    check: Callable[[str], bool] | None
    owners: list[Owner] = field(default_factory=list)


class NeedleIndex(Generic[Owner]):
    """Strings looked for in texts of one form."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._needles: dict[tuple[str, bool], _Needle[Owner]] = {}
        self._by_word: dict[str, list[_Needle[Owner]]] = {}
        self._by_gram: dict[int, dict[str, list[_Needle[Owner]]]] = {}

    def add(
        self, needle: str, owner: Owner, words: Sequence[str] = (), *, sure: bool = False,
        check: Callable[[str], bool] | None = None,
    ) -> None:
        """Look for `needle`. `words`, if given, are whole words that every text that holds it has; `sure`: to have
        that one word is to hold it. One string with a check and one without are different ones."""
        found = self._needles.get((needle, check is not None or sure))
        if found is None:
            found = self._needles[needle, check is not None or sure] = _Needle(needle, sure, check)
            if words:
                _file(found, self._by_word, words)
            else:
                size = min(_GRAM, len(needle))
                grams = [needle[i : i + size] for i in range(len(needle) - size + 1)]
                _file(found, self._by_gram.setdefault(size, {}), grams)
        found.owners.append(owner)

    def find(self, forms: TextForms) -> set[Owner]:
        """Owners of the strings that stand in a text."""
        found: set[Owner] = set()
        line = forms.line(self.form)
        if self._by_word:
            _look(self._by_word, forms.words(self.form), line, found)
        for size, buckets in self._by_gram.items():
            few = len(buckets) <= _FEW
            grams = [gram for gram in buckets if gram in line] if few else forms.grams(self.form, size)
            _look(buckets, grams, line, found)
        return found


def _file(needle: _Needle[Owner], buckets: dict[str, list[_Needle[Owner]]], anchors: Iterable[str]) -> None:
    anchor = min(anchors, key=lambda a: len(buckets.get(a, ())))
    buckets.setdefault(anchor, []).append(needle)


def _look(buckets: dict[str, list[_Needle[Owner]]], anchors: Iterable[str], line: str, found: set[Owner]) -> None:
    for anchor in buckets.keys() & anchors:
        for needle in buckets[anchor]:
            if needle.sure or (needle.text in line and (needle.check is None or needle.check(line))):
                found.update(needle.owners)
