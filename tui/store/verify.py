"""Is a database that comes from outside what it says: ours, whole, of a version we know, and fit to be worked with?

A copy may come from a stranger. Beyond damage, this looks for what no Traktir writes and what would harm one that opens
it: triggers and views of others, values of other types, messages that are their own ancestors, plans that unpack to
gigabytes.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tui.domain.errors import StoreError
from tui.domain.notice import Notice, notice
from tui.store import pictures, reply_tokens, schema, search
from tui.store.backup import rows_of
from tui.store.connecting import connect

#: Bytes that one plan, or the state of one, may unpack to.
_PLAN_MOST = 64 * 1024 * 1024
_TYPES = {"INTEGER": ("integer",), "TEXT": ("text",), "BLOB": ("blob",)}
_NO_DATA = ("sqlite_", "search")                  # SQLite's own tables, and the index of the search


@dataclass(frozen=True, slots=True)
class Found:
    """What a sound database holds."""

    schema: int
    rows: dict[str, int]


def refusal(what: Notice, **details: Any) -> StoreError:
    """The error for a copy that cannot be used; nothing has changed when it is raised."""
    remedy = notice("Nothing was changed. The copies there are: traktir restore --list")
    return StoreError(what, remedy, kind="bad_copy", **details)


def database(path: Path, shown: str, steps: Sequence[schema.Step] = schema.STEPS) -> Found:
    """Look at the whole database `path`, which nobody else has open; `shown` is what a person calls it.

    Raises StoreError (kind bad_copy) that says what is wrong.
    """
    try:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA cell_size_check=ON")
            version = _version(connection, shown, len(steps))
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            if answer != "ok":
                raise refusal(notice("{file} is damaged: {reason}.", file=shown, reason=answer), file=shown)
            _schema(connection, shown, steps[:version])
            _types(connection, shown)
            _trees(connection, shown)
            _plans(connection, shown)
            _tokens(connection, shown)
            _pictures(connection, shown)
            return Found(version, rows_of(connection))
    except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
        raise refusal(notice("{file} is damaged: {reason}.", file=shown, reason=str(error)), file=shown) from error


def _version(connection: sqlite3.Connection, shown: str, known: int) -> int:
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != schema.APPLICATION_ID:
        raise refusal(notice("{file} is not a backup of Traktir.", file=shown), file=shown)
    version = schema.version(connection)
    if version > known:
        raise refusal(
            notice("{file} was made by a newer Traktir: it has version {found}, and this one knows up to {known}.",
                   file=shown, found=version, known=known),
            file=shown, found=version, known=known,
        )
    if version < 1:
        raise refusal(notice("{file} is not a backup of Traktir.", file=shown), file=shown)
    return version


def _schema(connection: sqlite3.Connection, shown: str, steps: Sequence[schema.Step]) -> None:
    """Every table, index, view and trigger must be one that those steps, or the search, make: word for word."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as blank:
        schema.migrate(blank, steps)
        needed = _objects(blank)
        search.prepare(blank)
        allowed = _objects(blank)
    there = _objects(connection)
    odd = sorted(name for name in there if allowed.get(name) != there[name])
    if odd:
        raise refusal(
            notice("{file} holds what no backup of Traktir holds: {part}.", file=shown, part=odd[0][:60]), file=shown
        )
    missing = sorted(set(needed) - set(there))
    if missing:
        raise refusal(notice("{file} lacks a part that every backup has: {part}.", file=shown, part=missing[0]),
                      file=shown)


def _objects(connection: sqlite3.Connection) -> dict[str, tuple[str, str, str]]:
    rows = connection.execute("SELECT name, type, tbl_name, coalesce(sql, '') FROM main.sqlite_master")
    return {str(row[0]): (row[1], row[2], row[3]) for row in rows if not str(row[0]).startswith("sqlite_stat")}


def _types(connection: sqlite3.Connection, shown: str) -> None:
    """Every value must be of its column's type: the columns are declared, SQLite does not insist."""
    tables = [
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith(_NO_DATA)
    ]
    for table in tables:
        tests = []
        for _, column, kind, not_null, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
            fitting = [*_TYPES[kind], *([] if not_null else ["null"])]
            tests.append(f"typeof({column}) NOT IN ({', '.join(repr(one) for one in fitting)})")
        if connection.execute(f"SELECT 1 FROM {table} WHERE {' OR '.join(tests)} LIMIT 1").fetchone():
            raise refusal(notice("{file} holds values of a wrong kind in {part}.", file=shown, part=table), file=shown)


def _trees(connection: sqlite3.Connection, shown: str) -> None:
    """Each message must come down from a root of its chat and have the text that it shows; each path must end at one
    of them."""
    loose = (
        "SELECT 1 FROM nodes n LEFT JOIN revisions r ON r.chat = n.chat AND r.node = n.id AND r.id = n.current "
        "WHERE r.pk IS NULL LIMIT 1",
        "SELECT 1 FROM chats c LEFT JOIN nodes n ON n.chat = c.pk AND n.id = c.head "
        "WHERE c.head IS NOT NULL AND n.id IS NULL LIMIT 1",
        "SELECT 1 FROM nodes n LEFT JOIN chats c ON c.pk = n.chat WHERE c.pk IS NULL LIMIT 1",
    )
    broken = any(connection.execute(query).fetchone() for query in loose)
    rows = connection.execute("SELECT chat, id, parent FROM nodes ORDER BY chat")
    for _, nodes in groupby(rows, key=lambda row: row[0]):
        broken = broken or not _is_forest({node: parent for _, node, parent in nodes})
    if broken:
        raise refusal(notice("{file} holds messages that hang together with nothing.", file=shown), file=shown)


def _is_forest(parents: dict[str, str | None]) -> bool:
    """Whether every line of parents ends at a root."""
    sound: set[str | None] = {None}
    for start in parents:
        line: list[str | None] = []
        at: str | None = start
        seen: set[str | None] = set()
        while at not in sound:
            if at in seen or at not in parents:
                return False
            seen.add(at)
            line.append(at)
            at = parents[at] if at is not None else None
        sound.update(line)
    return True


def _plans(connection: sqlite3.Connection, shown: str) -> None:
    for packed in connection.execute("SELECT state FROM plans UNION ALL SELECT plan FROM plans WHERE plan IS NOT NULL"):
        if not _unpacks(packed[0]):
            raise refusal(notice("{file} holds a prompt that does not unpack.", file=shown), file=shown)


def _tokens(connection: sqlite3.Connection, shown: str) -> None:
    """Tokens of replies; earlier versions have none."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'reply_tokens'").fetchone():
        return
    for (packed,) in connection.execute("SELECT tokens FROM reply_tokens"):
        try:
            reply_tokens.unpack(packed)
        except sqlite3.DataError:
            told = notice("{file} holds tokens of a reply that do not unpack.", file=shown)
            raise refusal(told, file=shown) from None


def _pictures(connection: sqlite3.Connection, shown: str) -> None:
    """Attached pictures; earlier versions have none."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pictures'").fetchone():
        for name in pictures.strangers(connection):
            raise refusal(notice("{file} holds a picture that is not the one it is said to be: {part}.",
                                 file=shown, part=name[:16]), file=shown)


def _unpacks(packed: bytes) -> bool:
    """Whether it ends within what a plan may take, looked at a piece at a time."""
    unpacking = zlib.decompressobj()
    left, most = packed, _PLAN_MOST
    try:
        while left and not unpacking.eof:
            most -= len(unpacking.decompress(left, 1 << 20))
            left = unpacking.unconsumed_tail
            if most < 0:
                return False
    except zlib.error:
        return False
    return unpacking.eof
