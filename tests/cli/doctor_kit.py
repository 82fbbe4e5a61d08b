"""Machines that nobody has here: variables, a tree of files, and what commands answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.cli.doctoring.findings import Finding
from tui.cli.doctoring.machine import Machine, Places, Ran

NOW = 1_790_000_000.0
MB = 1 << 20


def made_up(
    root: Path, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None,
    answers: Mapping[str, Ran] | None = None, *, platform: str = "linux", size: tuple[int, int] | None = (100, 30),
    installed: Sequence[str] = (), free: int = 9999 * MB, now: float = NOW, pid: int = 50,
) -> Machine:
    """`files` are written below `root`; `answers` are by the first word of a command."""
    for name, text in (files or {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    given = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "ru_RU.UTF-8", "HOME": "/root", **(env or {})}
    return Machine(
        env={name: value for name, value in given.items() if value}, platform=platform, root=root,
        run=lambda words: (answers or {}).get(words[0]), find=lambda name: name if name in installed else None,
        user="ivan", uid=1000, pid=pid, now=now, size=size, free=lambda path: free,
    )


def places(folder: Path, temporary: Path | None = None) -> Places:
    """A home that is not there yet."""
    runtime = (temporary or folder) / "traktir-1000-01234567"
    return Places(folder / "config", folder / "data", runtime, temporary or folder)


def by_id(found: Sequence[Finding]) -> dict[str, Finding]:
    table = {finding.id: finding for finding in found}
    assert len(table) == len(found), "an id stands for one finding"
    return table
