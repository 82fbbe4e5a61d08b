"""Running the program as a careless person would, and looking at it as another user of the machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
#: A user of no name, who owns nothing.
STRANGER = 54321


@contextlib.contextmanager
def stranger() -> Iterator[None]:
    """While this lasts, the test is another user: without rights, without groups."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(STRANGER)
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def traktir(*words: str, umask: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program to its end, in a shell that keeps nothing private."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *words], cwd=CHECKOUT, env={**os.environ, **env}, capture_output=True, text=True,
        umask=umask, timeout=120, check=False,
    )


def children_of(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found += [int(entry.name), *children_of(int(entry.name))]
    return found
