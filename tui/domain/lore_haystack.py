"""Keys of lore entries against a stretch of chat. Upper and lower case, and `ё` and `е`, are the same letter."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

#: A pattern `/…/flags` is tried on this much of the newest text, in characters.
PATTERN_WINDOW = 32_768
PATTERN_LENGTH = 1_000
#: No more of the newest text than this is searched for plain keys, in characters.
TEXT_LIMIT = 100_000
Matcher = Callable[[str, str], bool]


def fold(text: str) -> str:
    """The text in the form in which keys are compared."""
    return unicodedata.normalize("NFC", text).casefold().replace("ё", "е")


@lru_cache(maxsize=65_536)
def fold_key(key: str) -> str:
    return fold(key.strip())


def is_pattern(key: str) -> bool:
    """Whether a key has the form `/…/flags`."""
    if len(key) < 3 or key[0] != "/":
        return False
    end = key.rfind("/")
    return end > 1 and key[end + 1 :].isalpha() | (end + 1 == len(key))


@dataclass(frozen=True, slots=True)
class Said:
    """One text in the forms in which keys look at it: as it is, composed, and folded."""

    raw: str
    exact: str
    folded: str

    @classmethod
    def of(cls, text: str) -> Said:
        text = text[:TEXT_LIMIT]
        return cls(text, unicodedata.normalize("NFC", text), fold(text))


@dataclass(slots=True)
class Haystack:
    """The texts that keys are looked for in, newest first."""

    texts: Sequence[Said]
    raw: str = field(init=False)
    exact: str = field(init=False)
    folded: str = field(init=False)

    def __post_init__(self) -> None:
        near, room = [], TEXT_LIMIT
        for said in self.texts:
            if room <= 0:
                break
            near.append(said)
            room -= len(said.raw)
        # A character that no key holds keeps a key from matching across two messages.
        self.raw = "\x01".join(said.raw for said in near)[:TEXT_LIMIT]
        self.exact = "\x01".join(said.exact for said in near)[:TEXT_LIMIT]
        self.folded = "\x01".join(said.folded for said in near)[:TEXT_LIMIT]


@dataclass(frozen=True, slots=True)
class KeyRule:
    """How the keys of one entry are compared."""

    case_sensitive: bool
    whole_words: bool
    match: Matcher | None


def key_occurs(key: str, hay: Haystack, rule: KeyRule) -> bool:
    """Whether one key occurs. Blank keys never do; patterns only through the matcher."""
    if is_pattern(key):
        return rule.match is not None and len(key) <= PATTERN_LENGTH and rule.match(key, hay.raw[:PATTERN_WINDOW])
    needle = key.strip() if rule.case_sensitive else fold_key(key)
    if not needle:
        return False
    text = hay.exact if rule.case_sensitive else hay.folded
    return _as_word(needle, text) if rule.whole_words else needle in text


def _as_word(needle: str, text: str) -> bool:
    at = text.find(needle)
    while at >= 0:
        end = at + len(needle)
        if not (_in_word(text[at - 1 : at]) and _in_word(needle[0])) and not (
            _in_word(text[end : end + 1]) and _in_word(needle[-1])
        ):
            return True
        at = text.find(needle, at + 1)
    return False


def _in_word(char: str) -> bool:
    return bool(char) and (char.isalnum() or char == "_" or unicodedata.category(char).startswith("M"))


def find_snippet(key: str, texts: Sequence[Said], rule: KeyRule, width: int = 60) -> tuple[int | None, str]:
    """In which text (0 the newest) a key occurs, and some of what stands around it."""
    for index, said in enumerate(texts):
        if not key_occurs(key, Haystack([said]), rule):
            continue
        at = 0 if is_pattern(key) else max(0, said.folded.find(fold_key(key)))
        start = max(0, at - width // 2)
        return index, " ".join(said.raw[start : start + width + len(key)].split())
    return None, ""
