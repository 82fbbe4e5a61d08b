"""The operations of `tui.domain.operations` on the tables. Same meaning, same refusals; the log's replay proves it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.domain.chat import CHAT_FIELDS, NODE_EXTRAS
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice
from tui.domain.operations import Op
from tui.store import listing
from tui.store.text import clean, dump, load

_NODE = "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REVISION = """
INSERT INTO revisions (chat, node, id, text, created_ms, kind, base, finish, reasoning, generation, images)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, node, id) DO NOTHING"""


def chat_key(connection: sqlite3.Connection, chat_id: str) -> int:
    """The row of a chat. Raises NotFound."""
    row = connection.execute("SELECT pk FROM chats WHERE id = ?", (clean(chat_id),)).fetchone()
    if row is None:
        raise NotFound(notice("There is no such chat."), chat=chat_id[:40])
    return int(row[0])


def apply(connection: sqlite3.Connection, chat: int, ops: Sequence[Op]) -> None:
    """Apply `ops` to the rows of a chat, and bring its line in the list up to date. Raises NotFound or BadInput."""
    before = listing.view(connection, chat)
    for op in ops:
        handler = _HANDLERS.get(str(op.get("op")))
        if handler is None:
            raise BadInput(notice("There is no operation called {name}.", name=str(op.get("op"))[:40]))
        handler(connection, chat, op)
    listing.refresh(connection, chat, before, ops)


def _insert_node(connection: sqlite3.Connection, chat: int, node: Mapping[str, Any]) -> None:
    """Write a new node with its revisions."""
    connection.execute(
        _NODE,
        (chat, node["id"], node["parent"], node["role"], node["name"], node["created_ms"], node["seq"],
         node["current"], bool(node.get("deleted")), bool(node.get("hidden")),
         dump(node["extra"]) if node.get("extra") else ""),
    )
    for revision in node["revisions"]:
        _insert_revision(connection, chat, node["id"], revision)


def _insert_summary(connection: sqlite3.Connection, chat: int, summary: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT INTO summaries VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, id) DO NOTHING",
        (chat, summary["id"], dump(summary["covers"]), dump(summary["texts"]), summary["created_ms"],
         bool(summary.get("removed")), _generation(summary)),
    )


def set_field(connection: sqlite3.Connection, chat: int, name: str, value: Any) -> None:
    if value is None:
        connection.execute("DELETE FROM fields WHERE chat = ? AND name = ?", (chat, name))
    else:
        connection.execute("INSERT OR REPLACE INTO fields VALUES (?, ?, ?)", (chat, name, dump(value)))


def _insert_revision(connection: sqlite3.Connection, chat: int, node: str, revision: Mapping[str, Any]) -> bool:
    done = connection.execute(
        _REVISION,
        (chat, node, revision["id"], revision["text"], revision["created_ms"], revision.get("kind", "original"),
         revision.get("base", 0), revision.get("finish", ""), revision.get("reasoning", ""), _generation(revision),
         dump(revision["images"]) if revision.get("images") else ""),
    )
    return done.rowcount > 0


def _generation(record: Mapping[str, Any]) -> str:
    generation = record.get("generation")
    return dump(generation) if generation else ""


def _has_node(connection: sqlite3.Connection, chat: int, node: str) -> bool:
    row = connection.execute("SELECT 1 FROM nodes WHERE chat = ? AND id = ?", (chat, node)).fetchone()
    return row is not None


def _need_node(connection: sqlite3.Connection, chat: int, node: Any) -> None:
    if not _has_node(connection, chat, str(node)):
        raise NotFound(notice("That message is not in this chat."), node=str(node)[:40])


def _need_revision(connection: sqlite3.Connection, chat: int, node: Any, revision: Any) -> tuple[str, str]:
    """The text and finish of a revision. Raises NotFound."""
    _need_node(connection, chat, node)
    row = connection.execute(
        "SELECT text, finish FROM revisions WHERE chat = ? AND node = ? AND id = ?", (chat, node, revision)
    ).fetchone()
    if row is None:
        raise NotFound(notice("That version of the message does not exist."))
    return str(row[0]), str(row[1])


def _add_node(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    node = op["node"]
    if _has_node(connection, chat, node["id"]):
        return
    if node["parent"] is not None:
        _need_node(connection, chat, node["parent"])
    if all(revision["id"] != node["current"] for revision in node["revisions"]):
        raise BadInput(notice("A message needs a version to show."), node=node["id"])
    _insert_node(connection, chat, node)


def _add_revision(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    _need_node(connection, chat, op["node"])
    if _insert_revision(connection, chat, op["node"], op["revision"]):
        _set_current_row(connection, chat, op["node"], op["revision"]["id"])


def _set_current(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    _need_revision(connection, chat, op["node"], op["revision"])
    _set_current_row(connection, chat, op["node"], op["revision"])


def _set_current_row(connection: sqlite3.Connection, chat: int, node: str, revision: str) -> None:
    connection.execute("UPDATE nodes SET current = ? WHERE chat = ? AND id = ?", (revision, chat, node))


def _mark(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    _need_node(connection, chat, op["node"])
    column = {"deleted": "deleted", "hidden": "hidden"}.get(op["mark"])
    if column is None:
        raise BadInput(notice("There is no mark called {name}.", name=str(op["mark"])[:40]))
    connection.execute(
        f"UPDATE nodes SET {column} = ? WHERE chat = ? AND id = ?", (bool(op["value"]), chat, op["node"])
    )


def _set_extra(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    _need_node(connection, chat, op["node"])
    if op["name"] not in NODE_EXTRAS:
        raise BadInput(notice("A message has no field called {name}.", name=str(op["name"])[:40]), field=op["name"])
    [stored] = connection.execute("SELECT extra FROM nodes WHERE chat = ? AND id = ?", (chat, op["node"])).fetchone()
    extra = {**load(stored, {}), op["name"]: op["value"]}
    extra = {name: value for name, value in extra.items() if value is not None}
    connection.execute(
        "UPDATE nodes SET extra = ? WHERE chat = ? AND id = ?", (dump(extra) if extra else "", chat, op["node"])
    )


def _set_head(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    if op["head"] is not None:
        _need_node(connection, chat, op["head"])
    connection.execute("UPDATE chats SET head = ? WHERE pk = ?", (op["head"], chat))


def _set_field(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    if op["field"] not in CHAT_FIELDS:
        raise BadInput(notice("A chat has no field called {name}.", name=str(op["field"])[:40]), field=op["field"])
    set_field(connection, chat, op["field"], op["value"])


def _add_summary(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    for node, _revision in op["summary"]["covers"]:
        _need_node(connection, chat, node)
    _insert_summary(connection, chat, op["summary"])


def _summary_texts(connection: sqlite3.Connection, chat: int, op: Op) -> list[str]:
    row = connection.execute(
        "SELECT texts FROM summaries WHERE chat = ? AND id = ?", (chat, str(op["summary"]))
    ).fetchone()
    if row is None:
        raise NotFound(notice("That summary is not in this chat."))
    return list(load(row[0]))


def _edit_summary(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    texts = [*_summary_texts(connection, chat, op), str(op["text"])]
    connection.execute(
        "UPDATE summaries SET texts = ? WHERE chat = ? AND id = ?", (dump(texts), chat, op["summary"])
    )


def _mark_summary(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    _summary_texts(connection, chat, op)
    connection.execute(
        "UPDATE summaries SET removed = ? WHERE chat = ? AND id = ?", (bool(op["value"]), chat, op["summary"])
    )


def _finish_revision(connection: sqlite3.Connection, chat: int, op: Op) -> None:
    text, finish = _need_revision(connection, chat, op["node"], op["revision"])
    if finish != "streaming":
        if text != op["text"]:
            raise BadInput(notice("That version of the message is finished already; a change is a new version."))
        return
    connection.execute(
        """UPDATE revisions SET text = ?, finish = ?, reasoning = ?, generation = ?
           WHERE chat = ? AND node = ? AND id = ?""",
        (op["text"], op["finish"], op.get("reasoning", ""), _generation(op), chat, op["node"], op["revision"]),
    )


_HANDLERS: dict[str, Callable[[sqlite3.Connection, int, Op], None]] = {
    "add_node": _add_node,
    "add_revision": _add_revision,
    "set_current": _set_current,
    "mark": _mark,
    "set_extra": _set_extra,
    "set_head": _set_head,
    "set_field": _set_field,
    "add_summary": _add_summary,
    "edit_summary": _edit_summary,
    "mark_summary": _mark_summary,
    "finish_revision": _finish_revision,
}
