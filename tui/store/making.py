"""Backups in one file: of the whole home, or of one chat. They are made beside a core at work; none need run."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tui.domain.errors import NotFound, StoreError
from tui.domain.notice import notice
from tui.store import archive, backup, carrying, copies, failures, rotation, schema
from tui.store.connecting import connect

#: A chat's file has room enough with so many bytes to begin with.
_CHAT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written, read back and found whole."""

    file: Path
    bytes: int
    manifest: archive.Manifest


def home(database: Path, config: Path, target: Path | None = None, *, kind: str = copies.HOME) -> Made:
    """Back up the database and the configuration's files into `target` (by default a new file beside the others).

    Raises StoreError, and then there is no new file.
    """
    target = target or copies.name(database, kind, ".zip")
    with _told(target, database), _beside(target) as folder:
        copied, version, rows = None, 0, {"chats": 0, "nodes": 0}
        if database.exists() and database.stat().st_size:
            copied = folder / archive.DATABASE
            found = backup.copy(database, copied, record=False)
            version, rows = found.schema, dict(found.rows)
        manifest = archive.write(
            target, copied, config, kind=copies.HOME, schema=version, chats=rows["chats"], messages=rows["nodes"],
            made=time.time(),
        )
        return _made(database, target, manifest)


def before_restore(database: Path, config: Path) -> Made:
    """The home as it is, aside, before another takes its place; of such copies the newest three stay."""
    made = home(database, config, kind=copies.BEFORE_RESTORE)
    for old in rotation.surplus_aside(copies.listed(database), copies.BEFORE_RESTORE):
        copies.remove(old.path)
    return made


def chat(database: Path, chat_id: str, target: Path | None = None) -> Made:
    """Back up one chat: its whole tree, log, summaries, plans and draft. Raises NotFound, StoreError."""
    target = target or copies.name(database, copies.CHAT, ".zip")
    if not database.exists():
        raise NotFound(notice("There is no such chat."), chat=chat_id[:40])
    with _told(target, database), _beside(target) as folder:
        alone = folder / archive.DATABASE
        title, version, messages = single(database, chat_id, alone)
        manifest = archive.write(
            target, alone, None, kind=copies.CHAT, schema=version, chats=1, messages=messages, chat=chat_id,
            title=title, made=time.time(),
        )
        return _made(database, target, manifest)


def single(database: Path, chat_id: str, target: Path) -> tuple[str, int, int]:
    """Write the chat to the new database `target`, alone. Returns its title, the schema and its messages.

    Raises NotFound, sqlite3.Error, OSError.
    """
    backup.need_room(target.parent, _CHAT_BYTES)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(connect(database)) as source, closing(connect(target)) as alone:
        alone.execute("PRAGMA journal_mode=MEMORY")
        source.execute("BEGIN")
        version = schema.version(source)
        schema.migrate(alone, schema.STEPS[:version])
        alone.execute("BEGIN")
        carrying.carry(source, alone, chat_id)
        alone.execute("COMMIT")
        title = str(alone.execute("SELECT title FROM chats").fetchone()[0])
        messages = int(alone.execute("SELECT count(*) FROM nodes").fetchone()[0])
        alone.execute("PRAGMA journal_mode=DELETE")
    copies.flush(target)
    return title, version, messages


def _made(database: Path, target: Path, manifest: archive.Manifest) -> Made:
    if target.parent == copies.folder(database):
        member = manifest.members.get(archive.DATABASE)
        rows = {"chats": manifest.chats, "nodes": manifest.messages}
        copies.write_record(target, copies.Record(
            manifest.made, manifest.schema, rows, target.stat().st_size, member.sha256 if member else "",
            manifest.program,
        ))
    return Made(target, target.stat().st_size, manifest)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder of our own where `target` is to lie; it goes away with everything in it."""
    if not target.parent.exists():
        target.parent.mkdir(mode=0o700, parents=True)
    with tempfile.TemporaryDirectory(prefix=".traktir-", suffix=".partial", dir=target.parent) as folder:
        yield Path(folder)


@contextmanager
def _told(target: Path, database: Path) -> Iterator[None]:
    """Whatever goes wrong is said in a sentence."""
    try:
        yield
    except backup.NoRoom as error:
        raise StoreError(
            notice("There is no room for the backup {file}: it needs {needed} MB, and {free} MB are free.",
                   file=str(target), needed=-(-error.needed // 1_000_000), free=error.free // 1_000_000),
            notice("Free some space, or write it elsewhere with: traktir backup -o FILE"),
            kind="disk_full", file=str(target),
        ) from error
    except sqlite3.Error as error:
        raise failures.from_sqlite(error, database) from error
    except OSError as error:
        raise failures.from_os(error, target) from error
