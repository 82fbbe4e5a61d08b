"""The first step of starting the core: its process, begun with nothing imported that takes time."""

from __future__ import annotations

import contextlib
import os
import site
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.wire.place import make_private, socket_path

_LOG_MAX = 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Begun:
    """A core on its way: the process that forks it, and where it will say that it serves, or why it cannot."""

    process: subprocess.Popen[bytes]
    ready: int


def core_log() -> Path:
    """Where a core that was started in the background writes what it has to say."""
    return paths.log_dir() / "core.log"


def open_start_lock() -> int:
    """A descriptor of the file that whoever starts a core locks. Raises Refused or OSError."""
    folder = socket_path().parent
    make_private(folder)
    return os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def try_start_lock() -> int | None:
    """Lock that file, unless another starter has: then None. Closing the descriptor unlocks it."""
    import fcntl

    descriptor = open_start_lock()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except OSError:
        os.close(descriptor)
        return None


def begin(idle_exit_s: float | None, env: Mapping[str, str] | None = None) -> Begun:
    """Start the process. It forks once and its first half ends, so that the starter has no child for long.

    Raises OSError.
    """
    log = core_log()
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_MAX:
            log.replace(log.with_suffix(".log.1"))
    read, write = os.pipe()
    try:
        return Begun(_start(log, write, idle_exit_s, env), read)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)


def _start(log: Path, ready: int, idle_exit_s: float | None, env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tui", "serve", "--daemon", "--ready-fd", str(ready)]
    if idle_exit_s is not None:
        words += ["--idle-exit", f"{idle_exit_s:g}"]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=descriptor, pass_fds=(ready,), cwd="/",
            start_new_session=True, env=_environment(os.environ if env is None else env),
        )
    finally:
        os.close(descriptor)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given`, fit for another working directory, and with the way to this very program."""
    env = dict(given)
    for name in ("TRAKTIR_HOME", "TMPDIR"):
        if env.get(name):
            env[name] = str(Path(env[name]).expanduser().absolute())
    search = [str(Path(entry).absolute()) for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if str(_ROOT) not in (*site.getsitepackages(), site.getusersitepackages()) and str(_ROOT) not in search:
        search.insert(0, str(_ROOT))
    if search:
        env["PYTHONPATH"] = os.pathsep.join(search)
    return env
