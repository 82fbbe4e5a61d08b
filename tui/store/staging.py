"""A backup, unpacked and looked at from all sides, before anything of the home is touched."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.domain.errors import NotFound, StoreError
from tui.domain.notice import notice
from tui.store import archive, backup, check, copies, failures, making, schema, verify
from tui.store.connecting import connect

#: Folders in the data folder that hold what is being restored begin so.
PREFIX = "restoring-"
#: Says that a restore has begun, and which.
INTENT = "restore.json"
#: The database of a single chat in such a folder.
CHAT_FILE = "chat.db"
_ABANDONED_S = 3600


@dataclass(frozen=True, slots=True)
class Staged:
    """A backup that was unpacked to `folder` and found sound; its database has the schema of this program.

    `database` and `config` say which parts it has; `config` holds member names. `schema` is the one that it came with.
    `chat` is the only chat in it, "" for a whole home.
    """

    folder: Path
    kind: str
    made: float
    schema: int
    chats: int
    messages: int
    database: bool
    config: frozenset[str]
    chat: str

    @property
    def file(self) -> Path:
        return self.folder / archive.DATABASE


def find(database: Path, wanted: str) -> Path:
    """The copy that a person means: a file, or the name of one of ours. Raises NotFound."""
    ours = copies.folder(database) / wanted
    for file in ([ours] if Path(wanted).name == wanted else []) + [Path(wanted).expanduser()]:
        if file.is_file():
            return file
    raise NotFound(
        notice("There is no backup called {name}.", name=wanted[:200]),
        notice("The copies there are: traktir restore --list"), file=wanted[:200],
    )


@contextmanager
def stage(database: Path, file: Path) -> Iterator[Staged]:
    """Unpack `file` beside the database `database`, check everything, bring its database to this schema.

    What is unpacked goes away afterwards, unless it was put in place. Raises StoreError; nothing has changed then.
    """
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=database.parent))
    try:
        with _told(file):
            yield _unpacked(file, folder)
    finally:
        pending = intent(database)
        if pending is None or pending["stage"] != folder.name:     # else whoever opens the store next goes on
            shutil.rmtree(folder, ignore_errors=True)


def intent(database: Path) -> dict[str, Any] | None:
    """The restore that has begun and not ended. Its folder is there: it goes away last."""
    try:
        found: dict[str, Any] = json.loads((database.parent / INTENT).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return found


def clear_abandoned(database: Path) -> None:
    """Remove what was unpacked by a command that died."""
    for left in database.parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)


def check_single(file: Path, chat_id: str) -> None:
    """Look at the database of one chat as at one from outside. Raises NotFound, StoreError."""
    verify.database(file, file.name)
    check_chat(file, chat_id, file.name)


def check_chat(file: Path, chat_id: str, shown: str) -> None:
    """Whether the log of the only chat in the database `file` gives what its tables hold. Raises StoreError."""
    with closing(connect(file)) as connection:
        there = [one for (one,) in connection.execute("SELECT id FROM chats")]
        found = check.replays(connection, 2)
    if found or there != [chat_id]:
        raise verify.refusal(
            notice("{file} is damaged: the history of the chat {title} does not give what is stored of it.",
                   file=shown, title=chat_id[:40]), file=shown,
        )


def alone(staged: Staged, chat_id: str, shown: str) -> Path:
    """The chat of a staged backup in a database of its own. Raises NotFound, StoreError."""
    target = staged.folder / CHAT_FILE
    if not staged.database:
        raise NotFound(notice("There is no such chat."), chat=chat_id[:40])
    try:
        making.single(staged.file, chat_id, target)
    except (sqlite3.Error, ValueError, TypeError, LookupError) as error:
        raise verify.refusal(
            notice("{file} is damaged: {reason}.", file=shown, reason=str(error)), file=shown
        ) from error
    check_chat(target, chat_id, shown)
    return target


def _unpacked(file: Path, folder: Path) -> Staged:
    with file.open("rb") as stream:
        begin = stream.read(16)
    if begin.startswith(b"PK"):
        return _from_archive(file, folder)
    if begin == b"SQLite format 3\0":
        return _from_database(file, folder)
    raise verify.refusal(notice("{file} is not a backup of Traktir.", file=file.name), file=str(file))


def _from_archive(file: Path, folder: Path) -> Staged:
    with archive.reading(file, file.name) as opened:
        backup.need_room(folder, opened.size())
        manifest = opened.manifest
        for name in manifest.members:
            target = folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened.extract(name, target)
    config = frozenset(name for name in manifest.members if name != archive.DATABASE)
    version, rows = 0, {"chats": 0, "nodes": 0}
    if archive.DATABASE in manifest.members:
        version, rows = _sound(folder / archive.DATABASE, file.name)
    return Staged(
        folder, manifest.kind, manifest.made, version, rows["chats"], rows["nodes"],
        archive.DATABASE in manifest.members, config, manifest.chat if manifest.kind == copies.CHAT else "",
    )


def _from_database(file: Path, folder: Path) -> Staged:
    target = folder / archive.DATABASE
    size = file.stat().st_size
    backup.need_room(folder, backup.size_of(file))
    record = copies.read_record(file)
    for suffix in ("", "-wal"):                   # beside a store that nobody closed lies what it stored last
        with suppress(FileNotFoundError):
            shutil.copyfile(file.with_name(file.name + suffix), target.with_name(target.name + suffix))
    target.chmod(0o600)
    if record is not None and (record.bytes != size or copies.digest(target) != record.sha256):
        raise verify.refusal(
            notice("{file} is damaged: {part} in it is not what was written.", file=file.name, part=file.name),
            file=str(file),
        )
    version, rows = _sound(target, file.name)
    return Staged(
        folder, copies.HOME, file.stat().st_mtime, version, rows["chats"], rows["nodes"], True, frozenset(), ""
    )


def _sound(database: Path, shown: str) -> tuple[int, dict[str, int]]:
    """Check an unpacked database, then migrate it. Returns the schema it came with, and its rows."""
    found = verify.database(database, shown)
    with closing(connect(database)) as connection:
        schema.migrate(connection)
        connection.execute("PRAGMA journal_mode=DELETE")
    copies.flush(database)
    return found.schema, found.rows


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except backup.NoRoom as error:
        raise StoreError(
            notice("There is no room to unpack {file}: it needs {needed} MB, and {free} MB are free.",
                   file=file.name, needed=-(-error.needed // 1_000_000), free=error.free // 1_000_000),
            notice("Nothing was changed. Free some space, then try again."), kind="disk_full", file=str(file),
        ) from error
    except sqlite3.Error as error:
        raise failures.from_sqlite(error, file) from error
    except OSError as error:
        raise failures.from_os(error, file) from error


