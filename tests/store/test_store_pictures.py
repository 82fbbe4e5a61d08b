"""Attached pictures in the store: once each, with their chats into backups and back, and none that is another."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import NotFound, StoreError
from tui.domain.notice import notice
from tui.domain.operations import Op, apply_all, node_to_json
from tui.store import LockInfo, Store, making, opening, pictures, schema, verify
from tui.store.backup import backups

OWNER = LockInfo("here", 1)
LAMP, DOOR = b"lamp" * 100, b"door" * 100


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def meta(data: bytes) -> dict[str, Any]:
    return {"id": digest(data), "name": "x.png", "mime": "image/png", "width": 3, "height": 2, "size": len(data)}


def showing(name: str, *shown: bytes) -> Node:
    images = tuple(meta(data) for data in shown)
    return Node(name, None, "user", "Alex", 1, 1, (Revision("r", "see", 1, images=images),), "r")


async def filled(path: Path) -> Store:
    """A store with two chats that show the same picture, one of them another too."""
    store = await Store.open(path, owner=OWNER)
    for chat, shown in (("one", (LAMP,)), ("two", (LAMP, DOOR))):
        tree = Chat(chat, 1, 1)
        await store.create_chat(tree)
        await store.keep_pictures(chat, {digest(data): data for data in shown})
        op: Op = {"op": "add_node", "node": node_to_json(showing(f"{chat}-n", *shown))}
        _, inverses = apply_all(tree, [op])
        await store.commit(chat, [op], inverses, label=notice("said"))
    return store


async def test_a_picture_is_there_once_and_the_log_tells_the_same(tmp_path: Path) -> None:
    store = await filled(tmp_path / "t.db")
    assert await store.pictures([digest(LAMP), digest(DOOR), "gone"]) == {digest(LAMP): LAMP, digest(DOOR): DOOR}
    chat = await store.load_chat("two")
    assert [i["id"] for i in chat.nodes["two-n"].revision.images] == [digest(LAMP), digest(DOOR)]
    assert await store.replay("two") == chat
    with pytest.raises(NotFound):
        await store.keep_pictures("no chat", {digest(LAMP): LAMP})
    assert await store.check() == []
    await store.close()
    with sqlite3.connect(tmp_path / "t.db") as connection:
        assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (2,)


async def test_one_chat_goes_into_a_copy_with_its_own_pictures_alone(tmp_path: Path) -> None:
    store = await filled(tmp_path / "t.db")
    making.single(tmp_path / "t.db", "one", tmp_path / "one.db")
    verify.database(tmp_path / "one.db", "one.db")
    with sqlite3.connect(tmp_path / "one.db") as connection:
        assert connection.execute("SELECT id FROM pictures").fetchall() == [(digest(LAMP),)]
    other = await Store.open(tmp_path / "other.db", owner=OWNER)
    name = await other.take_chat(tmp_path / "one.db", "one")
    assert (await other.pictures([digest(LAMP)])) == {digest(LAMP): LAMP}
    assert (await other.load_chat(name)).nodes["one-n"].revision.images[0]["id"] == digest(LAMP)
    again = await other.take_chat(tmp_path / "one.db", "one")
    assert again != name
    assert await other.check() == []
    await other.close()
    await store.close()


async def test_a_copy_with_a_changed_picture_is_refused(tmp_path: Path) -> None:
    store = await filled(tmp_path / "t.db")
    await store.backup(tmp_path / "copy.db")
    await store.close()
    assert list(_strangers(tmp_path / "copy.db")) == []
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        connection.execute("UPDATE pictures SET data = x'00' WHERE id = ?", (digest(LAMP),))
    with pytest.raises(StoreError, match="not the one it is said to be"):
        verify.database(tmp_path / "copy.db", "copy.db")


async def test_a_store_without_room_for_pictures_is_copied_and_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    opening.make_file(path)
    before = schema.STEPS.index(schema._pictures)
    opening.prepare(path, schema.STEPS[:before])
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO chats (id, created_ms, updated_ms) VALUES ('c', 1, 1)")
        connection.execute("INSERT INTO nodes VALUES (1, 'n', NULL, 'user', 'A', 1, 1, 'r', 0, 0)")
        connection.execute(
            "INSERT INTO revisions (chat, node, id, text, created_ms, kind, base, finish) "
            "VALUES (1, 'n', 'r', 'old words', 1, 'original', 0, '')")
    connection.close()
    store = await Store.open(path, owner=OWNER)
    [revision] = (await store.load_chat("c")).nodes["n"].revisions
    assert (revision.text, revision.images) == ("old words", ())
    await store.keep_pictures("c", {digest(LAMP): LAMP})
    assert await store.pictures([digest(LAMP)]) == {digest(LAMP): LAMP}
    await store.close()
    assert [file for file in backups(path) if f"schema{before}" in file.name]


def _strangers(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return list(pictures.strangers(connection))
