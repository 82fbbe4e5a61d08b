"""Chats in and out of the database, the log with undo, drafts, plans, settings, the list of chats."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_steps import operations, steps, visible
from hypothesis import HealthCheck, given, settings

from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput, NotFound, Refused, StoreError
from tui.domain.notice import notice
from tui.domain.operations import Op, apply_all
from tui.store import LockInfo, Store, streaming

OWNER = LockInfo("here", 1, "/tmp/socket")
LABEL = notice("a step of {name}", name="Мира")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "data" / "traktir.db", owner=OWNER)
    yield opened
    await opened.close()


def line(count: int, text: str = "Сообщение {i}") -> Chat:
    """A chat that is one straight path."""
    nodes: dict[str, Node] = {}
    for i in range(count):
        revision = Revision(f"r{i}", text.format(i=i), i, generation={"seed": i} if i % 2 else {})
        parent = f"n{i - 1}" if i else None
        nodes[f"n{i}"] = Node(f"n{i}", parent, "user" if i % 2 else "assistant", "Мира", i, i, (revision,), f"r{i}")
    return Chat("c", 5, 6, f"n{count - 1}" if count else None, {"title": "Вечер", "character": "mira"}, nodes)


async def do(store: Store, chat: Chat, ops: Sequence[Op], **how: Any) -> Chat:
    """Apply to the tree in memory and to the store, as the core does."""
    after, inverses = apply_all(chat, ops)
    await store.commit(chat.id, ops, inverses, label=LABEL, **how)
    return after


async def take_back(store: Store, chat: Chat, *, redo: bool = False) -> Chat:
    change = await (store.redo_target if redo else store.undo_target)(chat.id)
    assert change is not None
    return await do(store, chat, change.inverse, kind="redo" if redo else "undo", target=change.id)


def same(stored: Chat, chat: Chat) -> bool:
    return replace(stored, updated_ms=0) == replace(chat, updated_ms=0)


async def test_a_chat_comes_back_as_it_was_written(store: Store) -> None:
    chat = line(7)
    assert await store.create_chat(chat)
    assert await store.load_chat("c") == chat
    assert await store.replay("c") == chat
    assert not await store.create_chat(replace(chat, fields={}))
    assert await store.load_chat("c") == chat, "making it twice changes nothing"
    long = replace(line(30), id="long")
    await store.create_chat(long)
    assert [*(await store.load_chat("long")).nodes] == [*long.nodes], "in the order in which they were made"
    with pytest.raises(NotFound):
        await store.load_chat("another")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_tables_log_and_memory_agree_after_any_steps_undone_and_redone(what: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_steps_undone_and_redone(Path(folder), what))


async def _steps_undone_and_redone(folder: Path, what: list[tuple[str, Any, Any]]) -> None:
    store = await Store.open(folder / "t.db", owner=OWNER)
    chat = Chat("c", 1, 1)
    await store.create_chat(chat)
    seen = [chat]
    for number, one in enumerate(what):
        ops = operations(chat, number, one)
        after, inverses = apply_all(chat, ops)
        if after is chat or not inverses:
            continue
        chat = await do(store, chat, ops)
        seen.append(chat)
    for earlier in reversed(seen[:-1]):
        chat = await take_back(store, chat)
        assert visible(chat) == visible(earlier)
    assert await store.undo_target("c") is None
    for later in seen[1:]:
        chat = await take_back(store, chat, redo=True)
        assert visible(chat) == visible(later)
    assert await store.redo_target("c") is None
    stored = await store.load_chat("c")
    assert same(stored, chat)
    assert await store.replay("c") == stored
    assert await store.check() == []
    [info] = await store.list_chats() + await store.list_chats(trashed=True)
    assert info.messages == len(chat.path())
    assert info.deleted == bool(chat.fields.get("deleted"))
    await store.close()


async def test_a_new_step_forgets_what_could_be_redone_and_nothing_else(store: Store) -> None:
    chat = line(1)
    await store.create_chat(chat)
    for title in ("a", "b", "c"):
        chat = await do(store, chat, [{"op": "set_field", "field": "title", "value": title}])
    chat = await take_back(store, await take_back(store, chat))
    chat = await do(store, chat, [{"op": "set_head", "head": "n0"}], undoable=False)
    assert await store.redo_target("c") is not None, "what cannot be undone does not stand in the way"
    chat = await do(store, chat, [{"op": "set_field", "field": "title", "value": "d"}])
    assert await store.redo_target("c") is None
    for title in ("a", "Вечер"):
        chat = await take_back(store, chat)
        assert chat.fields["title"] == title
    assert await store.undo_target("c") is None
    for title in ("a", "d"):
        chat = await take_back(store, chat, redo=True)
        assert chat.fields["title"] == title


async def test_two_clients_cannot_undo_the_same_step(store: Store) -> None:
    chat = line(1)
    await store.create_chat(chat)
    chat = await do(store, chat, [{"op": "set_field", "field": "title", "value": "a"}])
    change = await store.undo_target("c")
    assert change is not None
    assert str(change.label) == "a step of Мира"
    await take_back(store, chat)
    with pytest.raises(Refused):
        await store.commit("c", change.inverse, [], label=LABEL, kind="undo", target=change.id)
    assert await store.replay("c") == await store.load_chat("c")


@pytest.mark.parametrize(
    ("op", "error"),
    [
        ({"op": "drop_table"}, BadInput),
        ({"op": "mark", "node": "n0", "mark": "revisions", "value": True}, BadInput),
        ({"op": "set_field", "field": "id", "value": 1}, BadInput),
        ({"op": "set_head", "head": "nowhere"}, NotFound),
        ({"op": "set_current", "node": "n0", "revision": "nope"}, NotFound),
        ({"op": "mark_summary", "summary": "s", "value": True}, NotFound),
        ({"op": "finish_revision", "node": "n0", "revision": "r0", "text": "other", "finish": "stop"}, BadInput),
    ],
)
async def test_a_refused_operation_leaves_nothing_of_its_step(store: Store, op: Op, error: type[Exception]) -> None:
    chat = line(1)
    await store.create_chat(chat)
    with pytest.raises(error):
        await store.commit("c", [{"op": "set_field", "field": "title", "value": "x"}, op], [], label=LABEL)
    assert await store.load_chat("c") == chat
    assert await store.replay("c") == chat


async def test_lone_surrogates_and_other_odd_texts_are_stored(store: Store) -> None:
    odd = "a\ud800b \U0001f600 \0 \x1b[31m \u202e"
    clean = "a\ufffdb \U0001f600 \0 \x1b[31m \u202e"
    chat = line(1, text=odd)
    await store.create_chat(chat)
    await do(store, chat, [{"op": "set_field", "field": "note", "value": {odd: [odd, float("inf"), 2**70]}}])
    await store.set_draft("c", odd)
    await store.set_plan_state("c", "n0", {"frozen": {"x": odd}}, None)
    stored = await store.load_chat("c")
    assert stored.nodes["n0"].text == clean
    assert stored.fields["note"] == {clean: [clean, float("inf"), 2**70]}
    assert await store.draft("c") == clean
    assert await store.plan_state("c", ["n0"]) == {"frozen": {"x": clean}}
    assert await store.replay("c") == stored


async def test_a_growing_text_is_stored_until_it_is_finished(store: Store) -> None:
    chat = line(1)
    await store.create_chat(chat)
    revision = {"id": "r1", "text": "", "created_ms": 1, "finish": "streaming"}
    chat = await do(store, chat, [{"op": "add_revision", "node": "n0", "revision": revision}])
    await store.stream_text("c", "n0", "r1", "Жил-был", "think")
    assert await store.streaming_revisions() == [("c", "n0", "r1")]
    assert (await store.load_chat("c")).nodes["n0"].text == "Жил-был"
    assert (await store.list_chats())[0].streaming
    finish = {"op": "finish_revision", "node": "n0", "revision": "r1", "text": "Жил-был кот.", "finish": "stop"}
    await do(store, chat, [finish], undoable=False)
    await store.stream_text("c", "n0", "r1", "late")
    assert (await store.load_chat("c")).nodes["n0"].text == "Жил-был кот."
    assert await store.streaming_revisions() == []
    [info] = await store.list_chats()
    assert (info.streaming, info.last, info.last_name) == (False, "Жил-был кот.", "Мира")


async def test_the_list_shows_the_last_changed_first_and_finds_words(store: Store) -> None:
    for name in ("Ёлка", "Замок", "Лес"):
        await store.create_chat(replace(line(3, text=f"{name}\n\n{{i}}"), id=name, fields={"title": name}))
    castle = await store.load_chat("Замок")
    card = {"data": {"name": "Барон", "nickname": ""}}
    await do(store, castle, [{"op": "set_field", "field": "card", "value": card}])
    assert [c.id for c in await store.list_chats()] == ["Замок", "Лес", "Ёлка"]
    assert [c.id for c in await store.list_chats(query="ЕЛК")] == ["Ёлка"]
    assert [c.name for c in await store.list_chats(query="барон зам")] == ["Барон"]
    assert [c.id for c in await store.list_chats(limit=1)] == ["Замок"]
    assert [c.id for c in await store.list_chats(character="nobody")] == []
    assert (await store.list_chats(query="лес"))[0].last == "Лес 2"


async def test_a_deleted_chat_is_in_the_trash_with_everything(store: Store) -> None:
    chat = line(3)
    await store.create_chat(chat)
    chat = await do(store, chat, [{"op": "set_field", "field": "deleted", "value": True}])
    assert await store.list_chats() == []
    assert [c.id for c in await store.list_chats(trashed=True)] == ["c"]
    assert (await store.counts())["trashed"] == 1
    await take_back(store, chat)
    assert [c.messages for c in await store.list_chats()] == [3]


async def test_each_branch_finds_its_own_plan_state(store: Store) -> None:
    await store.create_chat(line(3))
    assert await store.plan_state("c", ["n0", "n1"]) is None
    await store.set_plan_state("c", "n0", {"anchor": None}, {"segments": ["x"]})
    await store.set_plan_state("c", "n2", {"anchor": "n1"}, None)
    assert await store.plan_state("c", ["n0", "n1"]) == {"anchor": None}
    assert await store.plan_state("c", ["n0", "n1", "n2", "new"]) == {"anchor": "n1"}
    assert await store.plan("c", "n0") == {"segments": ["x"]}
    assert await store.plan("c", "n2") is None


async def test_drafts_and_settings_are_kept_and_forgotten(store: Store, tmp_path: Path) -> None:
    await store.set_draft("not yet a chat", "Здрав")
    await store.set_value("persona", {"name": "Аня"})
    await store.close()
    again = await Store.open(tmp_path / "data" / "traktir.db", owner=OWNER)
    try:
        assert await again.draft("not yet a chat") == "Здрав"
        assert await again.get_value("persona") == {"name": "Аня"}
        await again.set_draft("not yet a chat", "")
        await again.set_value("persona", None)
        assert await again.draft("not yet a chat") == ""
        assert await again.get_value("persona") is None
    finally:
        await again.close()


async def test_many_at_once_are_written_one_after_another(store: Store) -> None:
    chat = line(1)
    await store.create_chat(chat)
    ops = [[{"op": "set_field", "field": "title", "value": str(i)}] for i in range(50)]
    ids = await asyncio.gather(*(store.commit("c", op, [], label=LABEL, durable=False) for op in ops))
    assert list(ids) == sorted(ids)
    assert (await store.load_chat("c")).fields["title"] == "49"


async def test_a_commit_that_was_begun_is_finished_when_its_task_is_cancelled(store: Store) -> None:
    await store.create_chat(line(1))
    op = {"op": "set_field", "field": "title", "value": "done"}
    task = asyncio.create_task(store.commit("c", [op], [], label=LABEL))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.set_value("after", 1)
    assert (await store.load_chat("c")).fields["title"] == "done"


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    for call in (store.set_value("a", 1), store.get_value("a")):
        with pytest.raises(StoreError) as caught:
            await call
        assert caught.value.details["kind"] == "closed"


async def test_only_its_owner_can_read_the_files(store: Store, tmp_path: Path) -> None:
    await store.create_chat(line(1))
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    for file in (tmp_path / "data").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize(
    ("field", "value"), [("created_ms", 2**70), ("text", None), ("text", {"not": "a text"}), ("base", [1])]
)
async def test_values_of_the_wrong_kind_are_refused_and_the_next_ones_stored(
    store: Store, field: str, value: Any
) -> None:
    await store.create_chat(line(1))
    revision = {"id": "r1", "text": "x", "created_ms": 1, field: value}
    with pytest.raises(BadInput):
        await store.commit("c", [{"op": "add_revision", "node": "n0", "revision": revision}], [], label=LABEL)
    await store.set_value("next", 1)
    assert await store.load_chat("c") == line(1)


async def test_an_import_with_loose_ends_keeps_every_message(store: Store) -> None:
    chat = line(3)
    nodes = dict(reversed(chat.nodes.items()))
    nodes["n1"] = replace(nodes["n1"], parent="lost")
    await store.create_chat(replace(chat, nodes=nodes))
    stored = await store.load_chat("c")
    assert [node.id for node in stored.path()] == ["n1", "n2"]
    assert stored.nodes["n0"].text == "Сообщение 0"
    assert await store.replay("c") == stored


async def test_what_is_still_growing_is_found_without_reading_all_texts(store: Store) -> None:
    """At every start of a core: a store of a million messages took four seconds."""
    await store.create_chat(line(3000))

    def steps(connection: sqlite3.Connection) -> int:
        hundreds = 0

        def count() -> int:
            nonlocal hundreds
            hundreds += 1
            return 0

        connection.set_progress_handler(count, 100)
        assert streaming.unfinished(connection) == []
        connection.set_progress_handler(None, 0)
        return hundreds

    assert await store._readers.run(steps) <= 2
