"""Any sequence of operations: undone it gives the same state, redone it comes back; nothing ever leaves the store.

After every step the tree in memory, the tables, the log's replay and the full-text index say the same. Each run is the
same (derandomized); more runs by hand: TRAKTIR_EXAMPLES=2000 pytest tests/store/test_store_properties.py
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from chat_steps import operations, step, visible
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.domain.chat import Chat
from tui.domain.notice import notice
from tui.domain.operations import Op, apply_all
from tui.store import LockInfo, Store, search
from tui.store.connecting import connect

OWNER = LockInfo("here", 1, "/tmp/socket")
EXAMPLES = int(os.environ.get("TRAKTIR_EXAMPLES", "25"))
WORDS = ["маяк", "ёлка", "Кот", "lantern", "café", "снег", "дорога", "x1", "🦊", "«тайна»", "don't"]
_words = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
#: The steps of the domain's own tests, with texts that can be looked for, and what happens between them.
_worded = st.tuples(st.sampled_from(["say", "say_at_root", "reply", "edit", "continue"]), st.integers(0, 50), _words)
_two = st.tuples(st.just("two"), _worded, step)
_between = st.tuples(st.sampled_from(["undo", "redo", "reopen", "grow"]), st.integers(0, 50), _words)
histories = st.lists(st.one_of(_worded, _worded, step, _two, _between), min_size=1, max_size=16)

run_many = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@run_many
@given(histories)
def test_any_history_undone_gives_the_same_state_and_nothing_leaves_the_store(what: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(History(Path(folder) / "t.db").live(what))


class History:
    """One chat through a history; every step is followed by a look at everything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chat = Chat("c", 1, 1)
        self._seen: dict[str, set[Any]] = {}

    async def live(self, what: list[Any]) -> None:
        self._store = await self._open()
        await self._store.create_chat(self._chat)
        await self._look()
        for number, one in enumerate(what):
            await self._step(number, one)
            await self._look()
        await self._undo_and_redo_everything()
        await self._reopen()
        await self._look()
        await self._store.close()

    async def _step(self, number: int, one: Any) -> None:
        name, first, second = one
        if name in ("undo", "redo"):
            await self._turn(redo=name == "redo")
        elif name == "reopen":
            await self._reopen()
        elif name == "grow":
            await self._grow(number, second)
        elif name == "two":
            ops = operations(self._chat, number * 2 + 1000, first)
            after = apply_all(self._chat, ops)[0]
            await self._do(ops + operations(after, number * 2 + 1001, second))
        else:
            await self._do(operations(self._chat, number, one))

    async def _do(self, ops: list[Op], **how: Any) -> None:
        after, inverses = apply_all(self._chat, ops)
        if after is not self._chat:
            await self._store.commit("c", ops, inverses, label=notice("a step"), **how)
            self._chat = after

    async def _turn(self, *, redo: bool) -> bool:
        change = await (self._store.redo_target if redo else self._store.undo_target)("c")
        if change is not None:
            await self._do(list(change.inverse), kind="redo" if redo else "undo", target=change.id)
        return change is not None

    async def _grow(self, number: int, text: str) -> None:
        """A reply that arrives piece by piece and is finished; not a step of its own that undo takes back."""
        ops = operations(self._chat, number, ("reply", number, text))
        if ops[-1]["op"] != "finish_revision":    # the first message of a chat is a greeting, whole at once
            await self._do(ops)
            return
        *begin, finish = ops
        await self._do(begin)
        node, revision = finish["node"], finish["revision"]
        for end in range(0, len(text), 3):
            await self._store.stream_text("c", node, revision, text[:end])
        await self._do([finish], undoable=False)

    async def _undo_and_redo_everything(self) -> None:
        states = [self._state()]
        while await self._turn(redo=False):
            states.append(self._state())
        await self._look()
        undone = self._chat
        assert visible(undone) == visible(Chat("c", 1, 1))
        for state in reversed(states[:-1]):
            assert await self._turn(redo=True)
            assert self._state() == state
        await self._look()
        while await self._turn(redo=False):
            pass
        assert _alike(self._chat) == _alike(undone), "undone again it is the same tree, whatever was in between"

    def _state(self) -> dict[str, Any]:
        return visible(self._chat)

    async def _open(self) -> Store:
        return await Store.open(self._path, owner=OWNER, clock=lambda: 0.0, look_every_s=3600)

    async def _reopen(self) -> None:
        await self._store.close()
        self._store = await self._open()
        assert self._store.notices == []

    async def _look(self) -> None:
        stored = await self._store.load_chat("c")
        assert replace(stored, updated_ms=0) == replace(self._chat, updated_ms=0), "the tables are the tree in memory"
        assert await self._store.replay("c") == stored, "the log gives the tables"
        with closing(connect(self._path)) as connection:
            self._nothing_left(connection)
            _index_is_the_table(connection)
        await self._words_are_found()

    def _nothing_left(self, connection: sqlite3.Connection) -> None:
        """What was once written stays: messages, finished texts word for word, summaries with every text, the log."""
        now: dict[str, set[Any]] = {
            "nodes": set(connection.execute("SELECT id, parent, role, name, created_ms, seq FROM nodes")),
            "revisions": set(connection.execute(
                "SELECT pk, node, id, text, created_ms, kind, base, finish, reasoning, generation FROM revisions "
                "WHERE finish <> 'streaming'"
            )),
            "changes": set(connection.execute(
                "SELECT id, created_ms, kind, target, undoable, label, ops, inverse FROM changes"
            )),
            "summaries": {
                (summary, place, text)
                for summary, texts in connection.execute("SELECT id, texts FROM summaries")
                for place, text in enumerate(_texts(texts))
            },
        }
        for table, rows in self._seen.items():
            assert rows <= now[table], table
        self._seen = now

    async def _words_are_found(self) -> None:
        texts = {
            (node.id, r.id): r.text for node in self._chat.nodes.values() for r in node.revisions
            if r.finish != "streaming"
        }
        for word in WORDS:
            if not search.terms(word):
                continue
            found = {hit.node for hit in await self._store.search(word, 1000, deleted=True)}
            begins = re.compile(r"(?<!\S)" + re.escape(word))
            wanted = {node for (node, _), text in texts.items() if begins.search(text)}
            if self._chat.fields.get("deleted"):
                wanted = set()                    # a chat in the trash is not searched
            assert found >= wanted, word
            other = {node for (node, _), text in texts.items() if _might_match(word, text)}
            assert found <= other, word


def _texts(data: str) -> list[str]:
    import json

    return list(json.loads(data))


def _alike(chat: Chat) -> Any:
    """The whole tree but for texts of summaries, where undoing appends."""
    summaries = {s.id: (s.covers, s.text, s.removed) for s in chat.summaries.values()}
    return chat.nodes, chat.head, dict(chat.fields), summaries


def _might_match(word: str, text: str) -> bool:
    [term] = search.terms(word)
    bare = re.sub(r"[\W_]+", " ", term.text).strip().casefold()
    return bare.translate(_PLAIN) in re.sub(r"[\W_]+", " ", search.fold(text)).casefold().translate(_PLAIN)


_PLAIN = str.maketrans({"é": "e", "ё": "е"})


def _index_is_the_table(connection: sqlite3.Connection) -> None:
    """What the index holds, read out of it word by word, against the texts cut into words by an index of their own."""
    connection.execute("CREATE VIRTUAL TABLE temp.said USING fts5vocab('main', 'search', 'instance')")
    connection.execute(
        """CREATE VIRTUAL TABLE temp.fresh USING fts5(text, tokenize="unicode61 remove_diacritics 2", prefix='2 3')"""
    )
    for pk, text in connection.execute("SELECT pk, text FROM revisions WHERE finish <> 'streaming'").fetchall():
        connection.execute("INSERT INTO fresh (rowid, text) VALUES (?, ?)", (pk, search.fold(text)))
    connection.execute("CREATE VIRTUAL TABLE temp.wanted USING fts5vocab('temp', 'fresh', 'instance')")
    said = Counter(connection.execute('SELECT term, doc, "offset" FROM said').fetchall())
    wanted = Counter(connection.execute('SELECT term, doc, "offset" FROM wanted').fetchall())
    assert said == wanted


@run_many
@given(st.lists(st.one_of(_worded, step), min_size=1, max_size=10), st.lists(st.booleans(), max_size=20))
def test_undo_and_redo_in_any_order_never_part_memory_from_tables(what: list[Any], turns: list[bool]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_turned(Path(folder) / "t.db", what, turns))


async def _turned(path: Path, what: list[Any], turns: list[bool]) -> None:
    store = await Store.open(path, owner=OWNER, clock=lambda: 0.0, look_every_s=3600)
    chat = Chat("c", 1, 1)
    await store.create_chat(chat)
    states = [visible(chat)]
    for number, one in enumerate(what):
        ops = operations(chat, number, one)
        after, inverses = apply_all(chat, ops)
        if after is chat or not inverses:
            continue
        await store.commit("c", ops, inverses, label=notice("a step"))
        chat = after
        states.append(visible(chat))
    at = len(states) - 1
    for redo in turns:
        change = await (store.redo_target if redo else store.undo_target)("c")
        assert (change is None) == (at == (len(states) - 1 if redo else 0))
        if change is None:
            continue
        chat, inverses = apply_all(chat, change.inverse)
        kind: Any = "redo" if redo else "undo"
        await store.commit("c", change.inverse, inverses, label=change.label, kind=kind, target=change.id)
        at += 1 if redo else -1
        assert visible(chat) == states[at]
    assert replace(await store.load_chat("c"), updated_ms=0) == replace(chat, updated_ms=0)
    assert await store.check() == []
    await store.close()
