"""Whether a text mentions a name: whole words, in Russian with their endings too."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*")
_CYRILLIC = re.compile(r"[а-яё]+(?:-[а-яё]+)*")
#: Parts of names that name nobody.
_SMALL = frozenset({
    "a", "an", "the", "of", "and", "de", "di", "da", "von", "van", "la", "le", "mr", "mrs", "ms", "dr", "st",
    "и", "из", "де", "фон", "ван", "по",
})
_ADJECTIVE = ("ый", "ий", "ой", "ого", "его", "ому", "ему", "ым", "им", "ом", "ем")
_FEMININE_ADJECTIVE = ("ая", "яя", "ой", "ей", "ую", "юю", "ою", "ею")
_A = ("а", "ы", "и", "е", "у", "ой", "ою", "ей", "ею")
_YA = ("я", "и", "е", "ю", "ей", "ею", "ий")
_HARD = ("", "а", "у", "ом", "ем", "е", "ы", "ым")
_SOFT = ("ь", "я", "ю", "ем", "ом", "е", "и", "ью")
_SHORT_I = ("й", "я", "ю", "ем", "е", "и")
_NEUTER = ("о", "а", "у", "ом", "е")


def words_of(text: str) -> list[str]:
    """The words of a text as written, in one Unicode form."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def folded(word: str) -> str:
    """A word as it is compared: one case, `ё` as `е`, without an English possessive."""
    plain = word.casefold().replace("ё", "е")
    return re.sub(r"[’']s?$", "", plain)


def name_words(names: Iterable[str]) -> list[str]:
    """The words by which one may be called, folded: those of two letters and more that are no particles."""
    found = (folded(word) for name in names for word in words_of(name))
    return list(dict.fromkeys(word for word in found if len(word) > 1 and word not in _SMALL))


def is_form(word: str, name: str) -> bool:
    """Whether `word` is `name` (folded) itself, or begins with a capital and is a case form of it."""
    plain = folded(word)
    if plain == name:
        return True
    return word[:1].isupper() and bool(_CYRILLIC.fullmatch(name)) and _is_case_form(plain, name)


def mentioned(text: str, names: Sequence[str]) -> str:
    """The first word of a text that is one of `names` (from `name_words`), as written; "" if none is."""
    return next((word for word in words_of(text) if any(is_form(word, name) for name in names)), "")


def _is_case_form(plain: str, name: str) -> bool:
    return any(
        len(stem) > 1 and plain.startswith(stem) and plain[len(stem):] in endings for stem, endings in _stems(name)
    )


def _stems(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The stems of a Russian name, and the endings that each may have."""
    if name.endswith(("ая", "яя")):
        return [(name[:-2], _FEMININE_ADJECTIVE)]
    if name.endswith(("ый", "ий", "ой")) and len(name) > 4:
        return [(name[:-2], _ADJECTIVE), (name[:-1], _SHORT_I)]
    last = name[-1]
    by_ending = {"а": _A, "я": _YA, "ь": _SOFT, "й": _SHORT_I, "о": _NEUTER}
    if last in by_ending:
        return [(name[:-1], by_ending[last])]
    if last in "еиуыэюё":
        return []                                  # such names have one form
    return [(name, _HARD), *_without_fleeting_vowel(name)]


def _without_fleeting_vowel(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """`Павел` is `Павла`, `Лев` is `Льва`."""
    if len(name) < 3 or name[-2] not in "ео":
        return []
    stem = name[:-2] + ("ь" if name[-3] == "л" else "") + name[-1]
    return [(stem, _HARD[1:])]
