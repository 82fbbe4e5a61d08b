"""Identifiers: 26 characters, sortable by time of making (the ULID scheme, Crockford base 32)."""

from __future__ import annotations

import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHIFTS = range(125, -1, -5)


def new_id() -> str:
    """48 bits of Unix milliseconds and 80 random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join([_ALPHABET[value >> shift & 31] for shift in _SHIFTS])
