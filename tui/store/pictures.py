"""Attached pictures: bytes by their digest, each once, and which chats have them. Never changed, never taken away."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from tui.store import applying


def keep(connection: sqlite3.Connection, chat_id: str, data: Mapping[str, bytes]) -> None:
    """Keep pictures for a chat. Raises NotFound."""
    chat = applying.chat_key(connection, chat_id)
    for name, content in data.items():
        connection.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (name, content))
        connection.execute("INSERT OR IGNORE INTO chat_pictures VALUES (?, ?)", (chat, name))


def read(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, bytes]:
    """Those of `ids` that are there."""
    found: dict[str, bytes] = {}
    for name in dict.fromkeys(ids):
        row = connection.execute("SELECT data FROM pictures WHERE id = ?", (name,)).fetchone()
        if row is not None:
            found[name] = bytes(row[0])
    return found


def carry(source: sqlite3.Connection, target: sqlite3.Connection, chat: int) -> None:
    """Copy the bytes of a chat's pictures into another database, one at a time."""
    names = [name for (name,) in source.execute("SELECT picture FROM chat_pictures WHERE chat = ?", (chat,))]
    for name in names:
        row = source.execute("SELECT data FROM pictures WHERE id = ?", (name,)).fetchone()
        if row is not None:
            target.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (name, row[0]))


def strangers(connection: sqlite3.Connection) -> Iterator[str]:
    """The ids of pictures whose bytes are others than the id says."""
    for name, data in connection.execute("SELECT id, data FROM pictures"):
        if hashlib.sha256(data).hexdigest() != name:
            yield str(name)
