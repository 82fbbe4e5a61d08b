"""What real machines do: processes killed, disks full, file systems read-only, files damaged, versions mixed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest

from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import StoreError
from tui.domain.notice import notice
from tui.store import LockInfo, Store, backups, opening, schema
from tui.store.connecting import connect
from tui.store.writer import Writer

HERE = LockInfo("here", os.getpid(), "/tmp/ours")
CORE = Path(__file__).with_name("committing_core.py")
LABEL = notice("x")


def line(count: int, chat_id: str = "c") -> Chat:
    nodes = {
        f"n{i}": Node(
            f"n{i}", f"n{i - 1}" if i else None, "user", "Аня", i, i, (Revision("r", f"Слова {i} " * 20, i),), "r"
        )
        for i in range(count)
    }
    return Chat(chat_id, 1, 1, f"n{count - 1}", {"title": "Вечер"}, nodes)


def start_core(path: Path, preload: Path | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "LD_PRELOAD": str(preload)} if preload else None
    command = [sys.executable, str(CORE), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment)


def kill_after(core: subprocess.Popen[str], lines: int) -> list[str]:
    """Read that many lines, kill -9, and return everything the core said before it died."""
    assert core.stdout is not None
    said = [core.stdout.readline() for _ in range(lines)]
    core.send_signal(signal.SIGKILL)
    said += core.stdout.readlines()
    assert core.wait() == -signal.SIGKILL
    core.stdout.close()
    return [one.strip() for one in said if one.endswith("\n")]


@pytest.mark.parametrize("lines", [1, 2, 5, 38, 77, 120])
async def test_everything_acknowledged_is_there_after_kill_9(tmp_path: Path, lines: int) -> None:
    said = kill_after(start_core(tmp_path / "t.db"), lines)
    assert said[0] == "open"
    store = await Store.open(tmp_path / "t.db", owner=HERE)
    try:
        assert await store.check() == []
        for what, chat_id, number, *length in (one.split() for one in said[1:]):
            revision = (await store.load_chat(chat_id)).nodes[f"n{number}"].revision
            assert len(revision.text) >= int((length or ["0"])[0])
            assert what != "done" or revision.finish == "stop"
        assert await store.streaming_revisions() == []
        for info in await store.list_chats():
            chat = await store.load_chat(info.id)
            assert await store.replay(info.id) == chat
            *earlier, last = chat.path() or [None]
            assert all(node is not None and node.revision.finish == "stop" for node in earlier)
            if last is not None and last.revision.finish != "stop":
                assert last.revision.finish == "cut"
                assert "being written" in str(store.notices[0])
    finally:
        await store.close()


async def test_a_second_core_on_this_computer_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    core = start_core(tmp_path / "t.db")
    assert core.stdout is not None
    core.stdout.readline()
    with pytest.raises(StoreError) as caught:
        await Store.open(tmp_path / "t.db", owner=HERE)
    assert caught.value.details["kind"] == "locked"
    assert str(core.pid) in str(caught.value)
    assert "/tmp/the-socket" in str(caught.value)
    assert caught.value.details["socket"] == "/tmp/the-socket"
    kill_after(core, 0)
    store = await Store.open(tmp_path / "t.db", owner=HERE)
    assert json.loads((tmp_path / "t.db.owner").read_text())["pid"] == os.getpid()
    await store.close()
    assert not (tmp_path / "t.db.owner").exists()


async def test_a_core_on_another_computer_is_refused_until_the_file_is_deleted(tmp_path: Path) -> None:
    lock = tmp_path / "t.db.owner"
    lock.write_text(json.dumps({"host": "desktop", "pid": 77, "socket": ""}))
    with pytest.raises(StoreError) as caught:
        await Store.open(tmp_path / "t.db", owner=HERE)
    assert caught.value.details["kind"] == "locked_elsewhere"
    assert "desktop" in str(caught.value)
    assert str(lock) in str(caught.value)
    assert not (tmp_path / "t.db").exists()
    lock.unlink()
    await (await Store.open(tmp_path / "t.db", owner=HERE)).close()


@pytest.mark.parametrize("content", ["", "garbage", "[]", '{"host": null}', "\0" * 100])
async def test_a_lock_file_that_says_nothing_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.db.owner").write_text(content)
    await (await Store.open(tmp_path / "t.db", owner=HERE)).close()


async def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = await Store.open(path, owner=HERE)
    await store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={len(schema.STEPS) + 3}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        await Store.open(path, owner=HERE)
    assert caught.value.details["kind"] == "newer"
    assert f"version {len(schema.STEPS) + 3}" in str(caught.value)
    assert f"up to {len(schema.STEPS)}" in str(caught.value)
    assert path.read_bytes() == before
    assert not (tmp_path / "t.db.owner").exists()


async def test_an_older_database_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = await Store.open(path, owner=HERE)
    await store.create_chat(line(3))
    await store.close()

    def next_step(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE chats ADD COLUMN mood TEXT")

    def broken_step(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        connection.execute("CREATE TABLE chats (a)")

    with pytest.raises(StoreError):
        opening.prepare(path, [*schema.STEPS, broken_step])
    opening.prepare(path, [*schema.STEPS, next_step])
    connection = sqlite3.connect(path)
    assert schema.version(connection) == len(schema.STEPS) + 1
    assert connection.execute("SELECT mood FROM chats").fetchall() == [(None,)]
    assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall() == []
    connection.close()
    copies = [file for file in backups(path) if f"schema{len(schema.STEPS)}" in file.name]
    assert len(copies) == 2
    restored = await Store.open(copies[0], owner=HERE)
    assert len((await restored.load_chat("c")).nodes) == 3
    await restored.close()


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "t.db")
    connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    with pytest.raises(StoreError) as caught:
        await Store.open(tmp_path / "t.db", owner=HERE)
    assert caught.value.details["kind"] == "foreign"


@pytest.mark.parametrize("damage", ["header", "pages", "all"])
async def test_a_damaged_file_is_refused_and_the_copies_are_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.db"
    store = await Store.open(path, owner=HERE)
    await store.create_chat(line(200))
    await store.backup(tmp_path / "backups" / "t-mine.db")
    await store.close()
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = b"not a database!!"
    elif damage == "pages":
        for page in range(3, len(data) // 4096, 2):
            data[page * 4096 : page * 4096 + 600] = b"\xa5" * 600
    else:
        data = bytearray(b"\xff" * 9000)
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        await Store.open(path, owner=HERE)
    assert caught.value.details["kind"] == "corrupt"
    assert str(path) in str(caught.value)
    assert "traktir restore t-mine.db" in str(caught.value)
    assert path.read_bytes() == data


async def test_a_copy_is_whole_while_others_write(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "t.db", owner=HERE)
    await store.create_chat(line(500))

    async def keep_writing() -> int:
        for count in range(10_000):
            await store.set_value("count", count)
            if copied.is_set():
                return count
        return 0

    copied = asyncio.Event()
    writing = asyncio.create_task(keep_writing())
    await store.backup(tmp_path / "copy.db")
    copied.set()
    assert await writing > 0
    await store.close()
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    copy = await Store.open(tmp_path / "copy.db", owner=HERE)
    assert len((await copy.load_chat("c")).nodes) == 500
    assert await copy.check() == []
    await copy.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    with machine.small_disk(tmp_path / "disk") as place:
        yield place


async def write_message(store: Store, number: int) -> None:
    node = {
        "id": f"m{number}", "parent": None, "role": "user", "name": "", "created_ms": 1, "seq": 9, "current": "r",
        "revisions": [{"id": "r", "text": "слово " * 2000, "created_ms": 1}],
    }
    await store.commit("c", [{"op": "add_node", "node": node}], [], label=LABEL)


async def fill(store: Store) -> tuple[int, StoreError]:
    """Write messages until one fails; how many went well, and the error."""
    for number in range(1000):
        try:
            await write_message(store, number)
        except StoreError as error:
            return number, error
    raise AssertionError("it never failed")


async def test_a_full_disk_costs_only_what_did_not_fit(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 300_000)
    store = await Store.open(small_disk / "t.db", owner=HERE)
    await store.create_chat(line(3))
    stored, error = await fill(store)
    assert error.details["kind"] == "disk_full"
    assert "Free some space" in str(error)
    chat = await store.load_chat("c")
    assert len(chat.nodes) == 3 + stored
    assert await store.replay("c") == chat
    ballast.unlink()
    await write_message(store, stored)
    assert len((await store.load_chat("c")).nodes) == 4 + stored
    await store.close()
    store = await Store.open(small_disk / "t.db", owner=HERE)
    assert await store.check() == []
    await store.close()


async def test_a_full_disk_at_the_first_start_is_said(small_disk: Path) -> None:
    ballast = os.open(small_disk / "ballast", os.O_CREAT | os.O_WRONLY)
    while os.write(ballast, b"\0" * 4096 * os.statvfs(small_disk).f_bavail or b"") > 0:
        pass
    os.close(ballast)
    with pytest.raises(StoreError) as caught:
        await Store.open(small_disk / "t.db", owner=HERE)
    assert caught.value.details["kind"] == "disk_full"


async def test_a_disk_that_became_read_only_is_said(small_disk: Path) -> None:
    path = small_disk / "t.db"
    await (await Store.open(path, owner=HERE)).close()
    remount(small_disk, "ro")
    writer = Writer(path, lambda: connect(path))
    with pytest.raises(StoreError) as caught:
        await writer.run(lambda c: c.execute("INSERT INTO settings VALUES ('a', '1')"))
    assert caught.value.details["kind"] == "read_only"
    remount(small_disk, "rw")
    await writer.run(lambda c: c.execute("INSERT INTO settings VALUES ('a', '1')"))
    await writer.close()


async def test_a_read_only_disk_is_refused_with_a_sentence(small_disk: Path) -> None:
    await (await Store.open(small_disk / "t.db", owner=HERE)).close()
    remount(small_disk, "ro")
    with pytest.raises(StoreError) as caught:
        await Store.open(small_disk / "t.db", owner=HERE)
    assert caught.value.details["kind"] == "read_only"


def remount(place: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(place)], check=True)


async def test_a_full_database_is_a_full_disk_where_no_disk_can_be_mounted(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "t.db", owner=HERE)
    await store.create_chat(line(3))
    await store._writer.run(lambda c: c.execute("PRAGMA max_page_count=120"), transaction=False)
    stored, error = await fill(store)
    assert error.details["kind"] == "disk_full"
    await write_message(store, stored)
    assert len((await store.load_chat("c")).nodes) == 3 + stored + 1
    await store.close()


async def test_where_the_write_ahead_log_is_refused_the_journal_is_truncated_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "file_system", lambda _path: "nfs4")
    store = await Store.open(tmp_path / "t.db", owner=HERE)
    assert store.journal_mode == "truncate"
    assert "network file system (nfs4)" in str(store.notices[0])
    await store.create_chat(line(3))
    loads = asyncio.gather(*(store.load_chat("c") for _ in range(20)))
    for number in range(20):
        await store.set_value("a", number)
    assert {len(chat.nodes) for chat in await loads} == {3}
    await store.close()
    assert not (tmp_path / "t.db-wal").exists()


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes the system refuse every lock on a file, as some network file systems do."""
    return machine.preloadable(Path(__file__).with_name("no_locks.c"), tmp_path_factory.mktemp("no_locks"))


async def test_nothing_is_lost_where_the_file_system_has_no_locks(tmp_path: Path, no_locks: Path) -> None:
    first = kill_after(start_core(tmp_path / "t.db", no_locks), 40)
    assert not (tmp_path / "t.db-wal").exists()
    second = kill_after(start_core(tmp_path / "t.db", no_locks), 40)
    store = await Store.open(tmp_path / "t.db", owner=HERE)
    assert await store.check() == []
    for _, chat_id, number, *length in (one.split() for one in first[1:] + second[1:]):
        text = (await store.load_chat(chat_id)).nodes[f"n{number}"].text
        assert len(text) >= int((length or ["0"])[0])
    await store.close()


async def test_a_living_core_is_respected_where_the_file_system_has_no_locks(tmp_path: Path, no_locks: Path) -> None:
    core = start_core(tmp_path / "t.db", no_locks)
    assert core.stdout is not None
    core.stdout.readline()
    other = start_core(tmp_path / "t.db", no_locks)
    assert other.wait() != 0
    assert other.stdout is not None
    assert other.stdout.read() == ""
    other.stdout.close()
    kill_after(core, 5)


def test_the_file_system_is_read_from_the_mounts(small_disk: Path) -> None:
    assert opening.file_system(small_disk / "t.db") == "tmpfs"


async def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.store import log

    store = await Store.open(tmp_path / "t.db", owner=HERE)
    for chat_id in ("a", "b"):
        await store.create_chat(line(1, chat_id))
    for chat_id, now in (("b", 2_000_000_000_000), ("a", 1_000)):
        monkeypatch.setattr(log, "now_ms", lambda now=now: now)
        ops = [{"op": "set_field", "field": "title", "value": chat_id}]
        await store.commit(chat_id, ops, [{"op": "set_field", "field": "title", "value": "Вечер"}], label=LABEL)
    assert [info.id for info in await store.list_chats()] == ["a", "b"]
    assert await store.replay("a") == await store.load_chat("a")
    assert await store.check() == []
    await store.close()


async def test_nothing_waits_on_the_event_loop(tmp_path: Path) -> None:
    """A busy machine holds the loop up now and then; what waits on it holds it up every time."""
    assert min([await longest_wait(tmp_path / f"{n}.db") for n in range(3)]) < 0.25


async def longest_wait(path: Path) -> float:
    """The longest that the event loop stood still while the store did its heaviest work, in seconds."""
    store = await Store.open(path, owner=HERE)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await store.create_chat(line(3000))
    await store.load_chat("c")
    await store.search("слова")
    await store.check()
    watching.cancel()
    await store.close()
    return longest
