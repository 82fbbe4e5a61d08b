"""Texts that are still growing."""

from __future__ import annotations

import sqlite3

from tui.domain.notice import notice
from tui.store import applying, log, reply_tokens
from tui.store.text import clean, load


def write(
    connection: sqlite3.Connection, chat_id: str, node: str, revision: str, text: str, reasoning: str,
    block: reply_tokens.TokenBlock | None = None,
) -> None:
    """Store how far a streaming text has come, and the tokens that came since; one that is finished stays as it is."""
    chat = applying.chat_key(connection, chat_id)
    connection.execute(
        """UPDATE revisions SET text = ?, reasoning = ?
           WHERE chat = ? AND node = ? AND id = ? AND finish = 'streaming'""",
        (clean(text), clean(reasoning), chat, clean(node), clean(revision)),
    )
    if block is not None:
        reply_tokens.add(connection, chat_id, node, revision, block)


def unfinished(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Chat, node and revision of every text that is marked as growing.

    The index is named: for the order's sake SQLite would rather read all texts there are, seconds of a million.
    """
    return connection.execute(
        """SELECT c.id, r.node, r.id FROM revisions r INDEXED BY revisions_streaming JOIN chats c ON c.pk = r.chat
           WHERE r.finish = 'streaming' ORDER BY r.pk"""
    ).fetchall()


def cut_unfinished(connection: sqlite3.Connection, only: str | None = None) -> int:
    """Mark what a dead core left growing as cut, through the log; in one chat where `only` names it. Returns how many
    there were."""
    left = [one for one in unfinished(connection) if only in (None, one[0])]
    for chat_id, node, revision in left:
        chat = applying.chat_key(connection, chat_id)
        text, reasoning, generation = connection.execute(
            "SELECT text, reasoning, generation FROM revisions WHERE chat = ? AND node = ? AND id = ?",
            (chat, node, revision),
        ).fetchone()
        finish = {
            "op": "finish_revision", "node": node, "revision": revision, "text": text, "finish": "cut",
            "reasoning": reasoning, "generation": load(generation, {}),
        }
        label = notice("A reply was cut short when Traktir stopped")
        log.commit(connection, chat_id, log.Entry([finish], (), label, undoable=False))
    return len(left)
