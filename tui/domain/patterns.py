"""Keys written as JavaScript regular expressions, `/body/flags`, put into the dialect of Python's `re`.

Nothing is compiled or searched here: a pattern comes from strangers, and both can take forever. Texts are code
points, not UTF-16 units, so half of an emoji is never matched.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from tui.domain.notice import Notice, notice

#: A longer pattern, in characters, is refused; so is one that becomes longer than the second figure.
PATTERN_LENGTH = 1_000
_PYTHON_LENGTH = 6_000

_FORM = re.compile(r"/(.+?)/([gimsuy]*)", re.DOTALL)
_BARE_SLASH = re.compile(r"(?:^|[^\\])/")
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_GROUP_NAME = re.compile(r"[^\W\d][\w$]*|[$_][\w$]*")
_MODIFIERS = re.compile(r"\(\?([ims]*)(?:-([ims]+))?:")
_PROPERTY = re.compile(r"\{(?:General_Category=|gc=)?([A-Za-z_]{1,30})\}")
_SYNTAX = "^$\\.*+?()[]{}|/"
_LINE_END = r"\n\r\u2028\u2029"
_SPACES = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_NO_SPACES = (
    r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff"
)
#: In classes: what they stand for in JavaScript, whose words and digits are ASCII. The long s and the Kelvin sign are
#: left out of "no word character", for Python takes them for `s` and `k` where case does not count.
_CLASSES = {
    "d": "0-9", "D": r"\x00-/:-\U0010ffff", "s": _SPACES, "S": _NO_SPACES, "w": "0-9A-Z_a-z",
    "W": r"\x00-/:-@\[-\^`{-\u017e\u0180-\u2129\u212b-\U0010ffff",
}
_OUTSIDE = {**{name: f"[{_CLASSES[name]}]" for name in "dsSw"}, "D": "[^0-9]", "W": "[^0-9A-Z_a-z]"}
_EDGES = {"b": r"(?a:\b)", "B": r"(?:(?a:\B)|\A\Z)"}      # in Python an empty text has no `\B`
_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_CATEGORIES = {
    "letter": "L", "uppercase_letter": "Lu", "lowercase_letter": "Ll", "mark": "M", "number": "N",
    "decimal_number": "Nd", "punctuation": "P", "symbol": "S", "separator": "Z", "space_separator": "Zs",
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A key that is a pattern. `source` and `flags` are as they were written; `python` is the same for `re.search`
    (with `re.IGNORECASE` where `ignore_case`), None where `problem` says why it never matches."""

    source: str
    flags: str
    python: str | None = None
    problem: Notice | None = None

    @property
    def ignore_case(self) -> bool:
        return "i" in self.flags


@lru_cache(maxsize=16_384)
def parse_pattern(key: str) -> Pattern | None:
    """`key` as a pattern; None where it is plain text: not of the form `/…/flags` with flags of `gimsuy`, or with a
    slash inside that has no backslash before it (SillyTavern's rule)."""
    match = _FORM.fullmatch(key)
    if match is None or _BARE_SLASH.search(match[1]):
        return None
    source, flags = match[1], match[2]
    if len(source) > PATTERN_LENGTH:
        sentence = "The pattern is longer than {limit} characters, so it never matches."
        return Pattern(source, flags, problem=notice(sentence, limit=PATTERN_LENGTH))
    if len(set(flags)) < len(flags):
        return Pattern(source, flags, problem=Notice("The pattern has a flag twice, so it never matches."))
    try:
        return Pattern(source, flags, _Translator(source, flags).translate())
    except _Wrong as wrong:
        return Pattern(source, flags, problem=wrong.why)


class _Wrong(Exception):
    """Why the pattern cannot be had."""

    def __init__(self, why: Notice) -> None:
        self.why = why


def _wrong(what: str, at: int) -> _Wrong:
    sentence = "The pattern is wrong at character {at} ({what}), so it never matches."
    return _Wrong(notice(sentence, at=at + 1, what=what))


@dataclass(slots=True)
class _Group:
    """An open group: what goes before and after each of its branches, and the flags outside of it."""

    opener: str
    closer: str
    number: int = 0
    looks_back: bool = False
    repeatable: bool = True
    outer: tuple[bool, bool] = (False, False)
    branches: list[list[str]] = field(default_factory=lambda: [[]])


class _Translator:
    """One pass over the pattern, with a stack of its own: thousands of nested groups must not exhaust Python's."""

    def __init__(self, source: str, flags: str) -> None:
        self.source = source
        self.unicode = "u" in flags
        self.sticky = "y" in flags
        self.lines, self.dot_all = "m" in flags, "s" in flags
        self.at = 0
        self.names, self.total = _groups(source)
        self.opened = 0
        self.closed: set[int] = set()
        self.stack = [_Group("", "")]
        self.repeatable = False

    def translate(self) -> str:
        while self.at < len(self.source):
            self._step(self.source[self.at])
        if len(self.stack) > 1:
            raise _wrong("(", len(self.source) - 1)
        whole = "|".join("".join(branch) for branch in self.stack[0].branches)
        if len(whole) > _PYTHON_LENGTH:
            raise _Wrong(Notice("The pattern names too many classes of characters, so it never matches."))
        return rf"\A(?:{whole})" if self.sticky else whole

    def _step(self, char: str) -> None:
        if char == "\\":
            self._escape()
        elif char == "[":
            self._put(*self._char_class())
        elif char == "(":
            self._open()
        elif char == ")":
            self._close()
        elif char == "|":
            self.stack[-1].branches.append([])
            self.repeatable = False
            self.at += 1
        elif char in "*+?{":
            self._quantifier(char)
        elif char in "^$.":
            self._simple(char)
        elif char in "]}" and self.unicode:
            raise _wrong(char, self.at)
        else:
            self._put(_literal(char), self.at + 1)

    def _put(self, text: str, at: int, repeatable: bool = True) -> None:
        self.stack[-1].branches[-1].append(text)
        self.at, self.repeatable = at, repeatable

    def _simple(self, char: str) -> None:
        if char == ".":
            self._put("(?s:.)" if self.dot_all else f"[^{_LINE_END}]", self.at + 1)
        elif char == "^":
            self._put(f"(?<![^{_LINE_END}])" if self.lines else r"\A", self.at + 1, False)
        else:
            self._put(f"(?![^{_LINE_END}])" if self.lines else r"\Z", self.at + 1, False)

    def _quantifier(self, char: str) -> None:
        count = _COUNT.match(self.source, self.at)
        if char == "{" and count is None:
            if self.unicode:
                raise _wrong("{", self.at)
            self._put(r"\{", self.at + 1)
            return
        if not self.repeatable:
            raise _wrong(f"nothing to repeat: {char}", self.at)
        text = count[0] if count else char
        if count and count[2] and int(count[1]) > int(count[2]):
            raise _wrong(text, self.at)
        lazy = self.source[self.at + len(text) : self.at + len(text) + 1] == "?"
        self._put(text + "?" * lazy, self.at + len(text) + lazy, False)

    def _open(self) -> None:
        source, at = self.source, self.at
        outer = (self.lines, self.dot_all)
        group: _Group
        modifiers = _MODIFIERS.match(source, at)
        if not source.startswith("(?", at):
            group, at = self._capture(), at + 1
        elif source.startswith(("(?=", "(?!"), at):
            group, at = _Group(source[at : at + 3], ")", repeatable=not self.unicode), at + 3
        elif source.startswith(("(?<=", "(?<!"), at):
            group, at = _Group(source[at : at + 4], ")", looks_back=True, repeatable=False), at + 4
        elif modifiers:
            group, at = self._modified(modifiers), modifiers.end()
        else:
            name = _GROUP_NAME.match(source, at + 3) if source.startswith("(?<", at) else None
            if name is None or source[name.end() : name.end() + 1] != ">":
                raise _wrong(source[at : at + 4], at)
            group, at = self._capture(), name.end() + 1
        group.outer = outer
        self.stack.append(group)
        self.at, self.repeatable = at, False

    def _capture(self) -> _Group:
        self.opened += 1
        return _Group("(", ")", number=self.opened)

    def _modified(self, match: re.Match[str]) -> _Group:
        """`(?:` and, newer, `(?i-m:`: case is Python's business, lines and dots are ours."""
        on, off = match[1], match[2] or ""
        if len(set(on + off)) < len(on + off):
            raise _wrong(match[0], match.start())
        self.lines = (self.lines or "m" in on) and "m" not in off
        self.dot_all = (self.dot_all or "s" in on) and "s" not in off
        return _Group("(?i:" if "i" in on else "(?-i:" if "i" in off else "(?:", ")")

    def _close(self) -> None:
        if len(self.stack) == 1:
            raise _wrong(")", self.at)
        group = self.stack.pop()
        self.lines, self.dot_all = group.outer
        self.closed.add(group.number)
        branches = ["".join(branch) for branch in group.branches]
        if group.looks_back and len(branches) > 1:
            text = self._each_back(group, branches)
        else:
            text = group.opener + "|".join(branches) + group.closer
        self._put(text, self.at + 1, group.repeatable)

    @staticmethod
    def _each_back(group: _Group, branches: list[str]) -> str:
        """Python looks back by one width only; branches of different widths become looks of their own."""
        looks = [f"{group.opener}{branch})" for branch in branches]
        return "".join(looks) if group.opener.endswith("!") else f"(?:{'|'.join(looks)})"

    def _escape(self) -> None:
        at = self.at
        char = self.source[at + 1 : at + 2]
        if not char:
            raise _wrong("\\", at)
        if char in _OUTSIDE:
            self._put(_OUTSIDE[char], at + 2)
        elif char in "bB":
            self._put(_EDGES[char], at + 2, False)
        elif char in "123456789":
            self._numbered()
        elif char == "k" and (self.names or self.unicode):
            self._named()
        elif char in "pP" and self.unicode:
            ranges, end = self._property(at + 2, char == "P")
            self._put(f"[{ranges}]", end)
        else:
            code, end = self._character(at + 1)
            self._put(_literal(code), end)

    def _numbered(self) -> None:
        digits = re.compile(r"\d+").match(self.source, self.at + 1)
        assert digits is not None
        number = int(digits[0])
        if number <= self.total:
            self._put(self._reference(number), digits.end())
        elif self.unicode:
            raise _wrong(f"\\{digits[0]}", self.at)
        else:
            code, end = self._character(self.at + 1)
            self._put(_literal(code), end)

    def _named(self) -> None:
        name = re.compile(r"<([^<>]+)>").match(self.source, self.at + 2)
        if name is None or name[1] not in self.names:
            raise _wrong("\\k", self.at)
        self._put(self._reference(self.names[name[1]]), name.end())

    def _reference(self, number: int) -> str:
        """What a group took; nothing where it took no part, which Python would let fail."""
        return f"(?:(?({number})\\{number}))" if number in self.closed else "(?:)"

    def _property(self, at: int, negated: bool) -> tuple[str, int]:
        match = _PROPERTY.match(self.source, at)
        name = match[1] if match else ""
        ranges = _category(_CATEGORIES.get(name.casefold(), name), negated)
        if match is None or not ranges:
            sentence = "The pattern asks for a class of characters that is not known here ({what}): it never matches."
            raise _Wrong(notice(sentence, what=self.source[at - 2 : at + 30].split("}")[0] + "}"))
        return ranges, match.end()

    def _character(self, at: int, in_class: bool = False) -> tuple[str, int]:
        """The one character that the escape at `at` (behind its backslash) stands for, and where it ends."""
        source, char = self.source, self.source[at]
        if char in _CONTROLS:
            return _CONTROLS[char], at + 1
        if char in "01234567" and (not self.unicode or char == "0"):
            return self._octal(at)
        if char == "c":
            letter = source[at + 1 : at + 2]
            if letter.isascii() and letter.isalpha():
                return chr(ord(letter) % 32), at + 2
            if self.unicode:
                raise _wrong("\\c", at - 1)
            return "\\", at
        if char in "xu":
            return self._hexadecimal(at)
        if self.unicode and char not in _SYNTAX and not (in_class and char == "-"):
            raise _wrong("\\" + char, at - 1)
        return char, at + 1

    def _octal(self, at: int) -> tuple[str, int]:
        digits = re.compile("[0-3][0-7]{0,2}|[4-7][0-7]?").match(self.source, at)
        assert digits is not None
        if self.unicode and (len(digits[0]) > 1 or self.source[at + 1 : at + 2].isdecimal()):
            raise _wrong("\\0", at - 1)
        return chr(int(digits[0], 8)), digits.end()

    def _hexadecimal(self, at: int) -> tuple[str, int]:
        source, char = self.source, self.source[at]
        if char == "u" and self.unicode and (code := re.compile(r"\{([0-9A-Fa-f]{1,8})\}").match(source, at + 1)):
            if int(code[1], 16) > sys.maxunicode:
                raise _wrong("\\u" + code[0], at - 1)
            return chr(int(code[1], 16)), code.end()
        width = 2 if char == "x" else 4
        digits = re.compile(f"[0-9A-Fa-f]{{{width}}}").match(source, at + 1)
        if digits is None:
            if self.unicode:
                raise _wrong("\\" + char, at - 1)
            return char, at + 1
        value, end = int(digits[0], 16), digits.end()
        low = re.compile(r"\\u([dD][c-fC-F][0-9A-Fa-f]{2})").match(source, end)
        if char == "u" and 0xD800 <= value < 0xDC00 and low:
            return chr(0x10000 + ((value - 0xD800) << 10) + int(low[1], 16) - 0xDC00), low.end()
        return chr(value), end

    def _char_class(self) -> tuple[str, int]:
        source, at = self.source, self.at + 1
        negated = source.startswith("^", at)
        at += negated
        items: list[str] = []
        while True:
            if at >= len(source):
                raise _wrong("[", self.at)
            if source[at] == "]":
                break
            first, at, single = self._class_atom(at)
            if source.startswith("-", at) and at + 1 < len(source) and source[at + 1] != "]":
                last, end, also = self._class_atom(at + 1)
                if single and also:
                    if ord(first) > ord(last):
                        raise _wrong(source[at - 1 : end], at - 1)
                    items.append(f"{_literal(first)}-{_literal(last)}")
                else:
                    items += [_literal(first) if single else first, r"\-", _literal(last) if also else last]
                at = end
            else:
                items.append(_literal(first) if single else first)
        if not items:
            return ("(?s:.)" if negated else "(?!)"), at + 1
        return f"[{'^' * negated}{''.join(items)}]", at + 1

    def _class_atom(self, at: int) -> tuple[str, int, bool]:
        """A character (True) or the ranges of a class (False) inside brackets, and where it ends."""
        char = self.source[at]
        if char != "\\":
            return char, at + 1, True
        name = self.source[at + 1 : at + 2]
        if not name:
            raise _wrong("\\", at)
        if name in _CLASSES:
            return _CLASSES[name], at + 2, False
        if name == "b":
            return "\b", at + 2, True
        if name in "pP" and self.unicode:
            return *self._property(at + 2, name == "P"), False
        return *self._character(at + 1, in_class=True), True


def _groups(source: str) -> tuple[dict[str, int], int]:
    """Numbers of the named groups, and how many groups capture."""
    names: dict[str, int] = {}
    total, in_class, at = 0, False, 0
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            name = _GROUP_NAME.match(source, at + 3) if source.startswith("(?<", at) else None
            if name or not source.startswith("(?", at):
                total += 1
            if name:
                if name[0] in names:
                    raise _wrong(f"(?<{name[0]}>", at)
                names[name[0]] = total
        at += 1
    return names, total


def group_numbers(pattern: Pattern) -> dict[str, int]:
    """The named groups of a pattern that can be had: for `re` they are numbers."""
    return _groups(pattern.source)[0] if pattern.python is not None else {}


def _literal(char: str) -> str:
    """A character as `re` takes it for itself, in a class or outside."""
    if char.isalnum() or char == "_" or ord(char) > 0x7F:
        return char
    return f"\\x{ord(char):02x}" if ord(char) < 0x20 or char == "\x7f" else "\\" + char


@lru_cache(maxsize=32)
def _category(name: str, negated: bool) -> str:
    """The characters of one general category (`L`, `Lu`), or all others, as ranges for a class; "" if there is no
    such category."""
    if not re.fullmatch("L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?", name):
        return ""
    ranges: list[str] = []
    start: int | None = None
    for code in range(0x32400):                             # beyond it there are no letters, only tags and private use
        fits = unicodedata.category(chr(code)).startswith(name) != negated
        if fits and start is None:
            start = code
        elif not fits and start is not None:
            ranges.append(_range(start, code - 1))
            start = None
    if start is not None:
        ranges.append(_range(start, sys.maxunicode))
    return "".join(ranges)


def _range(first: int, last: int) -> str:
    return _literal(chr(first)) + (f"-{_literal(chr(last))}" if last > first else "")
