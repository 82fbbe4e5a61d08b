"""Full-text search, with FTS5 and without."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.reading import days
from tui.domain.chat import Chat, Node, Revision
from tui.domain.notice import notice
from tui.domain.searching import Wanted, read_query
from tui.store import LockInfo, SearchHit, Store, schema, search

OWNER = LockInfo("here", 1)
TEXTS = {
    "tree": "Мы наряжали ёлку, а Кот смотрел из-за угла.",
    "cafe": "She ordered a *café au lait* at Mira's place.",
    "long": "слово " * 200 + "сокровище спрятано под дубом " + "слово " * 200,
    "marks": "raw \x02 bytes \x03 inside",
}


@pytest.fixture(params=[True, False], ids=["fts5", "scan"])
async def store(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "t.db", owner=OWNER)
    await opened.get_value("")
    opened._indexed = request.param
    nodes = {
        name: Node(name, None, "user", "Аня", i, i, (Revision("r", text, i),), "r")
        for i, (name, text) in enumerate(TEXTS.items())
    }
    await opened.create_chat(Chat("c", 1, head="tree", fields={"title": "Вечер"}, nodes=nodes))
    yield opened
    await opened.close()


async def nodes_found(store: Store, query: str) -> list[str]:
    return [hit.node for hit in await store.search(query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("елку", ["tree"]),
        ("ЁЛК", ["tree"]),
        ("кот наряж", ["tree"]),
        ("из-за", ["tree"]),
        ('"смотрел из-за угла"', ["tree"]),
        ("«смотрел угла»", []),
        ("кот сокровище", []),
        ("mira's au", ["cafe"]),
        ("слово дуб", ["long"]),
        ("bytes", ["marks"]),
        ("", []),
        ("***", []),
        ("🦊", []),
        ('" OR text : *', []),
        ("NOT кот", []),
    ],
)
async def test_words_and_phrases_are_found_in_any_case_and_with_any_yo(
    store: Store, query: str, found: list[str]
) -> None:
    assert await nodes_found(store, query) == found


async def test_the_snippet_shows_the_original_text_around_the_match(store: Store) -> None:
    [hit] = await store.search("елк кот")
    assert hit.snippet == "Мы наряжали \x02ёлку\x03, а \x02Кот\x03 смотрел из-за угла." or not store._indexed
    assert hit.snippet.replace("\x02", "").replace("\x03", "") == TEXTS["tree"]
    [hit] = await store.search("сокровище")
    assert "\x02сокровище\x03 спрятано" in hit.snippet
    assert hit.snippet.startswith("…")
    assert len(hit.snippet) < 250
    [hit] = await store.search("bytes")
    assert hit.snippet == "raw \x02bytes\x03 inside"
    assert (hit.chat, hit.title, hit.name, hit.revision) == ("c", "Вечер", "Аня", "r")


async def test_hidden_branches_and_older_versions_are_found_deleted_messages_on_demand(store: Store) -> None:
    edit = {"op": "add_revision", "node": "tree", "revision": {"id": "r2", "text": "Сосна.", "created_ms": 1}}
    await store.commit("c", [edit], [], label=notice("x"))
    [old] = await store.search("ёлку")
    assert (old.revision, old.current) == ("r", False)
    assert await nodes_found(store, "сосна") == ["tree"]
    assert "cafe" not in [node.id for node in (await store.load_chat("c")).path()]
    await store.commit("c", [{"op": "mark", "node": "tree", "mark": "deleted", "value": True}], [], label=notice("x"))
    assert await nodes_found(store, "сосна") == []
    [hit] = await store.search("сосна", deleted=True)
    assert hit.deleted
    await store.commit("c", [{"op": "set_field", "field": "deleted", "value": True}], [], label=notice("x"))
    assert await nodes_found(store, "café") == []


async def test_a_text_is_found_when_it_is_finished_and_by_its_last_words_only(store: Store) -> None:
    growing = {"id": "r9", "text": "", "created_ms": 1, "finish": "streaming"}
    await store.commit("c", [{"op": "add_revision", "node": "cafe", "revision": growing}], [], label=notice("x"))
    await store.stream_text("c", "cafe", "r9", "the brief xylophone")
    assert await nodes_found(store, "xylophone") == []
    finish = {"op": "finish_revision", "node": "cafe", "revision": "r9", "text": "a long zither", "finish": "stop"}
    await store.commit("c", [finish], [], label=notice("x"))
    assert await nodes_found(store, "zither") == ["cafe"]
    assert await nodes_found(store, "xylophone") == []
    assert await store.check() == []


async def test_the_newest_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for i in range(5):
        node = {
            "id": f"m{i}", "parent": None, "role": "user", "name": "", "created_ms": i, "seq": 10 + i, "current": "r",
            "revisions": [{"id": "r", "text": "один и тот же текст", "created_ms": i}],
        }
        await store.commit("c", [{"op": "add_node", "node": node}], [], label=notice("x"), durable=False)
    hits: list[SearchHit] = await store.search("текст", 3)
    assert [hit.node for hit in hits] == ["m4", "m3", "m2"]


async def test_diacritics_do_not_matter_to_the_index(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "d.db", owner=OWNER)
    node = Node("n", None, "user", "", 0, 0, (Revision("r", TEXTS["cafe"], 0),), "r")
    await store.create_chat(Chat("c", 1, head="n", nodes={"n": node}))
    assert [hit.snippet for hit in await store.search("cafe")] == [
        "She ordered a *\x02café\x03 au lait* at Mira's place."
    ]
    await store.close()


async def test_an_index_that_fell_behind_is_built_anew(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "d.db", owner=OWNER)
    node = Node("n", None, "user", "", 0, 0, (Revision("r", "старый текст", 0),), "r")
    await store.create_chat(Chat("c", 1, head="n", nodes={"n": node}))
    await store.close()
    with sqlite3.connect(tmp_path / "d.db") as connection:     # as a Python without FTS5 writes: no trigger fires
        connection.execute("UPDATE revisions SET text = 'новые слова'")
        connection.execute("INSERT INTO settings VALUES (?, '1')", (search.STALE,))
    connection.close()
    store = await Store.open(tmp_path / "d.db", owner=OWNER)
    assert [hit.node for hit in await store.search("слова")] == ["n"]
    assert await store.search("старый") == []
    assert not [n for n in await store.check() if "search index" in str(n)]
    await store.close()


async def test_check_finds_an_index_that_disagrees(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "d.db", owner=OWNER)
    node = Node("n", None, "user", "", 0, 0, (Revision("r", "старый текст", 0),), "r")
    await store.create_chat(Chat("c", 1, head="n", nodes={"n": node}))
    await store.close()
    with sqlite3.connect(tmp_path / "d.db") as connection:
        connection.execute("UPDATE revisions SET text = 'новые слова'")
    connection.close()
    store = await Store.open(tmp_path / "d.db", owner=OWNER)
    found = [str(n) for n in await store.check()]
    assert len(found) == 2
    assert any("search index" in n for n in found)
    assert any("history of the chat" in n for n in found)
    await store.close()


@given(st.text(max_size=30))
def test_whatever_is_typed_is_no_syntax(query: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection)
    search.prepare(connection)
    assert search.find(connection, Wanted(query), 5, False, True) == []
    connection.close()


@given(st.lists(st.sampled_from(["ёж", "Кот", " ", "\x02", "\x03", "é", "\n", "🦊", "x"]), max_size=60))
def test_a_snippet_is_the_text_with_only_our_marks(parts: list[str]) -> None:
    text = "".join(parts)
    assert len(search.fold(text)) == len(text)
    spans = [(i, i + 1) for i, character in enumerate(text) if character == "x"]
    shown = search.snippet(text, spans)
    assert shown.count(search.OPEN) == shown.count(search.CLOSE) <= len(spans)


@pytest.mark.parametrize(("query", "found"), [
    ("with:mira lamp", ["m2", "m1"]),
    ("персонаж:мира лампа", []),
    ("with:домовой", ["r1"]),
    ("lamp by:me", ["m1"]),
    ("lamp by:model", ["e1", "m2"]),
    ("by:ELI lamp", ["e1"]),
    ("чат:«Second evening» lamp", ["e1"]),
    ("lamp chat:this", ["e1"]),
    ("lamp after:2001-09-10 before:2001-09-12", ["m2"]),
    ("lamp is:deleted", ["gone"]),
    ("is:deleted", ["gone"]),
    ("lamp unknown:thing", []),
    ("with:nobody", []),
    ("after:2001-13-40 lamp", []),
])
async def test_conditions_narrow_a_search(store: Store, query: str, found: list[str]) -> None:
    def said(name: str, role: str, text: str, day: int, *, deleted: bool = False) -> tuple[str, Node]:
        moment = int(datetime(2001, 9, day, 12).timestamp() * 1000)
        speaker = {"e1": "Elijah"}.get(name, "Mira" if role == "assistant" else "Аня")
        return name, Node(
            name, None, role, speaker, moment, day, (Revision("r", text, moment),), "r", deleted=deleted,  # type: ignore[arg-type]
        )

    await store.create_chat(Chat("one", 2, fields={"title": "First evening", "character": "mira"}, nodes=dict([
        said("m1", "user", "A lamp?", 8), said("m2", "assistant", "The lamp.", 11),
        said("gone", "assistant", "No lamp.", 12, deleted=True),
    ])))
    await store.create_chat(Chat("two", 3, fields={"title": "Second evening", "character": "eli"}, nodes=dict([
        said("e1", "assistant", "A lamp of mine.", 20),
    ])))
    await store.create_chat(Chat("three", 4, fields={"title": "Ночь", "character": "Домовой"}, nodes=dict([
        said("r1", "assistant", "Тише.", 21),
    ])))
    hits = await store.search(read_query(query, days), here="two")
    assert [hit.node for hit in hits] == found


@given(st.text(max_size=60))
def test_any_query_can_be_read(query: str) -> None:
    wanted = read_query(query, days)
    assert wanted.text in query or wanted.narrowed
    assert days(query) is None or days(query)[0] < days(query)[1]  # type: ignore[index]
