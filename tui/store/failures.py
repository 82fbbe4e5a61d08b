"""What SQLite and the disk say, as sentences for a person.

`StoreError.details["kind"]` is one of: disk_full, read_only, busy, corrupt, newer, foreign, locked, locked_elsewhere,
closed, io.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sqlite3
import time
from pathlib import Path

from tui.domain.errors import BadInput, StoreError, TraktirError
from tui.domain.notice import notice
from tui.store.backup import CopyDamaged
from tui.store.copies import restorable

#: Below this many free bytes a failed write counts as a full disk, whatever the system called it.
_FULL_BELOW = 256 * 1024


#: What Python and SQLite raise for values of the wrong kind: the data's fault, not the disk's.
UNSTORABLE = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError, OverflowError)


def unstorable(error: Exception, path: Path) -> TraktirError:
    """The error for values that no column takes (a number of 70 bits as a time, an object as a text)."""
    if "closed database" in str(error):
        return closed(path)
    return BadInput(notice("This cannot be stored: {reason}.", reason=str(error)))


def from_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    """The StoreError that tells a person about `error`, met while working on the database `path`."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _is_full(path)):
        return disk_full(path)
    if name.startswith("SQLITE_READONLY") or (
        name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and _is_read_only(path)
    ):
        return read_only(path)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            notice("The database {file} is in use by another program.", file=str(path)),
            notice("Close what has it open (a database browser, a backup), then try again."),
            kind="busy", file=str(path),
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or isinstance(error, CopyDamaged):
        return corrupt(path)
    return StoreError(
        notice("The database {file} cannot be read or written ({reason}).", file=str(path), reason=str(error)),
        notice("Look at the disk it lies on, then try again."),
        kind="io", file=str(path),
    )


def from_os(error: OSError, path: Path) -> StoreError:
    """The StoreError for a system call that failed on `path` or beside it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return read_only(path)
    return StoreError(
        notice("{file} cannot be used ({reason}).", file=str(path), reason=error.strerror or str(error)),
        kind="io", file=str(path),
    )


def disk_full(path: Path) -> StoreError:
    return StoreError(
        notice("The disk that holds {file} is full, so this was not saved.", file=str(path)),
        notice("Free some space and try again; nothing that was saved before is lost."),
        kind="disk_full", file=str(path),
    )


def read_only(path: Path) -> StoreError:
    return StoreError(
        notice("{file} cannot be written: the disk or the folder is read-only.", file=str(path)),
        notice("Make it writable, or let TRAKTIR_HOME name another folder."),
        kind="read_only", file=str(path),
    )


def closed(path: Path) -> StoreError:
    return StoreError(notice("The database {file} is closed.", file=str(path)), kind="closed", file=str(path))


def corrupt(path: Path) -> StoreError:
    """Says the command that puts the newest good copy in the broken file's place."""
    found = restorable(path)
    remedy = (
        notice(
            "Bring back the copy of {when} with: traktir restore {copy}",
            when=time.strftime("%Y-%m-%d %H:%M", time.localtime(found[0].made)), copy=shlex.quote(found[0].path.name),
        )
        if found
        else notice("There is no backup copy of it; move it away to start afresh, and keep it for a rescue.")
    )
    return StoreError(
        notice("The database {file} is damaged; it is left as it is.", file=str(path)), remedy,
        kind="corrupt", file=str(path), backups=[str(copy.path) for copy in found],
    )


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BELOW
    except OSError:
        return False


def _is_read_only(path: Path) -> bool:
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return True
    try:
        return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):
        return False
