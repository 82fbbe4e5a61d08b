"""When a refused request may be sent again, and how long to wait before."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MAX_TRIES = 3
"""How often a request is repeated."""
LONGEST_WAIT = 120.0
"""Beyond this (seconds) nobody wants to sit and wait; the refusal is shown instead."""
LOADING_TRIES = 300
LOADING_WAIT = 2.0
_WAITS = (2.0, 4.0, 8.0)


def wait_before(attempt: int, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds before try number `attempt` + 1 (counted from 0), None when there shall be none.

    `headers` may hold Retry-After, as seconds or as a date (RFC 9110, 10.2.3); `now` is Unix time in seconds.
    """
    if attempt >= MAX_TRIES:
        return None
    asked = retry_after(headers.get("retry-after", ""), now)
    wait = _WAITS[min(attempt, len(_WAITS) - 1)] if asked is None else asked
    return wait if wait <= LONGEST_WAIT else None


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, None where it says nothing that can be understood."""
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None
