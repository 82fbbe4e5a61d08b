"""The forms in which texts and keys of lore are compared: composed, folded, cut into words, stemmed.

A word is a run of letters, digits, `_` and combining marks of any script.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

Stem = Callable[[str], str]

#: Stands between texts, and in the forms of `with_edges` and `stems_of` at the edges of words; no part of a text.
EDGE = "\x02"

#: White space as JavaScript knows it, which SillyTavern trims keys of and splits them at.
JS_SPACE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))

#: More combining marks in a row than any script has. The time to compose them grows with their square, so in long texts
#: the others are left out.
_HEAP = 32
_LONG = 1_000

ASCII_WORD = re.compile(r"[A-Za-z0-9_]+")


def compose(text: str) -> str:
    """The text with its accents composed, upper and lower case kept."""
    if len(text) > _LONG and _mark().search(text[::_HEAP]):         # so many in a row have one at such a place
        text = _heap_of_marks().sub(r"\1", text)
    return unicodedata.normalize("NFC", text).replace(EDGE, "")


def fold(text: str) -> str:
    """The text in the form in which upper and lower case, and `ё` and `е`, are the same."""
    return compose(text).casefold().replace("ё", "е")


@lru_cache(maxsize=1)
def _marks() -> str:
    """The combining marks of all scripts, as ranges for a class. To collect them takes some milliseconds."""
    planes = (range(0x300, 0x20000), range(0xE0000, 0xE0200))
    marks = [code for plane in planes for code in plane if unicodedata.category(chr(code))[0] == "M"]
    runs: list[list[int]] = []
    for code in marks:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


@lru_cache(maxsize=1)
def word_pattern() -> re.Pattern[str]:
    """Takes words, as its one group."""
    return re.compile(rf"([\w{_marks()}]+)")


@lru_cache(maxsize=1)
def _mark() -> re.Pattern[str]:
    return re.compile(f"[{_marks()}]")


@lru_cache(maxsize=1)
def _heap_of_marks() -> re.Pattern[str]:
    return re.compile(f"([{_marks()}]{{{_HEAP}}})[{_marks()}]+")


def words_of(text: str) -> list[str]:
    return word_pattern().findall(text)


def in_word(char: str) -> bool:
    """Whether a character (or nothing) is part of a word."""
    return bool(char) and (char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M")


def with_edges(text: str) -> str:
    """The text with a mark at both edges of every word, so that finding whole words is finding a part."""
    return EDGE.join(cut(text))


def cut(text: str) -> list[str]:
    """The text in pieces: what stands between words, and, at odd places, words."""
    return word_pattern().split(text)


def stem_tokens(text: str, stem: Stem, case_sensitive: bool) -> list[str]:
    """The stems of the words of a text; where case counts, words that begin with a capital differ from others."""
    if not case_sensitive:
        return [stem(word) for word in words_of(fold(text))]
    words = words_of(compose(text))
    return [("^" if word[0] != word[0].lower() else "") + stem(fold(word)) for word in words]


def stem_line(tokens: list[str]) -> str:
    """Stems as one line, in which a run of them is a part."""
    return EDGE + EDGE.join(tokens) + EDGE if tokens else ""
