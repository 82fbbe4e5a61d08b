"""A store of many messages: searching against a bare FTS5 table, opening chats against a small store, a copy.

Pairs are measured in ABBA order. The aims: a query takes at most 3 times a bare FTS5 query over the same rows, and
opening a chat at most 1.5 times what it takes with 1,000 messages in the store.

Run: python tests/bench/bench_store.py [--messages 50000] [--pairs 10] [--keep FOLDER]
(--messages 1000000 for the figures of record: it writes about 4 GB, and takes some minutes to make)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench_stage import cpu_s, spread

from tui.client.connection import Connection
from tui.client.launch import ensure_core
from tui.store import LockInfo, Store, backup, making, opening, search
from tui.store.connecting import connect
from tui.wire.target import Target

SMALL = 1_000
PER_CHAT = 200
#: Chats that both stores have, and that are opened in turn: more than a core keeps in memory.
SHARED_CHATS = 5
_RUSSIAN_WORDS = (
    "фонарь качается над дверью никто спрашивает куда ведёт дорога темноте хозяйка наливает чай медленно дождь считает "
    "черепицу крыши снег идёт окном кот спит печи гость смотрит огонь письмо лежит столе ветер стучит ставнями утром "
    "ёлка зелёная лес замок рыцарь тайна сокровище мост река лодка туман старый мельник дочь песня серебро ключ"
)
_ENGLISH_WORDS = (
    "the lantern swings above the door and nobody asks where the road goes after dark because the keeper pours tea "
    "slowly while rain counts every tile of the roof castle knight forest river bridge silver key song mist boat"
)
#: What is looked for, from one in all messages to a word in every second one.
QUERIES = (
    "редкость77", "маяк мельник", "сокров", '"кот спит"', "ёлка", "lantern castle", "хозяйка", "the", "замок тай",
)


def texts(count: int) -> Iterator[tuple[int, str]]:
    """Message number and text: half Russian, half English, some words far rarer than others."""
    chance = random.Random(77)
    for number in range(count):
        known = (_RUSSIAN_WORDS if number % 2 else _ENGLISH_WORDS).split()
        weights = [1 / (place + 1) for place in range(len(known))]
        words = chance.choices(known, weights, k=chance.randint(12, 45))
        if number % 977 == 0:
            words.insert(3, "маяк")
        if number % 9973 == 0:
            words.append(f"редкость{number // 9973}")
        yield number, " ".join(words).capitalize() + "."


def fill(database: Path, messages: int) -> None:
    """Chats of 200 messages, each message a step in its chat's log, as conversations leave them."""
    opening.make_folder(database)
    opening.make_file(database)
    opening.prepare(database)
    with closing(connect(database)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        for number, text in texts(messages):
            chat, place = divmod(number, PER_CHAT)
            if not place:
                _begin_chat(connection, chat)
            _say(connection, chat + 1, number, place, text)
            if place == PER_CHAT - 1 or number == messages - 1:
                _end_chat(connection, chat + 1, number, place, text)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _begin_chat(connection: sqlite3.Connection, chat: int) -> None:
    fields = {"title": f"Вечер {chat}", "character": "mira"}
    connection.execute(
        """INSERT INTO chats (pk, id, created_ms, updated_ms, title, character, name)
           VALUES (?, ?, 1, 1, ?, 'mira', 'Мира')""",
        (chat + 1, f"chat{chat}", fields["title"]),
    )
    connection.executemany(
        "INSERT INTO fields VALUES (?, ?, ?)", [(chat + 1, name, json.dumps(value)) for name, value in fields.items()]
    )
    made = {"op": "create_chat", "id": f"chat{chat}", "created_ms": 1, "updated_ms": 1, "fields": fields}
    _change(connection, chat + 1, [made], undoable=False)


def _say(connection: sqlite3.Connection, chat: int, number: int, place: int, text: str) -> None:
    role, name = ("assistant", "Мира") if place % 2 else ("user", "Аня")
    node, parent = f"n{number}", f"n{number - 1}" if place else None
    connection.execute(
        "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)", (chat, node, parent, role, name, number, place, "r")
    )
    connection.execute(
        """INSERT INTO revisions (pk, chat, node, id, text, created_ms, kind, base, finish)
           VALUES (?, ?, ?, 'r', ?, ?, 'original', 0, '')""",
        (number + 1, chat, node, text, number),
    )
    revision = {"id": "r", "text": text, "created_ms": number}
    said = {
        "id": node, "parent": parent, "role": role, "name": name, "created_ms": number, "seq": place, "current": "r",
        "revisions": [revision],
    }
    _change(connection, chat, [{"op": "add_node", "node": said}, {"op": "set_head", "head": node}])


def _change(connection: sqlite3.Connection, chat: int, ops: list[dict[str, object]], *, undoable: bool = True) -> None:
    inverse = [{"op": "set_head", "head": None}] if undoable else []
    connection.execute(
        "INSERT INTO changes (chat, created_ms, kind, undoable, label, ops, inverse) VALUES (?, 1, 'do', ?, ?, ?, ?)",
        (chat, undoable, '{"id":"saying","args":{}}', json.dumps(ops, ensure_ascii=False), json.dumps(inverse)),
    )


def _end_chat(connection: sqlite3.Connection, chat: int, number: int, place: int, text: str) -> None:
    connection.execute(
        """UPDATE chats SET head = ?, messages = ?, last = ?, last_name = 'Мира',
           last_change = (SELECT max(id) FROM changes) WHERE pk = ?""",
        (f"n{number}", place + 1, text[:200], chat),
    )


def fill_bare(file: Path, messages: int) -> None:
    """The same texts in a table of FTS5 and nothing else, cut into words the same way."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            """CREATE VIRTUAL TABLE bare USING fts5(text, tokenize="unicode61 remove_diacritics 2", prefix='2 3')"""
        )
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO bare (rowid, text) VALUES (?, ?)", ((n + 1, search.fold(text)) for n, text in texts(messages))
        )
        connection.execute("COMMIT")
        connection.execute("INSERT INTO bare (bare) VALUES ('optimize')")


@dataclass(frozen=True)
class Taken:
    """Milliseconds by the clock, and of the processor."""

    wall: float
    cpu: float


async def pairs(
    count: int, first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]],
    cpu_first: Callable[[], float] = time.process_time, cpu_second: Callable[[], float] = time.process_time,
) -> tuple[list[Taken], list[Taken]]:
    """`count` pairs in ABBA order, after one of each that does not count."""
    taken: tuple[list[Taken], list[Taken]] = ([], [])
    acts = ((first, cpu_first), (second, cpu_second))
    for which in (0, 1, *((0, 1, 1, 0) * ((count + 1) // 2))):
        act, cpu = acts[which]
        cpu_began, began = cpu(), time.perf_counter()
        await act()
        taken[which].append(Taken((time.perf_counter() - began) * 1000, (cpu() - cpu_began) * 1000))
    return taken[0][1:], taken[1][1:]


def tell(what: str, ours: list[Taken], base: list[Taken], aim: float) -> float:
    """Print a comparison; returns the median of the ratios of its pairs."""
    ratios = [a.wall / b.wall for a, b in zip(ours, base, strict=True)]
    verdict = "" if median(ratios) <= aim else f"   MISSES {aim}"
    ours_cpu, base_cpu = median(t.cpu for t in ours), median(t.cpu for t in base)
    print(f"  {what:22} {spread([t.wall for t in ours], ' ms')}, base {median(t.wall for t in base):.2f} ms; "
          f"CPU {ours_cpu:.2f} against {base_cpu:.2f} ms ({ours_cpu / max(base_cpu, 1e-6):.2f} times); "
          f"ratio {spread(ratios)}{verdict}", flush=True)
    return median(ratios)


async def compare_search(store: Store, bare: Path, count: int) -> None:
    print("query, against a bare FTS5 table (its newest 50 rows, matches marked by FTS5 itself):")
    ratios = []
    with closing(sqlite3.connect(bare, check_same_thread=False)) as connection:
        for query in QUERIES:
            wanted = " AND ".join(
                f'"{term.text}"' + ("" if term.phrase else "*") for term in search.terms(query)
            )

            async def ours(query: str = query) -> None:
                await store.search(query)

            async def base(wanted: str = wanted) -> None:
                connection.execute(
                    "SELECT rowid, highlight(bare, 0, '[', ']') FROM bare WHERE bare MATCH ? "
                    "ORDER BY rowid DESC LIMIT 50", (wanted,)
                ).fetchall()

            ratios.append(tell(query, *await pairs(count, ours, base), 3))
    print(f"  all queries: median ratio {median(ratios):.2f}, largest {max(ratios):.2f}")


async def compare_opening(large: Path, small: Path, count: int) -> None:
    print(f"opening a chat of {PER_CHAT} messages through a core, against a store of {SMALL:,} messages:")
    async with core(large) as (ours, our_pid), core(small) as (base, base_pid):
        for last, what in ((100, "the end of it"), (0, "all of it")):
            await _compare_opening(what, last, (ours, our_pid), (base, base_pid), count)

        async def list_ours() -> None:
            await ours.call("chats.list")

        async def list_base() -> None:
            await base.call("chats.list")

        taken = await pairs(count, list_ours, list_base, lambda: cpu_s(our_pid), lambda: cpu_s(base_pid))
        tell("the list of chats", *taken, float("inf"))


async def _compare_opening(
    what: str, last: int, ours: tuple[Connection, int], base: tuple[Connection, int], count: int
) -> None:
    async def open_all(connection: Connection) -> None:
        for chat in range(SHARED_CHATS):
            await connection.call("chats.open", id=f"chat{chat}", last=last)

    taken = await pairs(
        count, lambda: open_all(ours[0]), lambda: open_all(base[0]), lambda: cpu_s(ours[1]), lambda: cpu_s(base[1])
    )
    each = [[Taken(t.wall / SHARED_CHATS, t.cpu / SHARED_CHATS) for t in one] for one in taken]
    tell(what, each[0], each[1], 1.5)


@contextlib.asynccontextmanager
async def core(home: Path) -> AsyncIterator[tuple[Connection, int]]:
    os.environ["TRAKTIR_HOME"] = str(home)
    target: Target = await ensure_core()
    connection = await Connection.open(target)
    try:
        yield connection, int(connection.hello["pid"])
    finally:
        await connection.call("stop", force=True)
        await connection.close()


async def compare_reading(large: Store, small: Store, count: int) -> None:
    print("reading a chat from the database, as a core does that has not got it in memory:")

    async def read(store: Store) -> None:
        for chat in range(SHARED_CHATS):
            await store.load_chat(f"chat{chat}")
            await store.undo_target(f"chat{chat}")
            await store.redo_target(f"chat{chat}")

    taken = await pairs(count, lambda: read(large), lambda: read(small))
    each = [[Taken(t.wall / SHARED_CHATS, t.cpu / SHARED_CHATS) for t in one] for one in taken]
    tell("tree and history", each[0], each[1], 1.5)


def timed(what: str, work: Callable[[], object]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    print(f"{what}: {time.perf_counter() - began:.1f} s, CPU {(time.process_time() - cpu) * 1000:.0f} ms", flush=True)


async def measure(folder: Path, messages: int, count: int) -> None:
    homes = {"large": messages, "small": SMALL}
    stores: dict[str, Store] = {}
    for name, size in homes.items():
        database = folder / name / "data" / "traktir.db"
        if not database.exists():
            timed(f"{size:,} messages made", lambda database=database, size=size: fill(database, size))   # type: ignore[misc]
        if backup.daily_is_due(database):         # else it is made while the figures are taken
            timed("its daily copy", lambda database=database: backup.make_daily(database))   # type: ignore[misc]
        began = time.perf_counter()
        stores[name] = await Store.open(database, owner=LockInfo("here", os.getpid()))
        await stores[name].get_value("")
        took, size = time.perf_counter() - began, database.stat().st_size
        print(f"opened ({name}): {took:.2f} s, {size / 1e6:.0f} MB", flush=True)
    bare = folder / "bare.db"
    if not bare.exists():
        timed("bare table made", lambda: fill_bare(bare, messages))
    await compare_search(stores["large"], bare, count)
    await compare_reading(stores["large"], stores["small"], count)
    for store in stores.values():
        await store.close()
    await compare_opening(folder / "large", folder / "small", count)
    back_up(folder)


def back_up(folder: Path) -> None:
    database, archive = folder / "large" / "data" / "traktir.db", folder / "home.zip"
    timed("traktir backup", lambda: making.home(database, folder / "large" / "config", archive))
    print(f"  {archive.stat().st_size / 1e6:.0f} MB")
    archive.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the stores there, or use what is there")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="tb-"))
    (folder / "tmp").mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["TMPDIR"] = str(folder / "tmp")
    try:
        asyncio.run(measure(folder, options.messages, options.pairs))
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
