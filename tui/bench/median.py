"""A median, and an interval for it that supposes nothing about how the values are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The median of `n` values; the true one lies from `low` to `high` with probability `coverage` at least."""

    median: float
    low: float
    high: float
    coverage: float
    n: int


def median_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The median with the narrowest interval between two values, as far from either end, that reaches `level`.

    The k-th smallest and the k-th largest of n independent values hold the true median between them with probability
    1 - 2 P(B < k), B binomial with n and one half (the sign test). Fewer than six values reach 95 % in no way: then
    the interval is from the least to the greatest, and `coverage` says what that is worth. Raises ValueError for none.
    """
    if not values:
        raise ValueError("no values")
    ordered, n = sorted(values), len(values)
    inside = 1
    while inside < (n + 1) // 2 and _coverage(n, inside + 1) >= level:
        inside += 1
    return Interval(median(ordered), ordered[inside - 1], ordered[n - inside], _coverage(n, inside), n)


def _coverage(n: int, k: int) -> float:
    outside = sum(math.comb(n, i) for i in range(k))
    return max(0.0, 1.0 - outside / 2.0 ** (n - 1))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
