"""One figure: what was measured, how sure it is, and what it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tui.bench.median import Interval, median_interval
from tui.domain.notice import Notice

#: Hears what is being done now.
Say = Callable[[Notice], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """`name` is for programs and stays; `title` is for people. `aim` is the most that the median
    should be."""

    name: str
    title: Notice
    unit: str
    interval: Interval
    aim: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median is as it should be; None where nothing is set."""
        return None if self.aim is None else self.interval.median <= self.aim

    def to_json(self) -> dict[str, Any]:
        found = self.interval
        return {
            "type": "figure", "name": self.name, "unit": self.unit, "median": _short(found.median),
            "low": _short(found.low), "high": _short(found.high), "coverage": round(found.coverage, 4), "n": found.n,
            "aim": self.aim, "met": self.met,
        }


def figure(name: str, title: Notice, unit: str, values: Sequence[float], aim: float | None = None) -> Figure:
    """A figure from what was measured, once a pair. Raises ValueError for no values."""
    return Figure(name, title, unit, median_interval(values), aim)


def known(values: Sequence[float | None]) -> list[float]:
    """Those that could be measured here."""
    return [value for value in values if value is not None]


def _short(value: float) -> float:
    return float(f"{value:.5g}")
