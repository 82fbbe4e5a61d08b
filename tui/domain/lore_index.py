"""Finds many keys in texts quickly: an index of the keys, and memory of what each text was found to hold.

A text is read once for all keys, and again only for keys that were not there before. A pattern is tried only where
the letters that it asks for stand, on one text where a match cannot stretch over several, and once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tui.domain.lore_forms import ASCII_WORD, EDGE, JS_SPACE, Stem, stem_line, stem_tokens, with_edges, words_of
from tui.domain.lore_keys import (
    MARKER,
    NO_HELPER,
    NOT_TRIED,
    KeySpec,
    Matcher,
    by_stem,
    find_plain,
    is_pattern,
    pattern_text,
    snippet,
    trimmed,
)
from tui.domain.lore_needles import Form, NeedleIndex, TextForms
from tui.domain.notice import Notice
from tui.domain.pattern_literals import PatternFacts, Reach, pattern_facts
from tui.domain.patterns import parse_pattern

#: What is known of texts is kept for this many of their characters altogether, each text counted as so many more for
#: what is noted with it; the longest unused goes first.
REMEMBERED = 16_000_000
_NOTES = 2_000
#: A pattern that was refused this often in a row is not tried again until the keys change; three times of not having
#: come to its turn count as one.
STRIKES = 3
_WEIGHT = 3
_WINDOWS = 64
_LAYERS = 8


@dataclass(slots=True, eq=False)
class _Pattern:
    """A key that is a pattern, and what became of trying it. `specs` are those prepared now; `proven` if it was ever
    tried to the end; `weight` counts how often in a row it was refused."""

    key: str
    facts: PatternFacts
    why: Notice | None
    specs: set[KeySpec] = field(default_factory=set)
    proven: bool = False
    weight: int = 0

    @classmethod
    def of(cls, key: str) -> _Pattern:
        parsed = parse_pattern(key)
        assert parsed is not None
        made = cls(key, pattern_facts(parsed.source, parsed.flags), parsed.problem)
        made.weight = STRIKES * _WEIGHT if parsed.problem else 0
        return made

    @property
    def open(self) -> bool:
        """Whether it is worth trying."""
        return bool(self.specs) and self.weight < STRIKES * _WEIGHT

    def forgive(self) -> None:
        """Let it be tried again, for something has changed."""
        parsed = parse_pattern(self.key)
        if parsed is not None and parsed.problem is None:
            self.weight = 0

    def learn(self, answer: bool | Notice) -> None:
        if isinstance(answer, Notice):
            self.why = answer
            self.weight += 1 if answer == NOT_TRIED else _WEIGHT
        else:
            self.why = None
            self.weight = 0
            self.proven = True


@dataclass(slots=True)
class _Tries:
    """Patterns and one text: those that wait to be tried on it, those that were, and of these those that match."""

    waiting: dict[_Pattern, None] = field(default_factory=dict)
    tried: dict[_Pattern, None] = field(default_factory=dict)
    held: list[_Pattern] = field(default_factory=list)

    def add(self, pattern: _Pattern) -> None:
        if pattern not in self.tried:
            self.waiting[pattern] = None

    def settle(self, pattern: _Pattern, holds: bool) -> None:
        if pattern in self.tried:                           # the same text may stand at several places
            return
        del self.waiting[pattern]
        self.tried[pattern] = None
        if holds:
            self.held.append(pattern)


#: A pattern to be tried on a text, and where the answer belongs.
_Job = tuple[tuple[_Pattern, str], list[_Tries]]


@dataclass(slots=True)
class _Known:
    """What is known of one text. `seen`: it was read for all keys up to this number. Patterns whose letters it has
    are tried on this text alone (`line`), on it with a line break after it or as the last (`message`,
    `message_last`), or on several texts together."""

    seen: int = 0
    hits: set[KeySpec] = field(default_factory=set)
    line: _Tries = field(default_factory=_Tries)
    message: _Tries = field(default_factory=_Tries)
    message_last: _Tries = field(default_factory=_Tries)
    together: dict[_Pattern, None] = field(default_factory=dict)

    def await_pattern(self, pattern: _Pattern) -> None:
        if pattern.facts.reach is Reach.LINE:
            self.line.add(pattern)
        elif pattern.facts.reach is Reach.MESSAGE:
            self.message.add(pattern)
            self.message_last.add(pattern)
        else:
            self.together[pattern] = None


class _Layer:
    """An index of the keys that came in together; `end` numbers the last of them."""

    def __init__(self, end: int) -> None:
        self.end = end
        self._plain: dict[Form, NeedleIndex[KeySpec]] = {}
        self._literals: NeedleIndex[_Pattern] = NeedleIndex(Form.PATTERN)
        self._always: list[_Pattern] = []

    def add_pattern(self, pattern: _Pattern) -> None:
        if pattern.facts.literals is None:
            self._always.append(pattern)
            return
        for literal in pattern.facts.literals:
            self._literals.add(literal, pattern)

    def add(self, spec: KeySpec, stem: Stem | None) -> None:
        """Take in a plain key; a blank one is left out."""
        needle = trimmed(spec)
        if stem is not None and by_stem(spec):
            tokens = stem_tokens(spec.key.strip(), stem, spec.case_sensitive)
            form = Form.EXACT_STEMS if spec.case_sensitive else Form.FOLDED_STEMS
            self._of(form).add(stem_line(tokens), spec, tokens, sure=len(tokens) == 1)
        elif not needle:
            return
        elif spec.ascii_words:
            self._add_ascii(spec, needle)
        elif spec.whole_words and EDGE in (edged := with_edges(needle)):
            words = words_of(needle)
            form = Form.EXACT_WORDS if spec.case_sensitive else Form.FOLDED_WORDS
            self._of(form).add(edged, spec, words, sure=words == [needle])
        else:
            self._of(Form.EXACT if spec.case_sensitive else Form.FOLDED).add(needle, spec)

    def _add_ascii(self, spec: KeySpec, needle: str) -> None:
        index = self._of(Form.RAW if spec.case_sensitive else Form.LOWER)
        if not spec.whole_words or any(space in needle for space in JS_SPACE):
            index.add(needle, spec)
        elif ASCII_WORD.fullmatch(needle):
            index.add(needle, spec, [needle], sure=True)
        else:
            index.add(needle, spec, check=partial(_stands, spec, needle))

    def _of(self, form: Form) -> NeedleIndex[KeySpec]:
        if form not in self._plain:
            self._plain[form] = NeedleIndex(form)
        return self._plain[form]

    def read(self, forms: TextForms, known: _Known) -> None:
        """Note what a text holds."""
        for index in self._plain.values():
            known.hits |= index.find(forms)
        for pattern in self._literals.find(forms):
            known.await_pattern(pattern)
        for pattern in self._always:
            known.await_pattern(pattern)


def _stands(spec: KeySpec, needle: str, line: str) -> bool:
    return find_plain(spec, needle, line) >= 0


class IndexedFinder:
    """Finds the same as `PlainFinder`, and is made for thousands of keys and for chats that grow at one end.

    `scanned` counts how often a text was read for a set of keys.
    """

    def __init__(self, matcher: Matcher | None = None, stem: Stem | None = None) -> None:
        self._matcher = matcher
        self._stem = stem
        self._given: object = None
        self._alive: dict[KeySpec, None] = {}
        self._filed: set[KeySpec] = set()
        self._patterns: dict[str, _Pattern] = {}
        self._layers: list[_Layer] = []
        self._number = 0
        self._texts: OrderedDict[str, _Known] = OrderedDict()
        self._size = 0
        self._windows: OrderedDict[tuple[str, ...], set[KeySpec]] = OrderedDict()
        self._together: OrderedDict[tuple[str, ...], _Tries] = OrderedDict()
        self.scanned = 0

    def prepare(self, specs: Iterable[KeySpec]) -> None:
        """Name all keys that may be asked for; those named before cost nothing, and a tuple given again is not even
        looked through."""
        if specs is self._given:
            return
        alive = dict.fromkeys(specs)
        self._given = specs if isinstance(specs, tuple) else None
        if alive.keys() == self._alive.keys():
            return
        gone = [spec for spec in self._alive if spec not in alive]
        come = [spec for spec in alive if spec not in self._alive]
        self._alive = alive
        for pattern in self._patterns.values():
            pattern.forgive()
        for spec in gone:
            if spec.key in self._patterns:
                self._patterns[spec.key].specs.discard(spec)
        if len(self._layers) >= _LAYERS or len(self._filed) > 2 * len(alive) + 1_000:
            self._file_anew()
        self._take_in(come)

    def occurs(self, spec: KeySpec, texts: Sequence[str]) -> bool:
        self._admit(spec)
        return spec in self._window(texts)

    def hits(self, texts: Sequence[str]) -> set[KeySpec]:
        return set(self._window(texts))

    def where(self, spec: KeySpec, texts: Sequence[str]) -> tuple[int | None, str]:
        self._admit(spec)
        for index, text in enumerate(texts):
            if spec in (self._find((text,)) if is_pattern(spec.key) else self._know(text).hits):
                return index, snippet(spec, text, self._stem)
        return None, ""

    def refused(self, spec: KeySpec) -> Notice | None:
        if not is_pattern(spec.key):
            return None
        parsed = parse_pattern(spec.key)
        if parsed is not None and parsed.problem is not None:
            return parsed.problem
        if self._matcher is None:
            return NO_HELPER
        pattern = self._patterns.get(spec.key)
        return pattern.why if pattern is not None else None

    def _take_in(self, specs: Sequence[KeySpec]) -> None:
        """Have keys found; those that were never filed get a layer of their own."""
        self._windows.clear()
        layer = _Layer(self._number)
        for spec in specs:
            if is_pattern(spec.key):
                self._take_pattern(spec, layer)
            elif spec not in self._filed:
                layer.add(spec, self._stem)
                layer.end += 1
        self._filed.update(specs)
        if layer.end > self._number:
            self._number = layer.end
            self._layers.append(layer)

    def _take_pattern(self, spec: KeySpec, layer: _Layer) -> None:
        pattern = self._patterns.get(spec.key)
        if pattern is None:
            pattern = self._patterns[spec.key] = _Pattern.of(spec.key)
            layer.add_pattern(pattern)
            layer.end += 1
        pattern.specs.add(spec)

    def _file_anew(self) -> None:
        """Put what is filed and still asked for into one layer. Texts that were read for all need no new reading."""
        layer = _Layer(self._number)
        self._patterns = {key: pattern for key, pattern in self._patterns.items() if pattern.specs}
        for pattern in self._patterns.values():
            layer.add_pattern(pattern)
        self._filed.intersection_update(self._alive)
        for spec in self._filed:
            if not is_pattern(spec.key):
                layer.add(spec, self._stem)
        self._layers = [layer]

    def _admit(self, spec: KeySpec) -> None:
        """Take in a key that is asked for without having been named."""
        if spec not in self._alive:
            self._alive[spec] = None
            self._given = None
            self._take_in([spec])

    def _window(self, texts: Sequence[str]) -> set[KeySpec]:
        """What occurs in these texts, remembered for the next question about them."""
        given = tuple(texts)
        found = self._windows.get(given)
        if found is None:
            found = self._windows[given] = self._find(given)
            if len(self._windows) > _WINDOWS:
                self._windows.popitem(last=False)
        return found

    def _find(self, texts: tuple[str, ...]) -> set[KeySpec]:
        known = [self._know(text) for text in texts]
        found: set[KeySpec] = set()
        found.update(*(one.hits for one in known))
        found = {spec for spec in found if spec in self._alive}     # texts remember keys of before
        for pattern in self._patterns_in(texts, known):
            found |= pattern.specs
        return found

    def _know(self, text: str) -> _Known:
        """What is known of a text, read now for the keys that it was not read for yet."""
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = _Known()
            self._size += len(text) + _NOTES
            while self._size > REMEMBERED and len(self._texts) > 1:
                self._size -= len(self._texts.popitem(last=False)[0]) + _NOTES
        else:
            self._texts.move_to_end(text)
        if known.seen < self._number:
            forms = TextForms(text, self._stem or str)
            for layer in self._layers:
                if layer.end > known.seen:
                    self.scanned += 1
                    layer.read(forms, known)
            known.seen = self._number
        return known

    def _patterns_in(self, texts: tuple[str, ...], known: list[_Known]) -> set[_Pattern]:
        """The patterns that match; all that have to be tried are tried in one go."""
        if self._matcher is None or not texts:
            return set()
        last = len(texts) - 1
        tries: list[tuple[_Tries, str]] = []
        for index, (text, one) in enumerate(zip(texts, known, strict=True)):
            tries.append((one.line, MARKER + text))
            tries.append((one.message_last, MARKER + text) if index == last else (one.message, MARKER + text + "\n"))
        together = {pattern: None for one in known for pattern in one.together}
        if together:
            tries.append((self._tries_of(texts, together), pattern_text(texts)))
        asked: dict[tuple[_Pattern, str], list[_Tries]] = {}
        for one_try, text in tries:
            for pattern in one_try.waiting:
                if pattern.open:
                    asked.setdefault((pattern, text), []).append(one_try)
        self._try(asked)
        return set().union(*(one_try.held for one_try, _ in tries))

    def _tries_of(self, texts: tuple[str, ...], patterns: Iterable[_Pattern]) -> _Tries:
        """What became of patterns tried on several texts together."""
        tries = self._together.setdefault(texts, _Tries())
        self._together.move_to_end(texts)
        if len(self._together) > _WINDOWS:
            self._together.popitem(last=False)
        for pattern in patterns:
            tries.add(pattern)
        return tries

    def _try(self, asked: dict[tuple[_Pattern, str], list[_Tries]]) -> None:
        if not asked or self._matcher is None:
            return
        order = _cautious(list(asked.items()))
        answers = self._matcher([(pattern.key, text) for (pattern, text), _ in order])
        for ((pattern, _), places), answer in zip(order, answers, strict=True):
            pattern.learn(answer)
            if isinstance(answer, bool):
                for place in places:
                    place.settle(pattern, answer)


def _cautious(asked: list[_Job]) -> list[_Job]:
    """The order of trying: a pattern that hangs takes the time of those after it, so those that never did come first,
    and the others from either end in turn."""
    proven = [job for job in asked if job[0][0].proven]
    others = [job for job in asked if not job[0][0].proven]
    if any(pattern.weight % 2 for (pattern, _), _ in others):
        others.reverse()
    return proven + others
