"""Copies by themselves: daily while a core runs, rotated, checked, never the last good one taken away."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.chat import Chat, Node, Revision
from tui.store import LockInfo, Store, backup, backups, copies, opening, rotation
from tui.store.copies import Copy, Record
from tui.store.keeper import Keeper

HERE = LockInfo("here", os.getpid(), "/tmp/ours")
DAY = 86400.0


def line(count: int, chat_id: str = "c") -> Chat:
    nodes = {
        f"n{i}": Node(
            f"n{i}", f"n{i - 1}" if i else None, "user", "Аня", i, i, (Revision("r", f"Слова {i} " * 20, i),), "r"
        )
        for i in range(count)
    }
    return Chat(chat_id, 1, 1, f"n{count - 1}", {"title": "Вечер"}, nodes)


async def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


class Clock:
    def __init__(self) -> None:
        self.now = time.time() - 400 * DAY

    def __call__(self) -> float:
        return self.now


async def test_a_core_that_runs_for_weeks_makes_a_copy_a_day_by_itself(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "t.db"
    store = await Store.open(path, owner=HERE, clock=clock, look_every_s=0.005)
    await store.create_chat(line(3))
    await until(lambda: len(backups(path)) == 1)
    for day in range(1, 5):
        clock.now += DAY * 0.9
        await asyncio.to_thread(store._keeper.look)              # type: ignore[union-attr]
        assert len(backups(path)) == day, "not before its time"
        clock.now += DAY * 0.2
        await until(lambda day=day: len(backups(path)) == day + 1)       # type: ignore[misc]
    assert store.notices == []
    await store.close()
    newest = await Store.open(backups(path)[0], owner=HERE)
    assert len((await newest.load_chat("c")).nodes) == 3
    await newest.close()


async def test_an_empty_store_is_not_copied(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "t.db", owner=HERE, look_every_s=0.005)
    assert store._keeper is not None
    store._keeper.look()
    await store.close()
    assert backups(tmp_path / "t.db") == []


async def test_closing_does_not_wait_for_a_long_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begun = tmp_path / "t.db", asyncio.Event()
    loop = asyncio.get_running_loop()
    looked = 0

    def copy_pages(*args: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        stop = args[2]
        assert callable(stop)
        nonlocal looked
        while not stop():                         # as long as the core lets it
            looked += 1
            time.sleep(0.001)
        raise copies.CopyStopped

    monkeypatch.setattr(backup, "_copy_pages", copy_pages)
    store = await Store.open(path, owner=HERE, look_every_s=0.005)
    await store.create_chat(line(2))
    await begun.wait()
    await store.close()
    assert backups(path) == []
    assert list(copies.folder(path).iterdir()) == []
    assert store.notices == []


def test_what_a_copy_holds_is_compared_with_what_was_copied_and_recorded(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    copy = backup.make_daily(path, now=1_700_000_000)
    [found] = copies.listed(path)
    record = found.record
    assert record is not None
    assert (found.kind, found.path, found.made) == ("daily", copy, 1_700_000_000)
    assert (record.rows["nodes"], record.rows["revisions"], record.rows["changes"]) == (30, 30, 1)
    assert record.sha256 == copies.digest(copy)
    assert record.bytes == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == copies.record_of(copy).stat().st_mode & 0o777 == 0o600
    with copy.open("ab") as stream:
        stream.write(b"x")
    assert copies.listed(path)[0].record is None, "it is not what was checked any more"


async def _fill(path: Path) -> None:
    opening.make_file(path)
    opening.prepare(path)
    store = await Store.open(path, owner=HERE, clock=lambda: 0.0)
    await store.create_chat(line(30))
    await store.close()
    shutil.rmtree(copies.folder(path), ignore_errors=True)


@pytest.mark.parametrize("harm", ["a row less", "pages"])
def test_a_copy_that_is_not_what_was_copied_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    good = backup.make_daily(path, now=time.time() - 2 * DAY)
    true_copy = backup._copy_pages

    def copy_pages(source: Path, partial: Path, stop: Callable[[], bool]) -> object:
        found = true_copy(source, partial, stop)
        if harm == "pages":
            data = bytearray(partial.read_bytes())
            data[8192:] = b"\xa5" * (len(data) - 8192)
            partial.write_bytes(data)
        else:
            with sqlite3.connect(partial) as connection:
                connection.execute("DELETE FROM revisions WHERE pk = 7")
            connection.close()
        return found

    monkeypatch.setattr(backup, "_copy_pages", copy_pages)
    notices: list[object] = []
    keeper = Keeper(path, notices)                                # type: ignore[arg-type]
    keeper.look()
    assert backups(path) == [good]
    assert "damaged" in str(notices[0])
    monkeypatch.setattr(backup, "_copy_pages", true_copy)
    keeper.look()
    assert backups(path) == [good], "not at once again"
    keeper._failed_at = time.time() - 2 * 3600
    keeper.look()
    assert len(backups(path)) == 2
    assert notices == [], "what was wrong is not any more"


def test_no_room_is_said_and_no_earlier_copy_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    now = time.time()
    earlier = {backup.make_daily(path, now=now - (9 - day) * DAY) for day in range(5)}
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=100_000))
    notices: list[object] = []
    Keeper(path, notices).look()                                  # type: ignore[arg-type]
    assert "has less room" in str(notices[0])
    assert set(backups(path)) == earlier
    assert not list(copies.folder(path).glob("*.partial"))


def test_what_a_dead_core_left_half_made_is_cleared_and_what_others_make_is_not(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    place = copies.folder(path)
    place.mkdir()
    gone = [place / "t-daily-1.db.partial", place / "t-daily-1.db.partial-journal", place / "t-schema1-2.db.partial"]
    alive = place / "t-home-3.zip.77.partial"
    for file in (*gone, alive):
        file.write_bytes(b"half")
    copy = backup.make_daily(path)
    assert set(place.iterdir()) == {copy, copies.record_of(copy), alive}
    os.utime(alive, (1, 1))
    backup.clear_abandoned(path)
    assert not alive.exists()


def test_days_then_weeks_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    start = 1_700_000_000.0
    for day in range(60):
        backup.make_daily(path, now=start + day * DAY)
    ages = [59 - round((copy.made - start) / DAY) for copy in copies.listed(path)]
    assert ages[:5] == [0, 1, 2, 3, 4]
    assert len(ages) == 9
    assert all(6 <= older - newer <= 8 for newer, older in pairwise(ages[5:])), ages
    assert len(list(copies.folder(path).iterdir())) == 2 * len(ages)


def test_copies_before_a_migration_are_bounded_and_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    daily = backup.make_daily(path)
    made = [backup.before_migration(path, 1) for _ in range(5)]
    assert set(backups(path)) == {daily, *made[2:]}


def test_a_clock_that_was_wrong_costs_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    asyncio.run(_fill(path))
    now = time.time()
    for day in range(8):
        backup.make_daily(path, now=now + (500 + day) * DAY)
    assert backup.daily_is_due(path, now), "a date in the future comes from a clock that was wrong"
    fresh = [backup.make_daily(path, now=now + n) for n in range(3)]
    assert set(fresh) <= set(backups(path))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-3, 90), st.booleans()), min_size=1, max_size=30))
def test_rotation_always_leaves_a_good_copy_and_the_newest(ages: list[tuple[float, bool]]) -> None:
    now = 1_700_000_000.0
    record = Record(now, 2, {}, 1, "", "")
    found = [
        Copy(Path(f"t-daily-{n}.db"), "daily", now - age * DAY, 1, record if good else None)
        for n, (age, good) in enumerate(ages)
    ]
    found.sort(key=lambda copy: copy.made, reverse=True)
    gone = rotation.surplus_daily(found, now)
    left = [copy for copy in found if copy not in gone]
    assert len(left) <= rotation.DAILY_KEPT + rotation.WEEKLY_KEPT + 1
    assert any(copy.record for copy in left) == any(copy.record for copy in found)
    past = [copy for copy in found if copy.made <= now]
    assert all(copy in left for copy in past[:5])
    assert rotation.surplus_daily(left, now) == [], "what stays once, stays"


def test_a_disk_that_is_really_full_keeps_its_copies_and_tells(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        path = disk / "t.db"
        asyncio.run(_fill(path))
        earlier = backup.make_daily(path, now=time.time() - 3 * DAY)
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * (shutil.disk_usage(disk).free - 300_000))
        notices: list[object] = []
        keeper = Keeper(path, notices)                            # type: ignore[arg-type]
        keeper.look()
        assert "has less room" in str(notices[0])
        assert backups(path) == [earlier]
        ballast.unlink()
        keeper._failed_at = None
        keeper.look()
        assert len(backups(path)) == 2
        assert notices == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
