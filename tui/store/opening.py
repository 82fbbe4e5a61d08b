"""From a path to a database that is ours, whole, of this version, and in the right journal mode."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tui.domain.errors import StoreError
from tui.domain.notice import Notice, notice
from tui.store import backup, failures, schema
from tui.store.connecting import connect, forget_dead_lock, locks_refused

#: File systems that other computers (or a host behind a virtual machine) share: WAL needs shared memory, so not there.
_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "ocfs2", "gfs2",
        "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "afpfs", "webdav", "davfs",
        "fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.vmhgfs-fuse", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs",
    }
)
#: A file up to this size is checked before it is used; a larger one with the daily copy, beside the work.
_CHECKED_AT_ONCE = 8 * 1024 * 1024


@dataclass(frozen=True)
class Opened:
    """What opening found: the journal mode in use, and what the user should hear."""

    journal_mode: str
    notices: tuple[Notice, ...]
    checked: bool


def prepare(path: Path, steps: Sequence[schema.Step] = schema.STEPS) -> Opened:
    """Make, check and migrate the database `path`. Blocks; the lock must be held. Raises StoreError, and then an
    existing file is as it was."""
    try:
        forget_dead_lock(path)
        version = _look(path, len(steps))
        small = _size(path) <= _CHECKED_AT_ONCE
        if small and version:
            _quick_check(path)
        if 0 < version < len(steps):
            backup.before_migration(path, version)
        with closing(connect(path)) as connection:
            journal_mode, notices = _set_journal_mode(connection, path)
            schema.migrate(connection, steps)
        return Opened(journal_mode, tuple(notices), checked=small)
    except sqlite3.Error as error:
        raise failures.from_sqlite(error, path) from error
    except OSError as error:
        raise failures.from_os(error, path) from error


def make_folder(path: Path) -> None:
    """Create the folder of the database `path` (mode 0700) where there is none. Raises StoreError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise failures.from_os(error, path.parent) from error


def make_file(path: Path) -> None:
    """Create an empty database file (mode 0600) where there is none. Raises StoreError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise failures.from_os(error, path) from error


def file_system(path: Path) -> str:
    """The type of the file system that `path` lies on, "" where the system does not tell."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    place = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        if _inside(place, point) and len(point) >= len(best):
            best, kind = point, parts[2]
    return kind


def _inside(place: str, point: str) -> bool:
    return place == point or place.startswith(point.rstrip("/") + "/")


def _size(path: Path) -> int:
    return path.stat().st_size


def _look(path: Path, known: int) -> int:
    """The schema version of the file. Raises StoreError for a newer one, and for another program's database."""
    if _size(path) == 0:
        return 0
    with closing(connect(path, read_only=True)) as connection:
        version = schema.version(connection)
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and application != schema.APPLICATION_ID:
        raise StoreError(
            notice("{file} is a database of another program.", file=str(path)),
            notice("Move it away, or let TRAKTIR_HOME name another folder."), kind="foreign", file=str(path),
        )
    if version > known:
        raise StoreError(
            notice(
                "The database {file} has version {found}; this Traktir knows versions up to {known}. "
                "It was not touched.",
                file=str(path), found=version, known=known,
            ),
            notice("Start the newer Traktir that wrote it, or upgrade this one."),
            kind="newer", file=str(path), found=version, known=known,
        )
    return version


def _quick_check(path: Path) -> None:
    with closing(connect(path)) as connection:
        answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if answer != "ok":
        raise failures.corrupt(path)


def _set_journal_mode(connection: sqlite3.Connection, path: Path) -> tuple[str, list[Notice]]:
    if locks_refused(path.parent):
        return _journal_mode(connection, "TRUNCATE"), [
            notice(
                "This file system has no locks on files: writes are safe, but slower. "
                "Let only one computer use the store at a time.",
            )
        ]
    kind = file_system(path)
    if kind in _NETWORK:
        mode = _journal_mode(connection, "TRUNCATE")
        return mode, [
            notice(
                "The store lies on a network file system ({kind}): it is kept safe there with slower writes. "
                "Let only one computer use it at a time.", kind=kind,
            )
        ]
    mode = _journal_mode(connection, "WAL")
    if mode == "wal":
        return mode, []
    mode = _journal_mode(connection, "TRUNCATE")
    return mode, [notice("This file system does not take SQLite's write-ahead log: writes are safe, but slower.")]


def _journal_mode(connection: sqlite3.Connection, mode: str) -> str:
    try:
        return str(connection.execute(f"PRAGMA journal_mode={mode}").fetchone()[0])
    except sqlite3.OperationalError:
        if mode != "WAL":
            raise
        return "refused"
