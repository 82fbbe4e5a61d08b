"""Is the store sound? For `traktir doctor` and the tests."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from tui.domain.chat import Chat
from tui.domain.errors import TraktirError
from tui.domain.notice import Notice, notice
from tui.store import log, search, streaming, trees


def damaged(reason: str) -> Notice:
    return notice(
        "The database is damaged ({reason}). Bring back a copy of it with: traktir restore latest", reason=reason
    )


def integrity(connection: sqlite3.Connection) -> list[Notice]:
    """What SQLite finds wrong with the file."""
    answer = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if answer == "ok":
        return []
    return [damaged(answer)]


def index(connection: sqlite3.Connection) -> list[Notice]:
    """Whether the full-text index agrees with the texts."""
    if search.index_agrees(connection):
        return []
    return [notice("The search index does not agree with the messages.")]


def replays(connection: sqlite3.Connection, sample: int) -> list[Notice]:
    """Whether the logs of the `sample` chats changed last give what the tables hold."""
    chats = connection.execute("SELECT id, title FROM chats ORDER BY last_change DESC LIMIT ?", (sample,)).fetchall()
    growing = {(node, revision) for _, node, revision in streaming.unfinished(connection)}
    return [
        notice("The history of the chat {title} does not give the chat as it is stored.", title=title or chat_id)
        for chat_id, title in chats
        if not _replays(connection, chat_id, growing)
    ]


def _replays(connection: sqlite3.Connection, chat_id: str, growing: set[tuple[str, str]]) -> bool:
    try:
        replayed = log.replay(connection, chat_id)
    except (TraktirError, KeyError, TypeError, ValueError):    # a log that cannot be followed is the finding
        return False
    return _settled(replayed, growing) == _settled(trees.read(connection, chat_id), growing)


def _settled(chat: Chat, growing: set[tuple[str, str]]) -> Chat:
    """The chat without the texts that are still growing: those are not in the log yet."""
    nodes = {
        node.id: replace(
            node,
            revisions=tuple(
                replace(r, text="", reasoning="") if (node.id, r.id) in growing else r for r in node.revisions
            ),
        )
        for node in chat.nodes.values()
    }
    return replace(chat, nodes=nodes)
