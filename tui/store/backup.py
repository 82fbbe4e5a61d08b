"""Copies of the database: by SQLite's backup API, checked, then given their name in one step."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tui.store.connecting import connect

DAILY_KEPT = 5
DAY_SECONDS = 24 * 3600
_PAGES_PER_STEP = 1024


class CopyStopped(Exception):
    """The copy was given up because `stop` said so."""


class CopyDamaged(sqlite3.DatabaseError):
    """The finished copy did not pass SQLite's check."""


def folder(path: Path) -> Path:
    """Where the copies of the database `path` lie."""
    return path.parent / "backups"


def backups(path: Path) -> list[Path]:
    """The copies of `path`, newest first."""
    with contextlib.suppress(OSError):
        found = [file for file in folder(path).glob("*.db") if file.name.startswith(f"{path.stem}-")]
        return sorted(found, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)
    return []


def copy(path: Path, target: Path, stop: Callable[[], bool] = lambda: False) -> None:
    """Copy the database `path`, as it stands at this moment, to `target`, while others may write it.

    `target` appears only when it is whole and checked. Raises sqlite3.Error, OSError, CopyStopped.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        _copy_pages(path, partial, stop)
        _check(partial, stop)
        _flush(partial)
        partial.replace(target)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)


def before_migration(path: Path, version: int) -> Path:
    """Copy `path` aside before its schema is changed. Returns where."""
    target = folder(path) / f"{path.stem}-schema{version}-{_stamp()}.db"
    copy(path, target)
    return target


def daily_is_due(path: Path, now: float | None = None) -> bool:
    """Whether the last daily copy is older than a day, or dated in the future by a clock that was wrong."""
    now = time.time() if now is None else now
    ages = [now - file.stat().st_mtime for file in _daily(path)]
    return not any(0 <= age < DAY_SECONDS for age in ages)


def make_daily(path: Path, stop: Callable[[], bool] = lambda: False) -> Path:
    """Write today's copy and remove all daily ones but the newest five. Returns the copy."""
    for left in folder(path).glob(f"{path.stem}-daily-*.partial*"):          # by a core that died while it copied
        left.unlink(missing_ok=True)
    target = folder(path) / f"{path.stem}-daily-{_stamp()}.db"
    copy(path, target, stop)
    for old in _daily(path)[DAILY_KEPT:]:
        old.unlink(missing_ok=True)
    return target


def _daily(path: Path) -> list[Path]:
    return [file for file in backups(path) if file.name.startswith(f"{path.stem}-daily-")]


def _stamp() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}"


def _copy_pages(path: Path, partial: Path, stop: Callable[[], bool]) -> None:
    def progress(_status: int, _left: int, _total: int) -> None:
        if stop():
            raise CopyStopped

    with closing(connect(path)) as source:
        source.execute("BEGIN")                   # one snapshot: the copy does not start over when others write
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(connect(partial)) as target:
            source.backup(target, pages=_PAGES_PER_STEP, progress=progress)
            target.execute("PRAGMA journal_mode=DELETE")       # one file, whatever mode the source is in


def _check(partial: Path, stop: Callable[[], bool]) -> None:
    with closing(connect(partial)) as connection:
        connection.set_progress_handler(lambda: int(stop()), 100_000)
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError:
            if stop():
                raise CopyStopped from None
            raise
    if answer != "ok":
        raise CopyDamaged(str(answer))


def _flush(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
