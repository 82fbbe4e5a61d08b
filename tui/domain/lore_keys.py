"""Keys of lore entries against a stretch of chat: what a key is, who finds it, and the plain way of doing so.

A key is a word or phrase, or a regular expression written `/…/flags`. Plain keys are trimmed; upper and lower case,
and `ё` and `е`, are the same letter unless case counts. Patterns are tried on the texts as SillyTavern joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from tui.domain.lore_forms import (
    ASCII_WORD,
    JS_SPACE,
    Stem,
    compose,
    fold,
    in_word,
    stem_tokens,
    word_pattern,
    words_of,
)
from tui.domain.notice import Notice
from tui.domain.pattern_literals import fold_for_patterns, pattern_facts
from tui.domain.patterns import Pattern, parse_pattern

#: Tries patterns on texts, all in one go: (pattern as written, text) -> whether it occurs, or why that is not known.
Matcher = Callable[[Sequence[tuple[str, str]]], Sequence[bool | Notice]]

#: Stands before each text that patterns are tried on, as in SillyTavern; the texts are joined with a line break.
MARKER = "\x01"

#: A matcher's answer where the time for all was used up before a pattern's turn came; it says nothing of the pattern.
NOT_TRIED = Notice("The patterns took too long together; this one was not tried this time.")
NO_HELPER = Notice("The key is a regular expression, and nothing here can try it.")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key and how it is compared.

    `whole_words`: letters, digits, `_` and combining marks of any script do not go on beyond the key. `ascii_words`:
    exactly as SillyTavern compares, for which only ASCII letters, digits and `_` are parts of words, a key with
    spaces may stand anywhere, and `ё` is not `е`. `stem`: every word of the key is compared by its stem with
    consecutive words of the text; a key without words is compared as it is.
    """

    key: str
    case_sensitive: bool
    whole_words: bool
    ascii_words: bool = False
    stem: bool = False

    def __hash__(self) -> int:
        return hash(self.key)            # thousands are hashed each turn, and a string remembers its hash


class KeyFinder(Protocol):
    """Finds keys in texts. Texts are given newest first; a text is not changed between calls."""

    def prepare(self, specs: Iterable[KeySpec]) -> None:
        """Name all keys that may be asked for, instead of those named before."""

    def occurs(self, spec: KeySpec, texts: Sequence[str]) -> bool:
        """Whether a key occurs in any of the texts. Blank keys never do."""

    def where(self, spec: KeySpec, texts: Sequence[str]) -> tuple[int | None, str]:
        """The index of the first text that holds the key, and what stands around it there (80 characters at most,
        white space collapsed); (None, "") where no text holds it by itself."""

    def hits(self, texts: Sequence[str]) -> set[KeySpec]:
        """Every prepared key that occurs in these texts."""

    def refused(self, spec: KeySpec) -> Notice | None:
        """Why a pattern could not be tried when it was last asked for."""


def is_pattern(key: str) -> bool:
    """Whether a key is a regular expression `/…/flags`, if only a wrong one."""
    return key.startswith("/") and parse_pattern(key) is not None


def pattern_text(texts: Iterable[str]) -> str:
    """The texts as patterns see them."""
    return "\n".join(MARKER + text for text in texts)


def trimmed(spec: KeySpec) -> str:
    """A plain key in the form in which it is looked for; empty if it is blank."""
    if spec.ascii_words:
        key = spec.key.strip(JS_SPACE)
        return key if spec.case_sensitive else key.lower()
    return compose(spec.key.strip()) if spec.case_sensitive else _folded_key(spec.key)


@lru_cache(maxsize=65_536)
def _folded_key(key: str) -> str:
    return fold(key.strip())


def by_stem(spec: KeySpec) -> bool:
    """Whether a key is compared by stems, which takes a word in it."""
    return spec.stem and bool(words_of(compose(spec.key)))


@dataclass(slots=True)
class _Texts:
    """Texts in the forms that keys ask for, each made once."""

    texts: tuple[str, ...]
    forms: dict[str, list[str]] = field(default_factory=dict)
    stems: dict[bool, list[list[str]]] = field(default_factory=dict)

    def of(self, spec: KeySpec) -> list[str]:
        if spec.ascii_words:
            return list(self.texts) if spec.case_sensitive else self._form("lower", str.lower)
        return self._form("exact", compose) if spec.case_sensitive else self._form("folded", fold)

    def _form(self, name: str, make: Callable[[str], str]) -> list[str]:
        if name not in self.forms:
            self.forms[name] = [make(text) for text in self.texts]
        return self.forms[name]

    def stems_of(self, stem: Stem, case_sensitive: bool) -> list[list[str]]:
        if case_sensitive not in self.stems:
            self.stems[case_sensitive] = [stem_tokens(text, stem, case_sensitive) for text in self.texts]
        return self.stems[case_sensitive]


class PlainFinder:
    """Tries every key on every text, one after the other: slow, and plainly right."""

    def __init__(self, matcher: Matcher | None = None, stem: Stem | None = None) -> None:
        self._matcher = matcher
        self._stem = stem
        self._specs: dict[KeySpec, None] = {}
        self._refused: dict[KeySpec, Notice] = {}
        self._texts = _Texts(())

    def prepare(self, specs: Iterable[KeySpec]) -> None:
        self._specs = dict.fromkeys(specs)

    def occurs(self, spec: KeySpec, texts: Sequence[str]) -> bool:
        if is_pattern(spec.key):
            return spec in self._patterns_in([spec], texts)
        return self._first(spec, texts) is not None

    def hits(self, texts: Sequence[str]) -> set[KeySpec]:
        found = self._patterns_in([spec for spec in self._specs if is_pattern(spec.key)], texts)
        found.update(s for s in self._specs if not is_pattern(s.key) and self._first(s, texts) is not None)
        return found

    def where(self, spec: KeySpec, texts: Sequence[str]) -> tuple[int | None, str]:
        if is_pattern(spec.key):
            index = next((i for i, text in enumerate(texts) if self._patterns_in([spec], [text])), None)
        else:
            index = self._first(spec, texts)
        return (None, "") if index is None else (index, snippet(spec, texts[index], self._stem))

    def refused(self, spec: KeySpec) -> Notice | None:
        pattern = parse_pattern(spec.key) if is_pattern(spec.key) else None
        if pattern is not None and (pattern.problem is not None or self._matcher is None):
            return pattern.problem or NO_HELPER
        return self._refused.get(spec)

    def _first(self, spec: KeySpec, texts: Sequence[str]) -> int | None:
        given = tuple(texts)
        if given != self._texts.texts:
            self._texts = _Texts(given)
        if self._stem is not None and by_stem(spec):
            wanted = stem_tokens(spec.key.strip(), self._stem, spec.case_sensitive)
            lists = self._texts.stems_of(self._stem, spec.case_sensitive)
            return next((i for i, tokens in enumerate(lists) if _run_at(wanted, tokens) is not None), None)
        needle = trimmed(spec)
        if not needle:
            return None
        return next((i for i, text in enumerate(self._texts.of(spec)) if find_plain(spec, needle, text) >= 0), None)

    def _patterns_in(self, specs: Sequence[KeySpec], texts: Sequence[str]) -> set[KeySpec]:
        trying = [spec for spec in specs if (p := parse_pattern(spec.key)) is not None and p.problem is None]
        if self._matcher is None or not texts or not trying:
            return set()
        text = pattern_text(texts)
        answers = dict(zip(trying, self._matcher([(spec.key, text) for spec in trying]), strict=True))
        for spec, answer in answers.items():
            self._refused.pop(spec, None)
            if isinstance(answer, Notice):
                self._refused[spec] = answer
        return {spec for spec, answer in answers.items() if answer is True}


def find_plain(spec: KeySpec, needle: str, text: str) -> int:
    """Where a trimmed key stands in a text of its form; -1 where it does not."""
    at = text.find(needle)
    if at < 0 or not spec.whole_words:
        return at
    if not spec.ascii_words:
        return _find_bounded(needle, text, at, in_word, in_word(needle[0]), in_word(needle[-1]))
    if any(space in needle for space in JS_SPACE):
        return at
    return _find_bounded(needle, text, at, _in_ascii_word, True, True)


def _find_bounded(
    needle: str, text: str, at: int, inside: Callable[[str], bool], guard_start: bool, guard_end: bool
) -> int:
    while at >= 0:
        end = at + len(needle)
        if not (guard_start and inside(text[max(at - 1, 0) : at])) and not (guard_end and inside(text[end : end + 1])):
            return at
        at = text.find(needle, at + 1)
    return -1


def _in_ascii_word(char: str) -> bool:
    return ASCII_WORD.match(char) is not None


def _run_at(wanted: Sequence[str], tokens: Sequence[str]) -> int | None:
    """Where a run of stems begins among others."""
    size = len(wanted)
    return next((i for i in range(len(tokens) - size + 1) if tokens[i : i + size] == wanted), None)


def snippet(spec: KeySpec, text: str, stem: Stem | None = None, width: int = 80) -> str:
    """What stands around a key in a text, `width` characters at most."""
    pattern = parse_pattern(spec.key)
    at = _place(spec, text, stem) if pattern is None else _pattern_place(pattern, text)
    start = max(0, at - width // 3)
    return " ".join(text[start : start + width].split())


def _pattern_place(pattern: Pattern, text: str) -> int:
    """Where the first of the strings stands that a match must have; its own place is known to the helper alone."""
    folded = fold_for_patterns(text)
    literals = pattern_facts(pattern.source, pattern.flags).literals or ()
    places = [at for literal in literals if (at := folded.find(literal)) >= 0]
    return _scaled(min(places, default=0), folded, text)


def _scaled(at: int, form: str, text: str) -> int:
    """About where a place in a form of a text is in the text: forms are rarely of another length."""
    return at if len(form) == len(text) else at * len(text) // max(1, len(form))


def _place(spec: KeySpec, text: str, stem: Stem | None) -> int:
    """About where a plain key begins in the text as written."""
    if stem is not None and by_stem(spec):
        wanted = stem_tokens(spec.key.strip(), stem, spec.case_sensitive)
        run = _run_at(wanted, stem_tokens(text, stem, spec.case_sensitive))
        starts = [word.start() for word in word_pattern().finditer(compose(text))]
        return starts[run] if run is not None and run < len(starts) else 0
    form = _Texts((text,)).of(spec)[0]
    return _scaled(max(0, find_plain(spec, trimmed(spec), form)), form, text)
