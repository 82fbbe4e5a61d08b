"""What the benchmarks here share. The measuring itself is the product's own, `tui.bench`; `traktir bench` measures
starts, the terminal under a streaming reply, delivery, the engine's worker and a chat of 10,000 messages with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tui.bench import processes
from tui.bench.median import median_interval

CHECKOUT = Path(__file__).resolve().parents[2]


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process, in seconds. Raises RuntimeError where the system does not tell."""
    found = processes.cpu_s(pid)
    if found is None:
        raise RuntimeError("this system does not tell the processor time of a process")
    return found


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """The median of some values, and the distribution-free interval of it with its coverage."""
    found = median_interval(values)
    return (
        f"{found.median:.{digits}f}{unit} ({found.low:.{digits}f} to {found.high:.{digits}f}, "
        f"{100 * found.coverage:.1f} %, n={found.n})"
    )
