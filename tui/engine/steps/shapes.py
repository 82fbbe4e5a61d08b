"""What each step does to logits: candidates that are cut off get -inf, the others keep theirs or get a new one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tui.engine.steps.candidates import Floats, Tokens, probabilities


def top_a(logits: Floats, share: float) -> Floats:
    """Cuts what is less likely than `share` times the square of the likeliest's probability."""
    p = probabilities(logits)
    return np.where(p >= share * p.max() ** 2, logits, -np.inf)


def tail_free(logits: Floats, z: float) -> Floats:
    """Keeps the head where the probabilities, from the likeliest down, bend: up to the share `z` of the sum of their
    second differences. Fewer than three candidates have no bend."""
    if len(logits) < 3:
        return logits
    order = np.argsort(-logits, kind="stable")
    bends = np.abs(np.diff(probabilities(logits)[order], 2))
    total = bends.sum()
    if total <= 0:
        return logits
    over = np.flatnonzero(np.cumsum(bends / total) > z)
    keep = max(1, int(over[0])) if len(over) else len(logits)
    out = logits.copy()
    out[order[keep:]] = -np.inf
    return out


def epsilon_cutoff(logits: Floats, epsilon: float) -> Floats:
    """Cuts what is less likely than `epsilon`; the likeliest stays."""
    p = probabilities(logits)
    return np.where((p >= epsilon) | (p == p.max()), logits, -np.inf)


def eta_cutoff(logits: Floats, eta: float) -> Floats:
    """Cuts what is less likely than `eta` or, where less, than sqrt(eta) * exp(-entropy). The likeliest stays."""
    p = probabilities(logits)
    entropy = -float(np.sum(p[p > 0] * np.log(p[p > 0])))
    return epsilon_cutoff(logits, min(eta, np.sqrt(eta) * np.exp(-entropy)))


def smoothing(logits: Floats, factor: float, curve: float) -> Floats:
    """The quadratic transformation around the highest logit, with a cubic part for a `curve` above 1."""
    below = logits - logits.max()
    square, cube = (3 - curve) / 2, (curve - 1) / 2
    return np.asarray(logits.max() - square * factor * below**2 + cube * factor * below**3, np.float64)


def skew(logits: Floats, amount: float) -> Floats:
    """Raises the cumulative probability, from the likeliest down, to the power e^`amount`: above 0 the unlikelier
    gain, below 0 the likelier."""
    order = np.argsort(-logits, kind="stable")
    heaped = np.minimum(np.cumsum(probabilities(logits)[order]), 1.0) ** np.exp(amount)
    with np.errstate(divide="ignore"):
        changed = np.log(np.diff(heaped, prepend=0.0))
    out = np.empty_like(logits)
    out[order] = changed
    return out


def sloped_penalties(
    ids: Tokens, logits: Floats, past: Sequence[int], repetition: float, frequency: float, presence: float,
    slope: float,
) -> Floats:
    """llama.cpp's penalties, where the repetition penalty of a token grows with how lately it came: from 1 at the far
    end to `repetition` at the near one, in a straight line for slope 1, in a step halfway for a high one."""
    count = len(past)
    if not count:
        return logits
    place = np.linspace(-1, 1, count) if count > 1 else np.ones(1)
    bent = slope * place / (1 + np.abs(place) * (slope - 1))
    weights = 1 + (bent + 1) / 2 * (repetition - 1)
    latest = dict(zip(past, weights, strict=True))
    out = logits.copy()
    for token, weight in latest.items():
        where = ids == token
        scaled = np.where(out[where] > 0, out[where] / weight, out[where] * weight)
        out[where] = scaled - past.count(token) * frequency - presence
    return out


def no_repeat(ids: Tokens, logits: Floats, past: Sequence[int], size: int) -> Floats:
    """Cuts every token that would make the last `size` tokens a sequence that was there before."""
    lead = tuple(past[len(past) - size + 1:])
    followers = {
        past[at + size - 1] for at in range(len(past) - size + 1) if tuple(past[at:at + size - 1]) == lead
    }
    return np.where(np.isin(ids, list(followers)), -np.inf, logits) if followers else logits
