"""A machine as the checks see it: plain values, so that a machine that nobody has here can be made up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui import paths

#: Seconds that a command may take.
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit status (negative: the signal) and what it wrote to standard output."""

    status: int
    out: str


Run = Callable[[Sequence[str]], Ran | None]


@dataclass(frozen=True, slots=True)
class Machine:
    """`root` is where its files lie; `run` runs a command of it (None: there is no such command, or it hangs);
    `find` is `shutil.which`; `size` is columns and rows of the terminal, None without one; `free` gives the bytes
    that are free at a path; `now` is Unix seconds."""

    env: Mapping[str, str]
    platform: str
    root: Path
    run: Run
    find: Callable[[str], str | None]
    user: str
    uid: int
    pid: int
    now: float
    size: tuple[int, int] | None
    free: Callable[[Path], int]

    @property
    def is_phone(self) -> bool:
        return self.platform == "android" or "TERMUX_VERSION" in self.env

    @property
    def is_remote(self) -> bool:
        return any(self.env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))

    def read(self, path: str) -> str:
        """The text of a file below `root`; empty where it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text("utf-8", "replace")
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        try:
            return (self.root / path.lstrip("/")).exists()
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of the home in use lie: `temporary` is where the socket's folder would lie by TMPDIR."""

    config: Path
    data: Path
    runtime: Path
    temporary: Path

    @property
    def database(self) -> Path:
        return self.data / "traktir.db"


def this_machine() -> Machine:
    return Machine(
        env=dict(os.environ), platform=sys.platform, root=Path("/"), run=_run, find=shutil.which, user=_user(),
        uid=os.getuid() if hasattr(os, "getuid") else 0, pid=os.getpid(), now=time.time(), size=_size(),
        free=lambda path: shutil.disk_usage(path).free,
    )


def these_places() -> Places:
    return Places(
        paths.config_dir(), paths.data_dir(), paths.runtime_dir(),
        Path(os.environ.get("TMPDIR") or (tempfile.gettempdir() if os.name != "posix" else "/tmp")),
    )


def _run(words: Sequence[str]) -> Ran | None:
    try:
        done = subprocess.run(
            list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S, check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"))


def _size() -> tuple[int, int] | None:
    """Of the terminal that a standard stream is connected to, or that this process belongs to."""
    for descriptor in (1, 0, 2):
        try:
            found = os.get_terminal_size(descriptor)
        except OSError:
            continue
        return found.columns, found.lines
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return None
    try:
        found = os.get_terminal_size(terminal)
        return found.columns, found.lines
    except OSError:
        return None
    finally:
        os.close(terminal)


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return os.environ.get("USER") or os.environ.get("LOGNAME") or ""
