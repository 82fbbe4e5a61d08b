"""Messages that are neither the person's nor a character's: the narrator's, and comments that no model reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.chat import Node

NARRATOR, COMMENT = "narrator", "comment"
#: Dice of one throw, and sides of a die.
MOST_DICE, MOST_SIDES = 100, 1_000_000

_THROW = re.compile(r"(?:(\d{0,3})\s*[dд]\s*(\d{1,7}|%)|(\d{1,7}))", re.IGNORECASE)
_TERM = re.compile(r"\s*([+-])?\s*" + _THROW.pattern, re.IGNORECASE)


def in_story(path: Sequence[Node]) -> list[Node]:
    """A path without comments."""
    return [node for node in path if node.extra.get("kind") != COMMENT]


@dataclass(frozen=True, slots=True)
class Throw:
    """A part of what is rolled: `count` dice of `sides` sides, or, with no sides, the number `count`. `sign` is 1 or
    -1."""

    count: int
    sides: int = 0
    sign: int = 1


def read_throws(text: str) -> tuple[Throw, ...] | None:
    """What `2d6+1` asks for; `20` alone is a die of twenty sides. None where it is no such formula."""
    text = text.strip()
    if text.isdecimal() and 1 <= int(text) <= MOST_SIDES:
        return (Throw(1, int(text)),)
    out: list[Throw] = []
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or (out and not match[1]):
            return None
        sign = -1 if match[1] == "-" else 1
        if match[4] is not None:
            out.append(Throw(int(match[4]), 0, sign))
        else:
            count, sides = int(match[2] or 1), 100 if match[3] == "%" else int(match[3])
            if not 1 <= count <= MOST_DICE or not 1 <= sides <= MOST_SIDES:
                return None
            out.append(Throw(count, sides, sign))
        at = match.end()
    return tuple(out) if out and len(out) <= 20 and sum(t.count for t in out if t.sides) <= MOST_DICE else None
