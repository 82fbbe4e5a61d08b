"""Connections to the database file."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:                               # not a POSIX system: SQLite's own way of locking will do
    fcntl = None  # type: ignore[assignment]

_BUSY_SECONDS = 30.0


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any one thread at a time. Raises sqlite3.Error.

    `read_only`, for who holds the store's lock, leaves nothing beside the file that was not there.
    """
    options = "?mode=ro" if read_only else "?mode=rw"
    if read_only and not any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal")):
        options += "&immutable=1"                 # else SQLite makes a log and leaves it there
    if locks_refused(path.parent):
        options += "&vfs=unix-dotfile"
    connection = sqlite3.connect(
        path.absolute().as_uri() + options, uri=True, timeout=_BUSY_SECONDS, isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def locks_refused(folder: Path) -> bool:
    """Whether the file system has no locks on files, as some network ones: tried on a file of its own there.

    SQLite then locks by making a directory `FILE.lock` beside the database.
    """
    if fcntl is None:
        return False
    try:
        probe, name = tempfile.mkstemp(prefix="lock-probe-", dir=folder)
    except OSError:
        return False                              # full or read-only: said better by what is tried next
    try:
        os.unlink(name)
        fcntl.lockf(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(probe)
    return False


def forget_dead_lock(path: Path) -> None:
    """Remove the lock directory that a dead core left. Only for who holds the store's own lock."""
    directory = path.with_name(path.name + ".lock")
    if directory.is_dir():
        directory.rmdir()
