"""llama.cpp's array of candidates as numpy sees it, and what a step between its samplers is."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Tokens = NDArray[np.int32]

_RECORD = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def probabilities(logits: Floats) -> Floats:
    """Softmax of logits; -inf has none."""
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum(), np.float64)


class Step:
    """One link of the chain. `change` gives the logits anew; a candidate at -inf is taken out of the array."""

    def __init__(self, change: Callable[[Floats], Floats]) -> None:
        self._change = change

    def change(self, ids: Tokens, logits: Floats) -> Floats:
        return self._change(logits)

    def accept(self, token: int) -> None:
        """Hear of a token that was taken."""

    def apply_to(self, array: Any) -> None:
        """Work on a llama_token_data_array in place. One that would lose all its candidates stays as it was."""
        size = int(array.size)
        address = ctypes.cast(array.data, ctypes.c_void_p).value
        if not size or address is None:
            return
        raw = (ctypes.c_char * (size * _RECORD.itemsize)).from_address(address)
        records = np.frombuffer(memoryview(raw), _RECORD)
        before = records["logit"].astype(np.float64)
        if not np.isfinite(before.max()):
            return
        after = self.change(records["id"], before)
        kept = np.isfinite(after)
        if not kept.any():
            return
        records["logit"] = after
        count = int(kept.sum())
        if count < size:
            records[:count] = records[kept]
            array.size = count
        array.sorted = bool(array.sorted) and bool(np.all(np.diff(records["logit"][:count]) <= 0))
        array.selected = -1


class Looking(Step):
    """A step that looks back on the last `reach` tokens of prompt and reply."""

    def __init__(
        self, change: Callable[[Tokens, Floats, Sequence[int]], Floats], reach: int, prompt: Sequence[int],
    ) -> None:
        self._with_past = change
        self._past: deque[int] = deque(prompt[-reach:] if reach else (), maxlen=reach)

    def change(self, ids: Tokens, logits: Floats) -> Floats:
        return self._with_past(ids, logits, tuple(self._past))

    def accept(self, token: int) -> None:
        self._past.append(token)


class NotYet(Step):
    """Keeps `tokens` out until `count` others were taken."""

    def __init__(self, tokens: Sequence[int], count: int) -> None:
        self._tokens = np.array(tokens, np.int32)
        self._left = count

    def change(self, ids: Tokens, logits: Floats) -> Floats:
        return np.where(np.isin(ids, self._tokens), -np.inf, logits) if self._left > 0 else logits

    def accept(self, token: int) -> None:
        self._left -= 1
