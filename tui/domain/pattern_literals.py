"""What must stand in a text for a regular expression to match it, and how far a match can reach.

Most patterns of lorebooks hold a name. Where that name does not occur, the pattern need not be tried. The reading is
of JavaScript's syntax and careful: at whatever it is not sure of, it says that nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product

_MAX_SOURCE = 2_000
_MAX_DEPTH = 40
_MAX_EXACT = 16
_MAX_ALTERNATIVES = 256
_MAX_LITERAL = 64
_NEWLINE, _MARKER = "\n", "\x01"


class Reach(Enum):
    """How far one match, and what it looks at, can stretch in texts joined by a line break and a marker.

    LINE: never over a line break. MESSAGE: over line breaks, but not over the marker that begins a text, so that the
    line break after a text may be a part. BUFFER: anywhere, or it depends on where the whole begins or ends.
    """

    LINE = 1
    MESSAGE = 2
    BUFFER = 3


@dataclass(frozen=True, slots=True)
class PatternFacts:
    """`literals`: of these, in the form of `fold_for_patterns`, at least one stands in every text that matches, within
    one line; None if nothing is known."""

    literals: frozenset[str] | None
    reach: Reach


def fold_for_patterns(text: str) -> str:
    """A form in which two characters are equal if a pattern that ignores case may take one for the other."""
    return text.replace("İ", "i").replace("ı", "i").casefold()


def pattern_facts(source: str, flags: str) -> PatternFacts:
    """Read a pattern: `source` is what stands between its slashes, `flags` what follows them."""
    if len(source) > _MAX_SOURCE or set(flags) - set("gimsuyd"):
        return _UNKNOWN
    try:
        part = _Reader(source, multiline="m" in flags, dot_all="s" in flags).read()
    except _Unsure:
        return _UNKNOWN
    return PatternFacts(part.needs, Reach.BUFFER if "y" in flags else part.reach)


_UNKNOWN = PatternFacts(None, Reach.BUFFER)


class _Unsure(Exception):
    """The pattern holds something that is not read here."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a piece of a pattern.

    `exact`: all strings it can be, if they are few; `needs`: of these one must occur; then whether it can take a line
    break, whether it can take the marker, whether it asks for the end of a line, for the ends of the whole.
    """

    exact: tuple[str, ...] | None = None
    needs: frozenset[str] | None = None
    newline: bool = False
    marker: bool = False
    line_end: bool = False
    ends: bool = False

    @property
    def reach(self) -> Reach:
        if not self.ends:
            if not self.newline:
                return Reach.LINE
            if not self.marker and not self.line_end:
                return Reach.MESSAGE
        return Reach.BUFFER

    def joined(self, others: Iterable[_Part]) -> _Part:
        """This part with the reach of others added."""
        parts = [self, *others]
        return replace(
            self, newline=any(p.newline for p in parts), marker=any(p.marker for p in parts),
            line_end=any(p.line_end for p in parts), ends=any(p.ends for p in parts),
        )


_NOTHING = _Part(exact=("",))


def _one_char(char: str) -> _Part:
    if char in (_NEWLINE, _MARKER):
        return _Part(newline=char == _NEWLINE, marker=char == _MARKER)
    if "\ud800" <= char <= "\udfff":
        raise _Unsure
    return _Part(exact=(fold_for_patterns(char),))


def _choice(parts: list[_Part]) -> _Part:
    """One of several parts."""
    if len(parts) == 1:
        return parts[0]
    exact: tuple[str, ...] | None = None
    if all(p.exact is not None for p in parts):
        exact = tuple(dict.fromkeys(s for p in parts for s in p.exact or ()))
        exact = exact if len(exact) <= _MAX_EXACT else None
    needs: frozenset[str] | None = None
    if all(p.needs for p in parts):
        needs = frozenset(s for p in parts for s in p.needs or ())
        needs = needs if len(needs) <= _MAX_ALTERNATIVES else None
    return _Part(exact, needs).joined(parts)


def _sequence(parts: list[_Part]) -> _Part:
    """Several parts, one after the other."""
    runs: tuple[str, ...] = ("",)
    candidates: list[frozenset[str]] = []
    whole = True

    def flush() -> None:
        if "" not in runs:
            candidates.append(frozenset(runs))

    for part in parts:
        if part.needs is not None and (part.exact is None or part.exact == ("",)):
            candidates.append(part.needs)
        if part.exact is not None and len(runs) * len(part.exact) <= _MAX_EXACT and _fit(runs, part.exact):
            runs = tuple(dict.fromkeys(a + b for a, b in product(runs, part.exact)))
            continue
        flush()
        whole = False
        runs = part.exact if part.exact is not None else ("",)
    flush()
    needs = max(candidates, key=lambda c: (min(map(len, c)), -len(c)), default=None)
    return _Part(runs if whole else None, needs).joined(parts)


def _fit(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return max(map(len, first)) + max(map(len, second)) <= _MAX_LITERAL


def _repeated(part: _Part, least: int, most: int | None) -> _Part:
    if least == 1 and most == 1:
        return part
    if least == 0:
        optional = most == 1 and part.exact is not None and len(part.exact) < _MAX_EXACT
        exact = tuple(dict.fromkeys((*(part.exact or ()), ""))) if optional else None
        return replace(part, exact=exact, needs=None)
    if least == most and part.exact is not None and len(part.exact) == 1 and len(part.exact[0]) * least <= _MAX_LITERAL:
        again = part.exact[0] * least
        return replace(part, exact=(again,), needs=frozenset((again,)) if again else part.needs)
    needs = frozenset(part.exact) if part.exact and "" not in part.exact else part.needs
    return replace(part, exact=None, needs=needs)


#: Escapes for sets of characters: can it be a line break, can it be the marker.
_SETS = {"d": (False, False), "w": (False, False), "D": (True, True), "W": (True, True), "s": (True, False),
         "S": (False, True)}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f"}
_COUNT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_GROUP_NAME = re.compile(r"\?<[A-Za-z_$][\w$]*>")


class _Reader:
    """Reads a pattern from left to right; each method takes what it is named after."""

    def __init__(self, source: str, *, multiline: bool, dot_all: bool) -> None:
        self.source = source
        self.multiline = multiline
        self.dot_all = dot_all
        self.at = 0
        self.depth = 0

    def read(self) -> _Part:
        part = self.alternatives()
        if self.at != len(self.source):
            raise _Unsure
        return part

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise _Unsure
        self.at += 1
        return char

    def skip(self, token: str) -> bool:
        found = self.source.startswith(token, self.at)
        self.at += len(token) * found
        return found

    def alternatives(self) -> _Part:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _Unsure
        choices = [self.terms()]
        while self.skip("|"):
            choices.append(self.terms())
        self.depth -= 1
        return _choice(choices)

    def terms(self) -> _Part:
        parts: list[_Part] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.quantified(self.atom()))
        return _sequence(parts)

    def quantified(self, part: _Part) -> _Part:
        least, most = self.count()
        if (least, most) != (1, 1):
            self.skip("?")
            if self.peek() in ("*", "+", "?"):
                raise _Unsure
        return _repeated(part, least, most)

    def count(self) -> tuple[int, int | None]:
        if self.skip("*"):
            return 0, None
        if self.skip("+"):
            return 1, None
        if self.skip("?"):
            return 0, 1
        if self.peek() != "{":
            return 1, 1
        found = _COUNT.match(self.source, self.at)
        if found is None or (found[1], found[2]) == ("1", None):
            raise _Unsure
        self.at = found.end()
        least = int(found[1])
        return least, least if found[2] is None else int(found[3]) if found[3] else None

    def atom(self) -> _Part:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.char_class()
        if char == "\\":
            return self.escape()
        if char == ".":
            return _Part(newline=self.dot_all, marker=True)
        if char == "^":
            return replace(_NOTHING, ends=not self.multiline)
        if char == "$":
            return replace(_NOTHING, ends=not self.multiline, line_end=True)
        if char in "*+?{}]":
            raise _Unsure
        return _one_char(char)

    def group(self) -> _Part:
        """What follows `(`, to its `)`."""
        ahead = self.skip("?=") or self.skip("?<=")
        absent = not ahead and (self.skip("?!") or self.skip("?<!"))
        if not ahead and not absent and not self.skip("?:"):
            name = _GROUP_NAME.match(self.source, self.at)
            if name is not None:
                self.at = name.end()
            elif self.peek() == "?":
                raise _Unsure
        inner = self.alternatives()
        if not self.skip(")"):
            raise _Unsure
        if absent:
            return replace(inner, exact=("",), needs=None)
        return replace(inner, exact=("",)) if ahead else inner

    def escape(self) -> _Part:
        """What follows a backslash outside a class."""
        char = self.peek()
        if char in _SETS:
            self.at += 1
            newline, marker = _SETS[char]
            return _Part(newline=newline, marker=marker)
        if char in ("b", "B"):
            self.at += 1
            return _NOTHING
        if char in "123456789" and char:
            while self.peek().isdigit():
                self.at += 1
            return _Part(newline=True, marker=True)
        return _one_char(self.escaped_char())

    def escaped_char(self) -> str:
        """The one character that an escape stands for."""
        code = _HEX.match(self.source, self.at)
        if code is not None:
            self.at = code.end()
            return chr(int(code[1] or code[2], 16))
        char = self.take()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isalnum() or not char.isascii():
            raise _Unsure
        return char

    def char_class(self) -> _Part:
        """What follows `[`, to its `]`."""
        negated = self.skip("^")
        chars: list[str] = []
        tests: list[Callable[[str], bool]] = []
        if self.skip("]"):
            if not negated:
                raise _Unsure
            return _Part(newline=True, marker=True)
        while not self.skip("]"):
            first = self.class_member(tests)
            following = self.source[self.at + 1 : self.at + 2]
            if self.peek() != "-" or following == "]":
                chars += [first] if first is not None else []
                continue
            self.at += 1
            last = self.class_member(tests)
            if first is None or last is None or last < first:
                raise _Unsure
            tests.append(lambda c, a=first, b=last: a <= c <= b)  # type: ignore[misc]
        newline, marker = (negated != (c in chars or any(t(c) for t in tests)) for c in (_NEWLINE, _MARKER))
        if negated or tests or len(chars) > _MAX_EXACT or newline or marker:
            return _Part(newline=newline, marker=marker)
        return _choice([_one_char(char) for char in chars])

    def class_member(self, tests: list[Callable[[str], bool]]) -> str | None:
        """One character of a class; None for an escape that stands for many, whose test is added."""
        char = self.take()
        if char != "\\":
            if char == "[":
                raise _Unsure          # with some flags it opens a class within
            return char
        name = self.peek()
        if name in _SETS:
            self.at += 1
            newline, marker = _SETS[name]
            tests.append(lambda c: newline if c == _NEWLINE else marker)
            return None
        return self.escaped_char()
