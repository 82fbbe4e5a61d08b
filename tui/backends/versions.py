"""Versions of servers, compared by their numbers."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,4}")


def at_least(version: str, wanted: str) -> bool:
    """Whether `version` is `wanted` or later; False where it is none. What follows the numbers does not count."""
    found = _NUMBERS.search(version)
    return found is not None and _parts(found[0]) >= _parts(wanted)


def _parts(numbers: str) -> tuple[int, ...]:
    parts = [int(part) for part in numbers.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
