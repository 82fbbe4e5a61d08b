"""Whether a model fits into this machine's memory, roughly: its weights, and room for the KV cache and buffers."""

from __future__ import annotations

import os
from pathlib import Path

#: Beside the weights: the KV cache of a default context and the compute buffers of a middling model, in bytes.
_BESIDE = 600 * 1024 * 1024


def available_memory() -> int | None:
    """Bytes of main memory that a new process could take, None where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def fits(size: int, available: int) -> bool:
    """Whether weights of `size` bytes fit into `available` bytes with room to work."""
    return size + min(_BESIDE, size) <= available
