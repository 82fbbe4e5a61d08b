"""Token counts beside the chats: read by the thousand, bounded, and added to a store that has none yet."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from tui.domain.chat import Chat
from tui.store import LockInfo, Store, opening, schema
from tui.store.backup import backups

OWNER = LockInfo("here", 1)


def keys(start: int, end: int) -> list[bytes]:
    return [n.to_bytes(16, "big") for n in range(start, end)]


async def test_counts_come_back_and_unknown_ones_do_not(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "t.db", owner=OWNER)
    await store.keep_token_counts({key: n for n, key in enumerate(keys(0, 3000))})
    await store.keep_token_counts({keys(5, 6)[0]: 77})
    await store.close()
    store = await Store.open(tmp_path / "t.db", owner=OWNER)
    began = time.process_time()
    found = await store.token_counts(keys(0, 4000))
    assert time.process_time() - began < 2
    assert found == {key: 77 if n == 5 else n for n, key in enumerate(keys(0, 3000))}
    assert await store.token_counts([]) == {}
    assert await store.check() == []
    await store.close()


async def test_the_newest_stay(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "t.db", owner=OWNER)
    for start in range(0, 100, 10):
        await store.keep_token_counts(dict.fromkeys(keys(start, start + 10), 1), limit=35)
    assert set(await store.token_counts(keys(0, 100))) == set(keys(65, 100))
    await store.close()


async def test_a_store_one_version_older_is_copied_and_gets_room_for_them(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    opening.make_file(path)
    opening.prepare(path, schema.STEPS[:1])
    connection = sqlite3.connect(path)
    assert schema.version(connection) == 1
    connection.execute("INSERT INTO chats (id, created_ms, updated_ms) VALUES ('c', 1, 1)")
    connection.commit()
    connection.close()
    store = await Store.open(path, owner=OWNER)
    await store.keep_token_counts({b"k" * 16: 9})
    assert await store.token_counts([b"k" * 16]) == {b"k" * 16: 9}
    assert (await store.load_chat("c")) == Chat("c", 1, 1, None, {}, {})
    await store.close()
    assert [file for file in backups(path) if "schema1" in file.name]
