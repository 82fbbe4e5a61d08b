"""The lock beside the database: one core writes, and the file says which (host, pid, socket)."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path

from tui.domain.errors import StoreError
from tui.domain.notice import notice
from tui.store import failures
from tui.store.types import LockInfo

try:
    import fcntl
except ImportError:                               # not a POSIX system: the pid in the file has to do
    fcntl = None  # type: ignore[assignment]

_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN)


class Lock:
    """Holds the lock until `release`. The kernel's lock (flock) decides on this host and goes away with its process;
    the file's text decides between hosts, and where flock is not to be had."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self.file = file
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, file: Path, owner: LockInfo) -> Lock:
        """Take the lock for `owner`. Raises StoreError naming the holder (kind locked or locked_elsewhere)."""
        try:
            descriptor = _open_current(file)
        except OSError as error:
            raise failures.from_os(error, file) from error
        try:
            kernel_locked = _flock(descriptor, file)
            _refuse_other_holder(file, _read(descriptor), owner, kernel_locked)
            _write(descriptor, owner)
        except OSError as error:
            os.close(descriptor)
            raise failures.from_os(error, file) from error
        except BaseException:
            os.close(descriptor)
            raise
        return cls(file, descriptor)

    def release(self) -> None:
        """Give the lock back and remove the file."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self.file.unlink()
            os.close(self._descriptor)
            self._descriptor = None


def _open_current(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def _flock(descriptor: int, file: Path) -> bool:
    """Take the kernel's lock. False where the file system has none. Raises StoreError when another process has it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise _locked(file, _read(descriptor)) from error
        return False
    if not _is_current(descriptor, file):         # its holder removed it between our open and our lock
        raise _locked(file, None)
    return True


def _is_current(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def _refuse_other_holder(file: Path, found: LockInfo | None, owner: LockInfo, kernel_locked: bool) -> None:
    if found is None:
        return
    if found.host != owner.host:
        raise StoreError(
            notice(
                "The store is in use by Traktir on another computer, {host} (process {pid}).",
                host=found.host, pid=found.pid,
            ),
            notice("Stop it there. If it no longer runs, delete the file {file} and start again.", file=str(file)),
            kind="locked_elsewhere", host=found.host, pid=found.pid, socket=found.socket, file=str(file),
        )
    if not kernel_locked and found.pid != owner.pid and _alive(found.pid):
        raise _locked(file, found)


def _locked(file: Path, found: LockInfo | None) -> StoreError:
    known = found or LockInfo("", 0)
    return StoreError(
        notice(
            "The store is in use by another Traktir (process {pid}, socket {socket}).",
            pid=known.pid or "?", socket=known.socket or "?",
        ),
        notice("Use that one, or stop it with: traktir stop"),
        kind="locked", host=known.host, pid=known.pid, socket=known.socket, file=str(file),
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True                               # it exists and is somebody else's
    return True


def _read(descriptor: int) -> LockInfo | None:
    return _parse(os.pread(descriptor, 4096, 0))


def _parse(data: bytes) -> LockInfo | None:
    try:
        found = json.loads(data)
        return LockInfo(str(found["host"]), int(found["pid"]), str(found["socket"]))
    except (ValueError, TypeError, KeyError):
        return None


def _write(descriptor: int, owner: LockInfo) -> None:
    text = json.dumps({"host": owner.host, "pid": owner.pid, "socket": owner.socket}) + "\n"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
    os.fsync(descriptor)
