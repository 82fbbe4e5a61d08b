"""Keyboard layouts: a word typed with the wrong one switched on is still the word that was meant."""

from __future__ import annotations

_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./"
_RUSSIAN = "ёйцукенгшщзхъфывапролджэячсмитьбю."
_LATIN_SHIFTED = '~QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>?'
_RUSSIAN_SHIFTED = "ЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,"

#: Letters only: punctuation means itself more often than a letter of the other layout.
_TO_LATIN = {
    **{ord(r): la for la, r in zip(_LATIN + _LATIN_SHIFTED, _RUSSIAN + _RUSSIAN_SHIFTED, strict=True) if r.isalpha()},
    **{ord(u): la for u, la in zip("іїєґІЇЄҐ", "s]'`S}\"~", strict=True)},
}
_TO_CYRILLIC = {
    ord(la): r for la, r in zip(_LATIN + _LATIN_SHIFTED, _RUSSIAN + _RUSSIAN_SHIFTED, strict=True) if r.isalpha()
}


def to_latin(text: str) -> str:
    """What the same keys give in the QWERTY layout: `ьшкф` is `mira`. Ukrainian letters are known too."""
    return text.translate(_TO_LATIN)


def to_cyrillic(text: str) -> str:
    """What the same keys give in the Russian layout: `vbhf` is `мира`."""
    return text.translate(_TO_CYRILLIC)


def readings(text: str) -> tuple[str, ...]:
    """`text` folded for comparison, as typed and as it reads in the other layouts; without repeats."""
    folded = text.casefold()
    return tuple(dict.fromkeys((folded, to_latin(folded), to_cyrillic(folded))))


def matches(query: str, text: str) -> int | None:
    """How well `text` answers `query`: 0 begins with it, 1 a word begins with it, 2 contains all its words;
    None where it does not. An empty query matches everything equally well."""
    if not query.strip():
        return 0
    folded = text.casefold()
    best: int | None = None
    for reading in readings(query):
        words = reading.split()
        if not words or not all(word in folded for word in words):
            continue
        rank = 0 if folded.startswith(reading) else 1 if any(w.startswith(words[0]) for w in folded.split()) else 2
        best = rank if best is None else min(best, rank)
    return best
