"""Whether a model fits into this machine's memory, roughly: its weights, and room for the KV cache and buffers. For
what is known by its size alone; `tui.engine.advice` reckons exactly, from a file's own description."""

from __future__ import annotations

#: Beside the weights: the KV cache of a default context and the compute buffers of a middling model, in bytes.
_BESIDE = 600 * 1024 * 1024


def fits(size: int, available: int) -> bool:
    """Whether weights of `size` bytes fit into `available` bytes with room to work."""
    return size + min(_BESIDE, size) <= available
