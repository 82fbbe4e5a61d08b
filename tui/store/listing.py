"""The list of chats, and the columns that keep it cheap."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.operations import Op
from tui.store.text import clean, load
from tui.store.types import ChatInfo

_SNIPPET = 200
_LISTED_FIELDS = frozenset({"title", "character", "card", "deleted"})
_PATH_LENGTH = """
WITH RECURSIVE path(id, parent, deleted) AS (
    SELECT id, parent, deleted FROM nodes WHERE chat = :chat AND id = :head
    UNION ALL
    SELECT n.id, n.parent, n.deleted FROM path JOIN nodes n ON n.chat = :chat AND n.id = path.parent
)
SELECT count(*) FROM path WHERE NOT deleted"""
_LAST = """
WITH RECURSIVE path(id, parent, deleted, depth) AS (
    SELECT id, parent, deleted, 0 FROM nodes WHERE chat = :chat AND id = :head
    UNION ALL
    SELECT n.id, n.parent, n.deleted, path.depth + 1 FROM path JOIN nodes n ON n.chat = :chat AND n.id = path.parent
    WHERE path.deleted
)
SELECT n.name, r.text FROM path JOIN nodes n ON n.chat = :chat AND n.id = path.id
JOIN revisions r ON r.chat = :chat AND r.node = n.id AND r.id = n.current
WHERE NOT path.deleted ORDER BY path.depth LIMIT 1"""
_LIST = """
SELECT id, title, character, name, created_ms, updated_ms, messages, last, last_name, deleted,
       EXISTS (SELECT 1 FROM revisions r WHERE r.chat = chats.pk AND r.finish = 'streaming')
FROM chats WHERE deleted = ? ORDER BY last_change DESC"""


@dataclass(frozen=True, slots=True)
class View:
    """Where a chat's path ends, and how many living messages it has."""

    head: str | None
    messages: int


def view(connection: sqlite3.Connection, chat: int) -> View:
    return View(*connection.execute("SELECT head, messages FROM chats WHERE pk = ?", (chat,)).fetchone())


def refresh(connection: sqlite3.Connection, chat: int, before: View, ops: Sequence[Op]) -> None:
    """Bring a chat's line in the list up to date after `ops`."""
    if any(op["op"] == "set_field" and op["field"] in _LISTED_FIELDS for op in ops):
        refresh_fields(connection, chat)
    if any(op["op"] != "set_field" for op in ops):
        refresh_path(connection, chat, before, ops)


def refresh_fields(connection: sqlite3.Connection, chat: int) -> None:
    """Derive title, character, name and trash from the fields."""
    rows = connection.execute("SELECT name, value FROM fields WHERE chat = ?", (chat,))
    fields = {name: load(value) for name, value in rows if name in _LISTED_FIELDS}
    connection.execute(
        "UPDATE chats SET title = ?, character = ?, name = ?, deleted = ? WHERE pk = ?",
        (str(fields.get("title") or ""), str(fields.get("character") or ""), card_name(fields.get("card")),
         bool(fields.get("deleted")), chat),
    )


def refresh_path(connection: sqlite3.Connection, chat: int, before: View, ops: Sequence[Op] | None) -> None:
    """Derive the length and the last text of the path on view; `ops` None: nothing is known of what changed."""
    head = connection.execute("SELECT head FROM chats WHERE pk = ?", (chat,)).fetchone()[0]
    messages = _messages(connection, chat, before, head, ops)
    row = connection.execute(_LAST, {"chat": chat, "head": head}).fetchone() or ("", "")
    connection.execute(
        "UPDATE chats SET messages = ?, last = ?, last_name = ? WHERE pk = ?",
        (messages, " ".join(row[1][:4 * _SNIPPET].split())[:_SNIPPET], row[0], chat),
    )


def list_chats(
    connection: sqlite3.Connection, query: str, character: str | None, trashed: bool, limit: int
) -> list[ChatInfo]:
    """Chats whose title, name, character or last text hold every word of `query`; the last changed first."""
    words = clean(query).casefold().replace("ё", "е").split()
    found: list[ChatInfo] = []
    for row in connection.execute(_LIST, (trashed,)):
        info = ChatInfo(*row[:9], *map(bool, row[9:]))
        if character is not None and info.character != character:
            continue
        text = f"{info.title}\n{info.name}\n{info.character}\n{info.last}".casefold().replace("ё", "е")
        if all(word in text for word in words):
            found.append(info)
            if len(found) >= limit:
                break
    return found


def characters_used(connection: sqlite3.Connection) -> dict[str, int]:
    """When a chat with each character last changed, in milliseconds since 1970."""
    return dict(connection.execute(
        "SELECT character, max(updated_ms) FROM chats WHERE NOT deleted AND character <> '' GROUP BY character"
    ))


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    chats, trashed, messages = connection.execute(
        "SELECT count(*) FILTER (WHERE NOT deleted), count(*) FILTER (WHERE deleted), total(messages) FROM chats"
    ).fetchone()
    pages, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size"))
    return {"chats": chats, "trashed": trashed, "messages": int(messages), "bytes": pages * size}


def card_name(card: Any) -> str:
    """The name in a card's snapshot, the nickname where there is one; plain or wrapped as V2 and V3 cards are."""
    if not isinstance(card, dict):
        return ""
    inner = card.get("data")
    data = inner if isinstance(inner, dict) else card
    return str(data.get("nickname") or data.get("name") or "")


def _messages(
    connection: sqlite3.Connection, chat: int, before: View, head: str | None, ops: Sequence[Op] | None
) -> int:
    marked = ops is None or any(op["op"] == "mark" and op["mark"] == "deleted" for op in ops)
    if not marked and head == before.head:
        return before.messages
    if not marked and head is not None:
        row = connection.execute("SELECT parent, deleted FROM nodes WHERE chat = ? AND id = ?", (chat, head)).fetchone()
        if row[0] == before.head and not row[1]:
            return before.messages + 1
    return int(connection.execute(_PATH_LENGTH, {"chat": chat, "head": head}).fetchone()[0])
