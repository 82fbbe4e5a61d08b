"""Texts as vectors: what turns them into ones, and how alike two of them are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from tui.domain.errors import BadInput
from tui.domain.notice import notice

Vector = tuple[float, ...]

#: Texts of one call, and characters of one text.
MOST_TEXTS, LONGEST_TEXT = 1024, 200_000


class Embedder(Protocol):
    """Turns texts into vectors of length 1, all of the same dimension. Equal texts have equal vectors, alone or among
    others; a text longer than the model's window counts as far as that goes."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order. Raises BackendError, BadInput (too many or too long)."""
        ...

    async def close(self) -> None: ...


def unit(values: Sequence[float]) -> Vector:
    """The vector of length 1 in that direction. Raises ValueError where there is none (zeros, infinities, nothing)."""
    length = math.sqrt(math.fsum(value * value for value in values))
    if not math.isfinite(length) or length == 0:
        raise ValueError("a vector without a direction")
    return tuple(value / length for value in values)


def likeness(one: Vector, other: Vector) -> float:
    """The cosine of the angle between two vectors of length 1: 1 alike, 0 unlike, -1 opposite."""
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(one, other, strict=True))))


def check_texts(texts: Sequence[str]) -> None:
    """Raise BadInput for texts that are too many, too long, or empty."""
    if len(texts) > MOST_TEXTS:
        raise BadInput(notice("At most {most} texts are turned into vectors at once.", most=MOST_TEXTS))
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise BadInput(notice("A text of more than {most} characters is not turned into a vector.", most=LONGEST_TEXT))
    if any(not text.strip() for text in texts):
        raise BadInput(notice("An empty text has no vector."))
