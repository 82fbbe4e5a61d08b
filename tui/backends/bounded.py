"""JSON of strangers, in bounds: a document that would cost more time or memory than its length tells is none."""

from __future__ import annotations

import json
from typing import Any

MAX_PARTS = 150_000
"""Values, at most, of one document: each costs up to a tenth of a kilobyte and a microsecond."""
_LONG = 256 << 10
_DIGITS = 400


def parse_json(text: str, max_parts: int = MAX_PARTS) -> Any:
    """The document's value, or None where it is no JSON or too much of it; blank lines around it are fine."""
    if weight(text) > max_parts:
        return None
    try:
        return json.loads(text, parse_int=_short_int) if len(text) > _LONG else json.loads(text)
    except (ValueError, RecursionError):
        return None


def weight(text: str) -> int:
    """No fewer than the values in a JSON document, and quickly told."""
    return sum(map(text.count, ",[{:"))


def _short_int(digits: str) -> int:
    """Many integers of thousands of digits would take a second."""
    if len(digits) > _DIGITS:
        raise ValueError("an integer of too many digits")
    return int(digits)
