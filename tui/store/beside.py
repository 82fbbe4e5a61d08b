"""What lies beside the trees: plans with their state, drafts, small settings of the core."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tui.store import applying
from tui.store.text import clean, dump, load

#: Values that one statement may have on every SQLite.
_VARIABLES = 500


def set_plan(
    connection: sqlite3.Connection, chat_id: str, node: str, state: Mapping[str, Any], plan: Mapping[str, Any] | None
) -> None:
    """Keep the plan state (and the plan) of the turn that made `node`. Raises NotFound."""
    chat = applying.chat_key(connection, chat_id)
    connection.execute(
        "INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?)",
        (chat, clean(node), _pack(state), None if plan is None else _pack(plan)),
    )


def plan_state(connection: sqlite3.Connection, chat_id: str, path: Sequence[str]) -> dict[str, Any] | None:
    """The state kept with the last node of `path` (root first) that has one."""
    chat = applying.chat_key(connection, chat_id)
    nodes = [clean(node) for node in path]
    for end in range(len(nodes), 0, -_VARIABLES):
        some = nodes[max(0, end - _VARIABLES):end]
        places = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT node FROM plans WHERE chat = ? AND node IN ({places})", (chat, *some))
        kept = {node for (node,) in rows}
        last = next((node for node in reversed(some) if node in kept), None)
        if last is not None:
            row = connection.execute("SELECT state FROM plans WHERE chat = ? AND node = ?", (chat, last)).fetchone()
            return _unpack(row[0])
    return None


def plan(connection: sqlite3.Connection, chat_id: str, node: str) -> dict[str, Any] | None:
    chat = applying.chat_key(connection, chat_id)
    row = connection.execute("SELECT plan FROM plans WHERE chat = ? AND node = ?", (chat, clean(node))).fetchone()
    return None if row is None or row[0] is None else _unpack(row[0])


def set_draft(connection: sqlite3.Connection, chat_id: str, text: str) -> None:
    """Keep what is typed but not sent; an empty text forgets it."""
    if text:
        connection.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (clean(chat_id), clean(text)))
    else:
        connection.execute("DELETE FROM drafts WHERE chat = ?", (clean(chat_id),))


def draft(connection: sqlite3.Connection, chat_id: str) -> str:
    row = connection.execute("SELECT text FROM drafts WHERE chat = ?", (clean(chat_id),)).fetchone()
    return "" if row is None else str(row[0])


def set_value(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Keep a JSON value; None forgets it."""
    if value is None:
        connection.execute("DELETE FROM settings WHERE key = ?", (f"core.{key}",))
    else:
        connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (f"core.{key}", dump(value)))


def value(connection: sqlite3.Connection, key: str) -> Any:
    row = connection.execute("SELECT value FROM settings WHERE key = ?", (f"core.{key}",)).fetchone()
    return None if row is None else load(row[0])


def token_counts(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, int]:
    """The counts kept under those of `keys` that there are."""
    found: dict[bytes, int] = {}
    for start in range(0, len(keys), _VARIABLES):
        some = keys[start:start + _VARIABLES]
        places = ",".join("?" * len(some))
        found |= connection.execute(f"SELECT key, tokens FROM token_counts WHERE key IN ({places})", some).fetchall()
    return found


def keep_token_counts(connection: sqlite3.Connection, counts: Mapping[bytes, int], limit: int) -> None:
    """Keep `counts`; of all that were ever kept the `limit` newest stay."""
    connection.executemany("INSERT OR REPLACE INTO token_counts (key, tokens) VALUES (?, ?)", counts.items())
    connection.execute("DELETE FROM token_counts WHERE pk <= (SELECT max(pk) FROM token_counts) - ?", (limit,))


def vectors(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """The vectors kept under those of `keys` that there are."""
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), _VARIABLES):
        some = keys[start:start + _VARIABLES]
        places = ",".join("?" * len(some))
        found |= connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({places})", some).fetchall()
    return found


def keep_vectors(connection: sqlite3.Connection, kept: Mapping[bytes, bytes], limit: int) -> None:
    """Keep vectors; of all that were ever kept the `limit` newest stay."""
    connection.executemany("INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)", kept.items())
    connection.execute("DELETE FROM vectors WHERE pk <= (SELECT max(pk) FROM vectors) - ?", (limit,))


def _pack(data: Mapping[str, Any]) -> bytes:
    """Item by item: the trace of large lorebooks has megabytes, and other threads wait while one call writes JSON."""
    whole = ",".join(f"{dump(key)}:{_written(value)}" for key, value in data.items())
    return zlib.compress(f"{{{whole}}}".encode(), 6)


def _written(value: Any) -> str:
    return f"[{','.join(map(dump, value))}]" if isinstance(value, list) else dump(value)


def _unpack(packed: bytes) -> dict[str, Any]:
    return dict(load(zlib.decompress(packed).decode()))
