"""Text and JSON on their way into the database and out of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=lambda value: _plain(value)).encode


def now_ms() -> int:
    """Unix milliseconds by the wall clock. It may jump: nothing is ordered by it."""
    return time.time_ns() // 1_000_000


def clean(text: str) -> str:
    """`text` with lone surrogates replaced by U+FFFD and paired ones joined: SQLite takes only what UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def dump(value: Any) -> str:
    """JSON for the database, always encodable."""
    return clean(_encode(value))


def load(text: str | None, default: Any = None) -> Any:
    """What `dump` wrote; `default` for nothing."""
    return json.loads(text) if text else default


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
