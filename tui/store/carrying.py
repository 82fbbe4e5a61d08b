"""One chat from one database to another, row by row: tree, log, summaries, plans, draft. Nothing of it is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tui.domain.notice import notice
from tui.domain.operations import Op
from tui.store import applying, log, pictures, streaming
from tui.store.connecting import connect
from tui.store.text import dump, load
from tui.wire.ids import new_id as new_chat_id

#: Tables whose rows belong to a chat by its row number, in the order in which they are carried.
_TABLES = ("fields", "nodes", "revisions", "summaries", "plans", "reply_tokens", "chat_pictures")
_PAGE = 200


def carry(source: sqlite3.Connection, target: sqlite3.Connection, chat_id: str, new_id: str | None = None) -> int:
    """Copy a chat into `target` (of the same schema), as `new_id` where that is given. Returns its row there.

    Runs in the transaction of `target` that is under way. Raises NotFound where `source` has no such chat, and
    sqlite3.IntegrityError where `target` has one of that id.
    """
    new_id = new_id or chat_id
    old = applying.chat_key(source, chat_id)
    columns = [name for name in _columns(source, "chats") if name not in ("pk", "id")]
    row = source.execute(f"SELECT {', '.join(columns)} FROM chats WHERE pk = ?", (old,)).fetchone()
    names = ", ".join(["id", *columns])
    places = ", ".join("?" * (len(columns) + 1))
    new = int(target.execute(f"INSERT INTO chats ({names}) VALUES ({places})", (new_id, *row)).lastrowid or 0)
    for table in _TABLES:
        known = set(_columns(target, table))                  # an earlier version had no such table, or column
        columns = [name for name in _columns(source, table) if name in known - {"pk", "chat"}]
        if not columns:
            continue
        order = " ORDER BY pk" if "pk" in _columns(source, table) else ""
        target.executemany(
            f"INSERT INTO {table} (chat, {', '.join(columns)}) VALUES ({', '.join('?' * (len(columns) + 1))})",
            ((new, *values) for values in _rows(
                source.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE chat = ?{order}", (old,))
            )),
        )
    if _columns(source, "chat_pictures") and _columns(target, "chat_pictures"):
        pictures.carry(source, target, old)
    last = _carry_log(source, target, (old, new), new_id)
    target.execute("UPDATE chats SET last_change = ? WHERE pk = ?", (last, new))
    draft = source.execute("SELECT text FROM drafts WHERE chat = ?", (chat_id,)).fetchone()
    if draft is not None:
        target.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (new_id, draft[0]))
    return new


def take(target: sqlite3.Connection, file: Path, chat_id: str) -> str:
    """Bring a chat of the database `file` into the store, under a new id where there is one of its id already, and out
    of the trash. What was still being written in it is marked as cut. Returns its id. Raises NotFound."""
    known = target.execute("SELECT 1 FROM chats WHERE id = ?", (chat_id,)).fetchone()
    new_id = new_chat_id() if known else chat_id
    with closing(connect(file, read_only=True)) as source:
        chat = carry(source, target, chat_id, new_id)
    streaming.cut_unfinished(target, new_id)
    ops: list[Op] = []
    title, deleted = target.execute("SELECT title, deleted FROM chats WHERE pk = ?", (chat,)).fetchone()
    if deleted:
        ops.append({"op": "set_field", "field": "deleted", "value": None})
    if known:
        ops.append({"op": "set_field", "field": "title", "value": f"{title} ({time.strftime('%Y-%m-%d %H:%M')})"})
    if ops:
        log.commit(target, new_id, log.Entry(ops, (), notice("restoring the chat"), undoable=False))
    return new_id


def _carry_log(
    source: sqlite3.Connection, target: sqlite3.Connection, chats: tuple[int, int], new_id: str
) -> int:
    """Rows get new numbers in the same order; what undid another goes on pointing to it. Returns the last number."""
    columns = [name for name in _columns(source, "changes") if name not in ("id", "chat", "target", "ops")]
    numbers: dict[int, int] = {}
    rows = source.execute(
        f"SELECT id, target, ops, {', '.join(columns)} FROM changes WHERE chat = ? ORDER BY id", (chats[0],)
    )
    insert = (
        f"INSERT INTO changes (chat, target, ops, {', '.join(columns)}) "
        f"VALUES ({', '.join('?' * (len(columns) + 3))})"
    )
    for number, about, ops, *rest in _rows(rows):
        text = _made_as(ops, new_id) if not numbers else ops
        about = None if about is None else numbers.get(about)
        done = target.execute(insert, (chats[1], about, text, *rest))
        numbers[number] = int(done.lastrowid or 0)
    return max(numbers.values(), default=0)


def _made_as(ops: str, new_id: str) -> str:
    """The first row of a log says the chat's id."""
    made = load(ops)
    if made[0]["id"] == new_id:
        return ops
    made[0]["id"] = new_id
    return f"[{','.join(map(dump, made))}]"


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]


def _rows(cursor: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
    while page := cursor.fetchmany(_PAGE):
        yield from page
