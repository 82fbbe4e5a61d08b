"""Processor time and memory of other processes, where the system tells (`/proc`); None elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")


def cpu_s(pid: int) -> float | None:
    """Processor time that all threads of a process took, in seconds: to the nanosecond where the kernel keeps
    `schedstat`, else in ticks."""
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid)) / 1e9 + _ended_s(pid)
    except (OSError, ValueError, IndexError):
        return _ticks_s(pid)


def _tasks(pid: int) -> Iterable[Path]:
    return (_PROC / str(pid) / "task").iterdir()


def _ended_s(pid: int) -> float:
    """`schedstat` forgets threads that ended; the process's own sum in ticks does not."""
    whole, living = _ticks_s(pid), 0.0
    for task in _tasks(pid):
        living += _of_stat(task / "stat")
    return max(0.0, (whole or 0.0) - living)


def _ticks_s(pid: int) -> float | None:
    try:
        return _of_stat(_PROC / str(pid) / "stat")
    except (OSError, ValueError, IndexError):
        return None


def _of_stat(file: Path) -> float:
    user, system = file.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def tree_cpu_s(pid: int) -> float | None:
    """Processor time of a process and of all that descend from it, in seconds."""
    values = [cpu_s(one) for one in (pid, *descendants(pid))]
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on, that live now."""
    parents: dict[int, list[int]] = {}
    try:
        found = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return []
    for one in found:
        try:
            parent = int((_PROC / str(one) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        parents.setdefault(parent, []).append(one)
    out, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        out += children
        todo += children
    return out


def memory_mb(pid: int) -> float | None:
    """Memory that a process holds, its share of what it shares with others (PSS), in MB of 10⁶ bytes; the whole of
    it (RSS) where the share is not told."""
    for file, name in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = (_PROC / str(pid) / file).read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6
        except (OSError, ValueError, StopIteration):
            continue
    return None
