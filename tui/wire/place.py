"""Where the core lives: in a process of its own or the client's, its socket in a directory that is ours alone."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
from pathlib import Path

from tui import paths
from tui.domain.errors import Refused
from tui.domain.notice import notice

SOCKET_NAME = "core.sock"
#: `sockaddr_un` holds 104 bytes on some systems, the final zero included.
SOCKET_PATH_MAX = 103


def socket_path() -> Path:
    """Where the core of the home in use listens."""
    return paths.runtime_dir() / SOCKET_NAME


def prefers_standalone() -> bool:
    """Whether the core belongs into the client's process here: on Android background processes are killed."""
    android = sys.platform == "android" or hasattr(sys, "getandroidapilevel") or "TERMUX_VERSION" in os.environ
    return android or os.name != "posix"


def check_private(folder: Path) -> None:
    """Raise Refused unless `folder` is a real directory, ours, and closed to everyone else (mode 0700).

    A directory in `/tmp` may have been put there by another user; a socket in it would be theirs.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise Refused(
            notice("{path} is not a directory, so the core's socket cannot lie there.", path=str(folder)),
            notice("Remove it, or set TMPDIR to a directory of your own."),
        )
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise Refused(
            notice("{path} belongs to another user; nothing in it can be trusted.", path=str(folder)),
            notice("Set TMPDIR to a directory of your own and start again."),
        )
    if hasattr(os, "geteuid") and stat.S_IMODE(found.st_mode) & 0o077:
        raise Refused(
            notice("{path} can be opened by other users; the core's socket must not lie there.", path=str(folder)),
            notice("Close it with: chmod 700 {path}", path=str(folder)),
        )


def make_private(folder: Path) -> None:
    """Make `folder` with mode 0700 where it is missing, then check it. Raises Refused."""
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
        check_private(folder)
    except OSError as problem:
        raise Refused(
            notice("{path} cannot be made ({reason}).", path=str(folder), reason=problem.strerror or str(problem)),
            notice("Set TMPDIR to a directory that you can write to."),
        ) from problem


def is_held(folder: Path) -> bool:
    """Whether a core holds the directory: it locks it from before it listens until everything is put away."""
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:                                # no locks here: then nobody holds one
        return False
    finally:
        os.close(descriptor)


def write_pointer(path: Path) -> None:
    """Leave word in the data directory of where the core listens: another shell may have another TMPDIR. Raises
    OSError."""
    pointer = _pointer()
    pointer.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):             # it may lie open from a time before this program closed it
        pointer.parent.chmod(stat.S_IMODE(pointer.parent.stat().st_mode) & 0o700)
    new = pointer.with_name(f"{pointer.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps({"host": socket.gethostname(), "socket": str(path)}), "utf-8")
        new.replace(pointer)
    finally:
        new.unlink(missing_ok=True)


def remove_pointer(path: Path) -> None:
    if pointed() == path:
        with contextlib.suppress(OSError):         # a disk that became read-only: who follows it finds nobody there
            _pointer().unlink(missing_ok=True)


def pointed() -> Path | None:
    """The socket named there by a core of this host; whether one still listens is another question."""
    try:
        found = json.loads(_pointer().read_text("utf-8"))
        return Path(found["socket"]) if found["host"] == socket.gethostname() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pointer() -> Path:
    return paths.data_dir() / "core.json"
