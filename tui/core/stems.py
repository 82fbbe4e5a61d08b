"""Stems of Russian and English words, by the Snowball stemmers."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Protocol

_CYRILLIC = ("\u0400", "\u052f")
_lock = Lock()


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...


@lru_cache(maxsize=65_536)
def stem_word(word: str) -> str:
    """The stem of a word in lower case: `города` and `городом` have that of `город`, `dragons` that of `dragon`.

    Words with a Cyrillic letter are taken for Russian, others for English; those of other languages mostly stay as
    they are. May be called from any thread.
    """
    russian, english = _stemmers()
    chosen = russian if any(_CYRILLIC[0] <= char <= _CYRILLIC[1] for char in word) else english
    with _lock:                          # a stemmer holds the word that it is at
        return chosen.stemWord(word)


@lru_cache(maxsize=1)
def _stemmers() -> tuple[_Stemmer, _Stemmer]:
    # Its own modules, not its front door: that one would take a compiled library where there is one.
    from snowballstemmer.english_stemmer import EnglishStemmer
    from snowballstemmer.russian_stemmer import RussianStemmer

    return RussianStemmer(), EnglishStemmer()
