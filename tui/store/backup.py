"""Copies of the database: by SQLite's backup API, compared with what was copied, then given their name in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from tui import __version__
from tui.store import copies, rotation, schema
from tui.store.connecting import connect
from tui.store.copies import CopyStopped, Record, backups, folder

__all__ = ["CopyDamaged", "CopyStopped", "NoRoom", "backups", "before_migration", "copy", "daily_is_due", "folder",
           "make_daily"]

T = TypeVar("T")
DAY_SECONDS = rotation.DAY_SECONDS
#: Every table that a copy must have row for row.
TABLES = ("chats", "fields", "nodes", "revisions", "summaries", "changes", "plans", "drafts", "settings")
_PAGES_PER_STEP = 1024
#: Bytes that stay free beside a copy: the store itself goes on writing.
_SPARE = 256 * 1024
#: Seconds after which a half-made copy that nobody grows belongs to nobody.
_ABANDONED_S = 3600


class CopyDamaged(sqlite3.DatabaseError):
    """The finished copy did not pass SQLite's check, or does not hold what was copied."""


class NoRoom(OSError):
    """The disk has no room for a copy; nothing was written. `needed` and `free` are bytes."""

    def __init__(self, place: Path, needed: int, free: int) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place))
        self.needed = needed
        self.free = free


def copy(
    path: Path, target: Path, stop: Callable[[], bool] = lambda: False, *, record: bool = True,
    now: float | None = None,
) -> Record:
    """Copy the database `path`, as it stands at this moment, to `target`, while others may write it.

    `target` appears only when it is whole and checked; what was found is kept beside it where `record` says so.
    Raises sqlite3.Error, OSError (NoRoom before anything is written), CopyStopped.
    """
    now = time.time() if now is None else now
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    need_room(target.parent, size_of(path))
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        source = _copy_pages(path, partial, stop)
        _check(partial, source, stop)
        copies.flush(partial)
        version, rows = source
        found = Record(now, version, rows, partial.stat().st_size, copies.digest(partial, stop), __version__)
        os.utime(partial, (now, now))
        partial.replace(target)
        copies.flush(target.parent)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)
    if record:
        copies.write_record(target, found)
    return found


def before_migration(path: Path, version: int) -> Path:
    """Copy `path` aside before its schema is changed; of such copies the newest three stay. Returns where."""
    target = copies.name(path, f"{copies.SCHEMA}{version}", ".db")
    copy(path, target)
    for old in rotation.surplus_aside(copies.listed(path), copies.SCHEMA):
        copies.remove(old.path)
    return target


def daily_is_due(path: Path, now: float | None = None) -> bool:
    """Whether the last daily copy is older than a day, or dated in the future by a clock that was wrong."""
    now = time.time() if now is None else now
    ages = [now - found.made for found in copies.listed(path) if found.kind == copies.DAILY]
    return not any(0 <= age < DAY_SECONDS for age in ages)


def make_daily(path: Path, stop: Callable[[], bool] = lambda: False, now: float | None = None) -> Path:
    """Write today's copy, then remove the daily ones that `rotation` has no place for. Returns the copy.

    Only for who holds the store's lock. Earlier copies are taken away only after the new one is there.
    """
    now = time.time() if now is None else now
    clear_abandoned(path)
    target = copies.name(path, copies.DAILY, ".db", now)
    copy(path, target, stop, now=now)
    for old in rotation.surplus_daily(copies.listed(path), now):
        if old.path != target:
            copies.remove(old.path)
    return target


def clear_abandoned(path: Path) -> None:
    """Remove what a dead core left half-made. Only for who holds the store's lock: nobody else makes daily copies and
    those before a migration; others are left alone for as long as somebody may be writing them."""
    with contextlib.suppress(OSError):
        for left in folder(path).glob("*.partial*"):
            ours = left.name.startswith((f"{path.stem}-{copies.DAILY}", f"{path.stem}-{copies.SCHEMA}"))
            if left.is_file() and (ours or time.time() - left.stat().st_mtime > _ABANDONED_S):
                left.unlink(missing_ok=True)
            elif left.is_dir() and time.time() - left.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)


def size_of(path: Path) -> int:
    """Bytes that a copy of the database takes at most: the file, and what its log holds."""
    found = 0
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            found += path.with_name(path.name + suffix).stat().st_size
    return found


def need_room(place: Path, needed: int) -> None:
    """Raise NoRoom unless the disk of the folder `place` has room for so many bytes, and some to spare."""
    free = shutil.disk_usage(place).free
    if free < needed + _SPARE:
        raise NoRoom(place, needed, free)


def rows_of(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each of the tables has."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {
        table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for table in TABLES if table in there
    }


def _copy_pages(path: Path, partial: Path, stop: Callable[[], bool]) -> tuple[int, dict[str, int]]:
    """Returns the schema version and the rows of what was copied."""

    def progress(_status: int, _left: int, _total: int) -> None:
        if stop():
            raise CopyStopped

    with closing(connect(path)) as source:
        source.execute("BEGIN")                   # one snapshot: the copy does not start over when others write
        found = _stoppable(source, stop, lambda: (schema.version(source), rows_of(source)))
        with closing(connect(partial)) as target:
            source.backup(target, pages=_PAGES_PER_STEP, progress=progress)
            target.execute("PRAGMA journal_mode=DELETE")       # one file, whatever mode the source is in
    return found


def _check(partial: Path, source: tuple[int, dict[str, int]], stop: Callable[[], bool]) -> None:
    with closing(connect(partial)) as connection:
        answer, version, rows = _stoppable(
            connection, stop,
            lambda: (
                str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]), schema.version(connection),
                rows_of(connection),
            ),
        )
    if answer != "ok":
        raise CopyDamaged(answer)
    if (version, rows) != source:
        raise CopyDamaged(f"{version}, {rows} in the place of {source}")


def _stoppable(connection: sqlite3.Connection, stop: Callable[[], bool], query: Callable[[], T]) -> T:
    """The answer of `query`. Raises CopyStopped as soon as `stop` says so."""
    connection.set_progress_handler(lambda: int(stop()), 100_000)
    try:
        return query()
    except sqlite3.OperationalError:
        if stop():
            raise CopyStopped from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
