"""How likely a token was before any sampler, and which others were likeliest."""

from __future__ import annotations

from typing import Any

import numpy as np


def likelihoods(logits: Any, size: int, token: int, count: int) -> tuple[float, list[tuple[int, float]]]:
    """The natural logarithm of `token`'s probability under softmax of `size` C floats at `logits`, and those of the
    `count` likeliest others, the likeliest first."""
    raw = np.ctypeslib.as_array(logits, (size,)).astype(np.float64)
    logs = raw - raw.max()
    logs -= np.log(np.exp(logs).sum())
    wanted = min(count + 1, size)
    top = np.argpartition(-logs, wanted - 1)[:wanted]
    ranked = [int(i) for i in top[np.argsort(-logs[top], kind="stable")] if i != token and np.isfinite(logs[i])]
    return float(logs[token]), [(i, float(logs[i])) for i in ranked[:count]]
