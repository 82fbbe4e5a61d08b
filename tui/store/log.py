"""The operation log: append-only, one row a change. Undo and redo are rows too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tui.domain.chat import Chat
from tui.domain.errors import NotFound, Refused
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op, apply_all
from tui.store import applying, trees
from tui.store.text import dump, load, now_ms
from tui.store.types import Change, ChangeKind

_LATEST = "SELECT ops, inverse FROM changes WHERE id = :change OR target = :change ORDER BY id DESC LIMIT 1"

#: Operations that are read back in one go.
_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes into one row."""

    ops: Sequence[Op]
    inverses: Sequence[Op]
    label: Notice
    undoable: bool = True
    kind: ChangeKind = "do"
    target: int | None = None

    @property
    def is_step(self) -> bool:
        """Whether undo can take it back."""
        return bool(self.kind == "do" and self.undoable and self.inverses)


def create(connection: sqlite3.Connection, chat: Chat) -> bool:
    """Write a new chat and its first row. False: a chat of this id exists, and was left alone."""
    ops, payload = _storable(trees.creation(chat))
    key = trees.write(connection, ops)
    if key is None:
        return False
    _append(connection, key, Entry(ops, (), notice("New chat"), undoable=False), ops[0]["updated_ms"], payload)
    return True


def commit(connection: sqlite3.Connection, chat_id: str, entry: Entry) -> int:
    """Apply the operations to the tables and append one row. Returns the row's id."""
    chat = applying.chat_key(connection, chat_id)
    ops, payload = _storable(entry.ops)
    applying.apply(connection, chat, ops)
    if entry.kind != "do":
        _turn(connection, chat, entry)
    elif entry.is_step:
        connection.execute(
            "UPDATE changes SET state = 'dropped' WHERE chat = ? AND undoable AND state = 'undone'", (chat,)
        )
    return _append(connection, chat, entry, now_ms(), payload)


def undo_target(connection: sqlite3.Connection, chat_id: str) -> Change | None:
    """The newest step that is done."""
    chat = applying.chat_key(connection, chat_id)
    return _change(
        connection,
        "SELECT id, label, kind FROM changes WHERE chat = ? AND undoable AND state = 'done' ORDER BY id DESC LIMIT 1",
        chat,
    )


def redo_target(connection: sqlite3.Connection, chat_id: str) -> Change | None:
    """The oldest step that is undone and not overtaken by a new one."""
    chat = applying.chat_key(connection, chat_id)
    return _change(
        connection,
        "SELECT id, label, kind FROM changes WHERE chat = ? AND undoable AND state = 'undone' ORDER BY id LIMIT 1",
        chat,
    )


def replay(connection: sqlite3.Connection, chat_id: str) -> Chat:
    """The chat built anew from its log alone. Raises NotFound."""
    chat = applying.chat_key(connection, chat_id)
    built: Chat | None = None
    for created_ms, payload in connection.execute(
        "SELECT created_ms, ops FROM changes WHERE chat = ? ORDER BY id", (chat,)
    ):
        ops = load(payload)
        if built is None:
            first = ops.pop(0)
            built = Chat(first["id"], first["created_ms"], first["updated_ms"], None, first["fields"])
        built = replace(apply_all(built, ops)[0], updated_ms=created_ms)
    if built is None:
        raise NotFound(notice("There is no such chat."), chat=chat_id[:40])
    return built


def _storable(ops: Iterable[Op]) -> tuple[list[Op], str]:
    """The operations as plain JSON values that the database can hold, and their text.

    Few by few: the interpreter lock is held for all of one call, and the first row of a long chat has megabytes; but
    those that are read together share the names of their fields.
    """
    texts = [dump(op) for op in ops]
    groups = (f"[{','.join(texts[at:at + _TOGETHER])}]" for at in range(0, len(texts), _TOGETHER))
    return [op for group in groups for op in load(group)], f"[{','.join(texts)}]"


def _append(connection: sqlite3.Connection, chat: int, entry: Entry, created_ms: int, payload: str) -> int:
    done = connection.execute(
        """INSERT INTO changes (chat, created_ms, kind, target, undoable, label, ops, inverse)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (chat, created_ms, entry.kind, entry.target, entry.is_step,
         dump(entry.label.to_json()), payload, dump(list(entry.inverses))),
    )
    change = int(done.lastrowid or 0)
    connection.execute("UPDATE chats SET updated_ms = ?, last_change = ? WHERE pk = ?", (created_ms, change, chat))
    return change


def _turn(connection: sqlite3.Connection, chat: int, entry: Entry) -> None:
    """Mark the target of an undo or redo. Raises Refused when another client was quicker."""
    before, after = ("done", "undone") if entry.kind == "undo" else ("undone", "done")
    done = connection.execute(
        "UPDATE changes SET state = ? WHERE id = ? AND chat = ? AND undoable AND state = ?",
        (after, entry.target, chat, before),
    )
    if done.rowcount == 0:
        raise Refused(notice("That step was undone or redone a moment ago, so there is nothing to do."))


def _change(connection: sqlite3.Connection, query: str, chat: int) -> Change | None:
    """A step with the operations of the last time it was done or undone. What undoes the undo is what redoes the step
    (adding a node that is there already would change nothing)."""
    row = connection.execute(query, (chat,)).fetchone()
    if row is None:
        return None
    ops, inverse = (tuple(load(text)) for text in connection.execute(_LATEST, {"change": row[0]}).fetchone())
    return Change(row[0], ops, inverse, Notice.from_json(load(row[1])), row[2])
