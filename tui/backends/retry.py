"""When a refused request may be sent again, and how long to wait before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MAX_TRIES = 3
"""How often a request is repeated."""
LONGEST_WAIT = 120.0
"""Beyond this (seconds) nobody wants to sit and wait; the refusal is shown instead."""
LOADING_TRIES = 300
LOADING_WAIT = 2.0
_WAITS = (2.0, 4.0, 8.0)


_JITTER = 0.25
_SPAN = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,6})?)s)?(?:(\d{1,6}(?:\.\d{1,6})?)ms)?")


def wait_before(attempt: int, headers: Mapping[str, str], now: float, luck: float = 0.0) -> float | None:
    """Seconds before try number `attempt` + 1 (counted from 0), None when there shall be none.

    `headers` may hold Retry-After, as seconds or as a date (RFC 9110, 10.2.3), or OpenAI's x-ratelimit-reset-requests
    and -tokens; `now` is Unix time in seconds. `luck` from 0 to 1 lengthens a wait of our own choice by up to a
    quarter, so that many who were refused together do not come back together.
    """
    if attempt >= MAX_TRIES:
        return None
    asked = retry_after(headers.get("retry-after", ""), now)
    if asked is None:
        asked = _reset(headers)
    wait = _WAITS[min(attempt, len(_WAITS) - 1)] * (1 + _JITTER * luck) if asked is None else asked
    return wait if wait <= LONGEST_WAIT else None


def _reset(headers: Mapping[str, str]) -> float | None:
    """The later of the two moments at which OpenAI's limits are lifted, in seconds from now."""
    spans = (_span(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in ("requests", "tokens"))
    return max((s for s in spans if s is not None), default=None)


def _span(text: str) -> float | None:
    """Seconds of a span like 6m0s or 20ms."""
    found = _SPAN.fullmatch(text.strip())
    if not found or not found[0]:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


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
