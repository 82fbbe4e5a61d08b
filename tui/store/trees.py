"""A whole chat, in and out of the tables."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from tui.domain.chat import Chat, Node, Revision, Summary
from tui.domain.operations import Op, node_to_json, summary_to_json
from tui.store import applying, listing
from tui.store.text import load


def read(connection: sqlite3.Connection, chat_id: str) -> Chat:
    """The chat as the tables hold it. Raises NotFound."""
    chat = applying.chat_key(connection, chat_id)
    row = connection.execute("SELECT id, created_ms, updated_ms, head FROM chats WHERE pk = ?", (chat,)).fetchone()
    rows = connection.execute("SELECT name, value FROM fields WHERE chat = ?", (chat,))
    fields = {name: load(value) for name, value in rows}
    nodes = {node.id: node for node in _nodes(connection, chat)}
    summaries = {summary.id: summary for summary in _summaries(connection, chat)}
    return Chat(row[0], row[1], row[2], row[3], fields, nodes, summaries)


def creation(chat: Chat) -> Iterator[Op]:
    """The log's first row of a chat: operations that make it from nothing, parents before children. One at
    a time: those of a long chat take some hundred megabytes."""
    first: Op = {
        "op": "create_chat", "id": chat.id, "created_ms": chat.created_ms,
        "updated_ms": chat.updated_ms or chat.created_ms,
        "fields": {name: value for name, value in chat.fields.items() if value is not None},
    }
    yield first
    for node in _parents_first(chat):
        yield {"op": "add_node", "node": node_to_json(node)}
    for summary in chat.summaries.values():
        yield {"op": "add_summary", "summary": summary_to_json(summary)}
    if chat.head is not None:
        yield {"op": "set_head", "head": chat.head}


def write(connection: sqlite3.Connection, ops: list[Op]) -> int | None:
    """Write a new chat from what `creation` made. None: it exists already, and nothing was changed."""
    first, rest = ops[0], ops[1:]
    done = connection.execute(
        "INSERT INTO chats (id, created_ms, updated_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (first["id"], first["created_ms"], first["updated_ms"]),
    )
    if done.rowcount == 0:
        return None
    chat = int(done.lastrowid or 0)
    for name, value in first["fields"].items():
        applying.set_field(connection, chat, name, value)
    listing.refresh_fields(connection, chat)
    applying.apply(connection, chat, rest)
    return chat


def _parents_first(chat: Chat) -> Iterator[Node]:
    """Every node after its parent; a node whose parent is missing becomes a root, so that nothing is left out."""
    done: set[str] = set()
    for start in sorted(chat.nodes.values(), key=lambda node: node.seq):
        line: list[Node] = []
        at: Node | None = start
        while at is not None and at.id not in done:
            done.add(at.id)
            parent = chat.nodes.get(at.parent) if at.parent is not None else None
            line.append(at if parent is not None else replace(at, parent=None))
            at = parent
        yield from reversed(line)


def _nodes(connection: sqlite3.Connection, chat: int) -> Iterator[Node]:
    revisions = _revisions(connection, chat)
    rows = connection.execute(
        """SELECT id, parent, role, name, created_ms, seq, current, deleted, hidden, extra FROM nodes
           WHERE chat = ? ORDER BY seq, id""",
        (chat,),
    ).fetchall()
    for node_id, parent, role, name, created, seq, current, deleted, hidden, extra in rows:
        yield Node(
            node_id, parent, role, name, created, seq, tuple(revisions[node_id]), current, bool(deleted), bool(hidden),
            load(extra, {}),
        )


def _revisions(connection: sqlite3.Connection, chat: int) -> dict[str, list[Revision]]:
    rows = connection.execute(
        """SELECT node, id, text, created_ms, kind, base, finish, reasoning, generation, images FROM revisions
           WHERE chat = ? ORDER BY pk""",
        (chat,),
    ).fetchall()
    found: dict[str, list[Revision]] = defaultdict(list)
    for node, revision, text, created, kind, base, finish, reasoning, generation, images in rows:
        found[node].append(
            Revision(
                revision, text, created, kind, base, finish, reasoning, load(generation) if generation else {},
                tuple(load(images)) if images else (),
            )
        )
    return found


def _summaries(connection: sqlite3.Connection, chat: int) -> Iterator[Summary]:
    rows = connection.execute(
        "SELECT id, covers, texts, created_ms, removed, generation FROM summaries WHERE chat = ?", (chat,)
    )
    for summary, covers, texts, created, removed, generation in rows:
        yield Summary(
            summary, tuple((str(n), str(r)) for n, r in load(covers)), tuple(load(texts)), created, bool(removed),
            load(generation, {}),
        )
