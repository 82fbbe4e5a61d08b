"""JSON as it travels: UTF-8, compact, and nothing that a text may hold is lost."""

from __future__ import annotations

import json
from typing import Any


def encode(value: Any) -> bytes:
    """Compact JSON in one line. Raises TypeError or ValueError for what JSON cannot hold (bytes, cycles)."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:                     # half a surrogate pair, from a card say: escaped it survives
        return json.dumps(value, separators=(",", ":")).encode()


def decode(data: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError, also for nesting too deep to read."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
