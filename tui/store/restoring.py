"""A backup takes the place of the home: all of it or nothing, also where the machine dies in the middle.

What is to come lies unpacked and checked in a folder of its own. One file, `restore.json`, appears in one step and says
so; from then on the restore happens, by whoever opens the store next if need be. Every step can be done again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from tui.domain.errors import StoreError
from tui.store import archive, copies, failures, making, opening, staging
from tui.store.lock import Lock
from tui.store.staging import Staged
from tui.store.types import LockInfo

#: What SQLite keeps beside a database. Beside another one it would be read into that: it must go first.
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """`aside` is the copy of what was there before, None where there was nothing. `damaged` is the database as it was,
    where it was broken; `aside` then holds only the files."""

    aside: Path | None
    damaged: Path | None


def whole(database: Path, config: Path, staged: Staged) -> Restored:
    """Put a staged backup in the place of the home, which no core may have open; what was there is copied aside first.

    Files of the configuration that the backup does not know are taken away (they are in the copy aside); where it has
    none at all, the configuration stays as it is. Raises StoreError: locked, disk_full, io; nothing has changed then.
    """
    opening.make_folder(database)
    lock = Lock.take(database.with_name(database.name + ".owner"), LockInfo(socket.gethostname(), os.getpid()))
    try:
        os.utime(staged.folder)                   # whoever had to say yes may have taken hours: it is not abandoned
        finish(database)
        restored = _copied_aside(database, config, staged)
        _begin(database, config, staged)
        finish(database)
        return restored
    except OSError as error:
        raise failures.from_os(error, database) from error
    finally:
        lock.release()


def finish(database: Path) -> bool:
    """Complete a restore that was cut short; only for who holds the store's lock. Whether there was one.

    Raises OSError.
    """
    intent = staging.intent(database)
    if intent is None:
        staging.clear_abandoned(database)
        return False
    stage = database.parent / intent["stage"]
    _put_database(stage / archive.DATABASE, database)
    config = Path(intent["config"])
    for name in intent["gone"]:                       # first: a disk may take two names for one that differ in case
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (config / name.removeprefix("config/")).unlink()
    for name in intent["members"]:
        _put_file(stage / name, config / name.removeprefix("config/"))
    (database.parent / staging.INTENT).unlink()
    copies.flush(database.parent)
    shutil.rmtree(stage, ignore_errors=True)
    return True


def _copied_aside(database: Path, config: Path, staged: Staged) -> Restored:
    if not _is_there(database, config):
        return Restored(None, None)
    try:
        return Restored(making.before_restore(database, config).file, None)
    except StoreError as error:
        if error.details.get("kind") not in ("corrupt", "foreign", "io") or not staged.database:
            raise
    damaged = copies.name(database, "damaged", "")
    copies.folder(database).mkdir(mode=0o700, exist_ok=True)
    for suffix in ("", *_BESIDE):
        _second_name(database.with_name(database.name + suffix), damaged.with_name(damaged.name + suffix))
    aside = copies.name(database, copies.BEFORE_RESTORE, ".zip")
    archive.write(aside, None, config, kind=copies.HOME, made=time.time())
    return Restored(aside, damaged)


def _second_name(file: Path, other: Path) -> None:
    """Keep a file that is about to lose its name. It is not written any more, so it need not be copied."""
    try:
        os.link(file, other)
    except FileNotFoundError:
        return
    except OSError:                               # a file system without such links
        shutil.copyfile(file, other)
        other.chmod(0o600)


def _is_there(database: Path, config: Path) -> bool:
    return (database.exists() and database.stat().st_size > 0) or any(True for _ in archive.config_files(config))


def _begin(database: Path, config: Path, staged: Staged) -> None:
    """From here on there is a restore to be completed."""
    present = {name for name, _ in archive.config_files(config)} if staged.config else set()
    intent = {
        "stage": staged.folder.name, "config": str(config.absolute()), "members": sorted(staged.config),
        "gone": sorted(present - staged.config),
    }
    target = database.parent / staging.INTENT
    partial = target.with_name(staging.INTENT + ".partial")
    partial.write_text(json.dumps(intent), "utf-8")
    copies.flush(partial)
    _flush_folders(staged.folder)
    partial.replace(target)
    copies.flush(target.parent)


def _flush_folders(folder: Path) -> None:
    for at, _, _ in os.walk(folder):
        copies.flush(Path(at))


def _put_database(staged: Path, database: Path) -> None:
    """Gone from the stage means put in place already: then what lies beside belongs to the new one."""
    if staged.exists():
        for suffix in _BESIDE:
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        copies.flush(database.parent)
        staged.replace(database)
        copies.flush(database.parent)


def _put_file(staged: Path, target: Path) -> None:
    """Write a file anew and give it its name in one step; it may lie on another disk than the store."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(".traktir.restoring")      # short: the name of the file may be as long as names can be
    partial.unlink(missing_ok=True)
    shutil.copyfile(staged, partial)
    copies.flush(partial)
    partial.replace(target)
