"""Backups in one file and their way back: all or nothing, from whoever they come, killed at any moment."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_store_copies import line

from tui.domain.chat import Chat
from tui.domain.errors import NotFound, StoreError
from tui.domain.notice import notice
from tui.domain.operations import apply_all
from tui.store import LockInfo, Store, archive, backup, copies, making, opening, restoring, schema, staging

HERE = LockInfo(socket.gethostname(), os.getpid(), "/tmp/ours")
KILLED = Path(__file__).with_name("restoring_killed.py")
BOOK = '{"entries": {}, "name": "Мир"}'


async def opened(database: Path) -> Store:
    return await Store.open(database, owner=HERE, clock=lambda: 0.0, look_every_s=3600)


async def do(store: Store, chat: Chat, *ops: dict[str, Any], **how: Any) -> Chat:
    after, inverses = apply_all(chat, ops)
    await store.commit(chat.id, ops, inverses, label=notice("x"), **how)
    return after


async def fill(home: Path, text: str = "old") -> Path:
    """A home with two chats, one of them with everything that a chat can have; its database."""
    database = home / "data" / "t.db"
    (home / "config" / "lorebooks").mkdir(parents=True, exist_ok=True)
    (home / "config" / "lorebooks" / "Мир.json").write_text(BOOK, "utf-8")
    (home / "config" / "settings.toml").write_text(f'persona_name = "{text}"\n')
    (home / "config" / "server.token").write_text("do-not-keep-this-anywhere")
    opening.make_folder(database)
    opening.make_file(database)
    opening.prepare(database)
    store = await opened(database)
    await store.create_chat(line(12, "plain"))
    await store.create_chat(line(5, "rich"))
    chat = await store.load_chat("rich")
    revision = {"id": "r1", "text": f"Правка {text}", "created_ms": 1, "kind": "edit"}
    chat = await do(store, chat, {"op": "add_revision", "node": "n1", "revision": revision})
    chat = await do(store, chat, {"op": "set_field", "field": "title", "value": text})
    summary = {
        "id": "s", "covers": [["n0", "r"]], "texts": ["Вкратце"], "created_ms": 1, "removed": False, "generation": {},
    }
    chat = await do(store, chat, {"op": "add_summary", "summary": summary})
    change = await store.undo_target("rich")
    assert change is not None
    await do(store, chat, *change.inverse, kind="undo", target=change.id)
    await store.set_plan_state("rich", "n2", {"anchor": text}, {"segments": ["x"]})
    await store.set_draft("rich", "Не дописа")
    await store.close()
    return database


async def state(home: Path) -> dict[str, Any]:
    """Everything of a home that a person would miss."""
    database = home / "data" / "t.db"
    store = await opened(database)
    assert await store.check() == []
    chats = {info.id: await store.load_chat(info.id) for info in await store.list_chats()}
    rich = {}
    if "rich" in chats:
        undo, redo = await store.undo_target("rich"), await store.redo_target("rich")
        rich = {
            "plan": await store.plan("rich", "n2"), "state": await store.plan_state("rich", ["n2"]),
            "draft": await store.draft("rich"), "undo": undo and (undo.ops, undo.inverse),
            "redo": redo and (redo.ops, redo.inverse),
        }
    await store.close()
    files = {name: file.read_bytes() for name, file in archive.config_files(home / "config")}
    return {"chats": chats, **rich, "files": files}


def restore(home: Path, file: Path) -> restoring.Restored:
    database = home / "data" / "t.db"
    with staging.stage(database, file) as staged:
        return restoring.whole(database, home / "config", staged)


async def test_a_home_comes_back_as_it_was_and_what_was_there_comes_back_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    database = await fill(home)
    old = await state(home)
    made = making.home(database, home / "config", tmp_path / "kept.zip")
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert b"do-not-keep" not in made.file.read_bytes()
    assert set(zipfile.ZipFile(made.file).namelist()) == {
        "traktir.db", "config/settings.toml", "config/lorebooks/Мир.json", "manifest.json",
    }
    store = await opened(database)
    await do(store, await store.load_chat("rich"), {"op": "set_field", "field": "title", "value": "Иначе"})
    await store.create_chat(line(2, "new"))
    await store.close()
    (home / "config" / "settings.toml").write_text('persona_name = "Другая"\n')
    (home / "config" / "presets").mkdir()
    (home / "config" / "presets" / "new.yaml").write_text("x: 1")
    new = await state(home)
    assert new != old
    done = restore(home, made.file)
    assert await state(home) == old
    assert (home / "config" / "server.token").exists(), "what no backup holds stays"
    assert done.aside is not None
    restore(home, done.aside)
    assert await state(home) == new
    assert sorted(p.name for p in (home / "data").iterdir()) == ["backups", "t.db"]


async def test_files_with_the_longest_names_and_in_the_place_of_folders_come_back(tmp_path: Path) -> None:
    home, characters = tmp_path / "home", tmp_path / "home" / "config" / "characters"
    database = await fill(home)
    characters.mkdir()
    (characters / ("角" * 83 + ".json")).write_text("{}")          # 254 octets, and 255 are allowed
    (characters / "Ada").mkdir()
    (characters / "Ada" / "card.json").write_text("{}")
    old = await state(home)
    made = making.home(database, home / "config", tmp_path / "kept.zip")
    shutil.rmtree(characters)
    (characters / "Eve").mkdir(parents=True)
    (characters / "Eve" / "card.json").write_text("{}")
    (characters / "Ada").write_text("a file where the backup has a folder")
    restore(home, made.file)
    assert await state(home) == old


async def test_the_database_of_a_killed_store_comes_back_with_its_last_changes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    database = await fill(home)
    held = sqlite3.connect(database)
    held.execute("PRAGMA journal_mode=WAL")
    held.execute("UPDATE chats SET title = 'The last'")
    held.commit()
    killed = tmp_path / "killed.db"
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{database}{suffix}", f"{killed}{suffix}")
    held.close()
    restore(tmp_path / "other", killed)
    with sqlite3.connect(tmp_path / "other" / "data" / "t.db") as found:
        assert {title for (title,) in found.execute("SELECT title FROM chats")} == {"The last"}
    found.close()


async def test_a_home_that_does_not_exist_is_made_from_a_backup(tmp_path: Path) -> None:
    database = await fill(tmp_path / "home")
    made = making.home(database, tmp_path / "home" / "config", tmp_path / "kept.zip")
    done = restore(tmp_path / "other", made.file)
    assert done.aside is None
    assert await state(tmp_path / "other") == await state(tmp_path / "home")


async def test_a_backup_is_whole_while_the_store_is_written(tmp_path: Path) -> None:
    database = await fill(tmp_path / "home")
    store = await opened(database)
    chat = await store.load_chat("plain")
    import asyncio

    stop = asyncio.Event()

    async def write() -> int:
        nonlocal chat
        count = 0
        while not stop.is_set():
            chat = await do(store, chat, {"op": "set_field", "field": "title", "value": str(count)})
            count += 1
        return count

    writing = asyncio.create_task(write())
    made = await asyncio.to_thread(making.home, database, tmp_path / "home" / "config", tmp_path / "kept.zip")
    stop.set()
    assert await writing > 0
    await store.close()
    restore(tmp_path / "other", made.file)
    assert len((await state(tmp_path / "other"))["chats"]) == 2


@pytest.mark.parametrize("wal", [True, False])
async def test_killed_at_any_moment_a_restore_has_happened_or_not(tmp_path: Path, wal: bool) -> None:
    """Also over a database whose last changes are still in its log, as a core leaves it that was killed."""
    template = tmp_path / "other"
    made = making.home(await fill(template, "new"), template / "config", tmp_path / "kept.zip")
    shutil.rmtree(template / "data")
    home = tmp_path / "home"
    database = await fill(home)
    (home / "config" / "presets").mkdir()
    (home / "config" / "presets" / "mine.yaml").write_text("x: 1")
    if wal:
        held = sqlite3.connect(database)
        held.execute("SELECT count(*) FROM chats").fetchone()
        held.execute("INSERT INTO settings VALUES ('core.late', '7')")
        held.commit()
        killed = tmp_path / "killed"
        shutil.copytree(home, killed)
        held.close()
        assert (killed / "data" / "t.db-wal").stat().st_size > 0
        home = killed
    befores, afters = [], []
    shutil.copytree(home, tmp_path / "before")
    before = await state(tmp_path / "before")
    numbers = list(range(1 + wal, 1000, 6))
    said = subprocess.run(
        [sys.executable, str(KILLED), str(home), str(made.file), *map(str, numbers)], capture_output=True, text=True,
        check=True, timeout=300,
    ).stdout
    outcome = {int(number): died == "1" for number, died in (one.split() for one in said.splitlines())}
    assert list(outcome) == numbers[:len(outcome)]
    restored = None
    for number, died in outcome.items():
        place = tmp_path / f"{home.name}-{number}"
        found = await state(place)
        if not died:
            afters.append(number)
        else:
            befores.append(number)
        if found != before:
            restored = restored or found
            assert found == restored, number
            assert found["chats"]["rich"].nodes["n1"].text == "Правка new"
            assert set(found["files"]) == {"config/settings.toml", "config/lorebooks/Мир.json"}
        assert died or found == restored, number
        assert not (place / "data" / "restore.json").exists()
        if found != before:
            store = await opened(place / "data" / "t.db")
            assert await store.get_value("late") is None, "nothing of the old log came into the new database"
            await store.close()
    assert len(befores) > 8
    assert len(afters) == 1


async def test_a_restore_that_cannot_be_completed_is_completed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making.home(await fill(tmp_path / "other", "new"), tmp_path / "other" / "config", tmp_path / "kept.zip")
    home = tmp_path / "home"
    database = await fill(home)
    put = restoring._put_file

    def full(_staged: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(restoring, "_put_file", full)
    with pytest.raises(StoreError):
        restore(home, made.file)
    with pytest.raises(StoreError):
        await opened(database)
    monkeypatch.setattr(restoring, "_put_file", put)
    store = await opened(database)
    assert "restored" in str(store.notices[0])
    await store.close()
    assert (await state(home)) == (await state(tmp_path / "other"))


@pytest.mark.parametrize("damage", ["header", "pages", "all", "short"])
async def test_a_damaged_database_is_mended_and_kept(tmp_path: Path, damage: str) -> None:
    home = tmp_path / "home"
    database = await fill(home)
    old = await state(home)
    copy = backup.make_daily(database)
    data = bytearray(database.read_bytes())
    if damage == "header":
        data[:16] = b"not a database!!"
    elif damage == "pages":
        for page in range(1, len(data) // 4096):
            data[page * 4096 : page * 4096 + 600] = b"\xa5" * 600
    elif damage == "short":
        del data[9000:]
    else:
        data = bytearray(b"\xff" * 9000)
    database.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        await opened(database)
    name = str(caught.value).rpartition("traktir restore ")[2]
    assert name == copy.name
    done = restore(home, staging.find(database, name))
    assert await state(home) == old
    assert done.damaged is not None
    assert done.damaged.read_bytes() == data
    assert done.damaged not in copies.backups(database)


async def test_one_chat_goes_out_and_comes_back_without_loss(tmp_path: Path) -> None:
    database = await fill(tmp_path / "home")
    whole = await state(tmp_path / "home")
    made = making.chat(database, "rich", tmp_path / "rich.zip")
    with pytest.raises(NotFound):
        making.chat(database, "nobody", tmp_path / "nobody.zip")
    assert not (tmp_path / "nobody.zip").exists()
    empty = tmp_path / "empty" / "data" / "t.db"
    store = await opened(empty)
    with staging.stage(empty, made.file) as staged:
        assert staged.chat == "rich"
        file = staging.alone(staged, "rich", "rich.zip")
        assert await store.take_chat(file, "rich") == "rich"
    await store.close()
    there = await state(tmp_path / "empty")
    assert there["chats"] == {"rich": whole["chats"]["rich"]}
    assert {name: there[name] for name in ("plan", "state", "draft", "undo", "redo")} == {
        name: whole[name] for name in ("plan", "state", "draft", "undo", "redo")
    }


async def test_a_chat_that_is_here_is_not_overwritten(tmp_path: Path) -> None:
    database = await fill(tmp_path / "home")
    copy = backup.make_daily(database)
    store = await opened(database)
    chat = await do(store, await store.load_chat("rich"), {"op": "set_field", "field": "deleted", "value": True})
    with staging.stage(database, copy) as staged:
        new = await store.take_chat(staging.alone(staged, "rich", copy.name), "rich")
    assert new != "rich"
    assert replace(await store.load_chat("rich"), updated_ms=0) == replace(chat, updated_ms=0)
    beside = await store.load_chat(new)
    assert beside.nodes == chat.nodes
    assert str(beside.fields["title"]).startswith("old (")
    assert [hit.chat for hit in await store.search("Правка")] == [new]
    assert await store.replay(new) == beside
    change = await store.redo_target(new)
    assert change is not None
    assert change.ops[0]["op"] == "mark_summary"
    assert await store.check() == []
    await store.close()


async def test_a_reply_that_was_growing_when_the_copy_was_made_comes_back_cut(tmp_path: Path) -> None:
    database = await fill(tmp_path / "home")
    store = await opened(database)
    chat = await store.load_chat("plain")
    revision = {"id": "g", "text": "", "created_ms": 1, "finish": "streaming"}
    await do(store, chat, {"op": "add_revision", "node": "n0", "revision": revision})
    await store.stream_text("plain", "n0", "g", "Жил-был")
    copy = backup.make_daily(database)
    with staging.stage(database, copy) as staged:
        new = await store.take_chat(staging.alone(staged, "plain", copy.name), "plain")
    back = (await store.load_chat(new)).nodes["n0"].revision
    assert (back.text, back.finish) == ("Жил-был", "cut")
    assert await store.streaming_revisions() == [("plain", "n0", "g")], "the one being written is left alone"
    await store.close()


async def test_a_copy_of_an_older_schema_is_restored_and_migrated(tmp_path: Path) -> None:
    old = tmp_path / "old" / "data" / "t.db"
    opening.make_folder(old)
    opening.make_file(old)
    opening.prepare(old, schema.STEPS[:-1])
    store_less = sqlite3.connect(old)
    store_less.close()
    filled = await fill(tmp_path / "filled")
    with sqlite3.connect(old) as target, sqlite3.connect(filled) as source:
        target.isolation_level = None
        from tui.store.carrying import carry

        target.execute("BEGIN")
        carry(source, target, "rich")
        target.execute("COMMIT")
    target.close()
    source.close()
    made = making.home(old, tmp_path / "old" / "config", tmp_path / "old.zip")
    assert made.manifest.schema == len(schema.STEPS) - 1
    restore(tmp_path / "home", made.file)
    there = await state(tmp_path / "home")
    assert there["chats"]["rich"] == (await state(tmp_path / "filled"))["chats"]["rich"]


# What strangers send

Change = Callable[[Path], None]


def rezip(file: Path, change: Callable[[dict[str, bytes]], None], *, links: tuple[str, ...] = ()) -> None:
    with zipfile.ZipFile(file) as read:
        members = {name: read.read(name) for name in read.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if name in links else 0o100600) << 16
            written.writestr(info, data)


def claimed(members: dict[str, bytes], name: str, data: bytes) -> None:
    """Put a member in, and say so in the manifest."""
    import hashlib

    manifest = json.loads(members["manifest.json"])
    manifest["members"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    members["manifest.json"] = json.dumps(manifest).encode()
    members[name] = data


def sql(file: Path, *statements: str) -> None:
    """Run statements in the database of a backup, and say that it is meant so."""
    database = file.with_suffix(".changed.db")

    def change(members: dict[str, bytes]) -> None:
        database.write_bytes(members["traktir.db"])
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("PRAGMA writable_schema=ON")
        for statement in statements:
            connection.execute(statement)
        connection.close()
        claimed(members, "traktir.db", database.read_bytes())

    rezip(file, change)


def member(name: str, data: bytes = b"x", links: tuple[str, ...] = ()) -> Change:
    return lambda file: rezip(file, lambda members: claimed(members, name, data), links=links)


def manifest(**changes: Any) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | changes).encode()

    return lambda file: rezip(file, change)


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(data)


def bomb(file: Path) -> None:
    """A member that says it is small, in the zip and in the manifest, and unpacks to 100 MB."""
    name = b"config/presets/a.yaml"

    def change(members: dict[str, bytes]) -> None:
        claimed(members, name.decode(), b"\0" * 100_000_000)
        said = json.loads(members["manifest.json"])
        said["members"][name.decode()]["bytes"] = 1000
        members["manifest.json"] = json.dumps(said).encode()

    rezip(file, change)
    data = bytearray(file.read_bytes())
    for signature, size, length in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        [place] = [m.start() for m in re.finditer(re.escape(signature), data)
                   if data[m.start() + length:m.start() + length + len(name)] == name]
        struct.pack_into("<L", data, place + size, 1000)
    file.write_bytes(data)


def endless_list(file: Path) -> None:
    data = bytearray(file.read_bytes())
    struct.pack_into("<L", data, data.rfind(b"PK\x05\x06") + 12, 0x7FFFFFFF)
    file.write_bytes(data)


PLAN = zlib.compress(b'{"a":"' + b" " * 70_000_000 + b'"}')
HARM: dict[str, Change] = {
    "up": member("../evil"), "up inside": member("config/presets/../../../evil"), "absolute": member("/tmp/evil"),
    "drive": member("config/presets/C:\\evil"), "token": member("config/server.token"),
    "dot": member("config/presets/.x"),
    "other": member("logs/core.log"), "link": member("config/presets/x", b"/etc/passwd", links=("config/presets/x",)),
    "control": member("config/presets/a\x1b[31m"), "unclaimed": lambda file: rezip(
        file, lambda members: members.update({"config/presets/more": b"x"})),
    "missing": lambda file: rezip(file, lambda members: members.pop("config/settings.toml") and None),
    "changed": lambda file: rezip(file, lambda members: members.update({"config/settings.toml": b"y"})),
    "no manifest": lambda file: rezip(file, lambda members: members.pop("manifest.json") and None),
    "manifest of junk": lambda file: rezip(file, lambda members: members.update({"manifest.json": b"[" * 100_000})),
    "manifest too long": lambda file: rezip(
        file, lambda members: members.update({"manifest.json": b" " * 20_000_000})),
    "other format": manifest(format="x"), "newer format": manifest(format_version=2), "odd kind": manifest(kind="x"),
    "odd members": manifest(members={"traktir.db": 7}), "nothing": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_bytes(b"hello" * 100), "half": lambda file: os.truncate(file, 3000),
    "flipped": flipped, "bomb": bomb, "endless list": endless_list,
    "not a database": member("traktir.db", b"x" * 9000),
    "foreign": lambda file: sql(file, "PRAGMA application_id=7"),
    "newer": lambda file: sql(file, "PRAGMA user_version=99"),
    "trigger": lambda file: sql(
        file, "CREATE TRIGGER t AFTER INSERT ON changes BEGIN DELETE FROM revisions; END"),
    "view": lambda file: sql(file, "CREATE VIEW v AS SELECT randomblob(1000000000)"),
    "less": lambda file: sql(file, "DROP TABLE plans"),
    "cycle": lambda file: sql(file, "UPDATE nodes SET parent = 'n3' WHERE id = 'n1'"),
    "orphan": lambda file: sql(file, "UPDATE nodes SET parent = 'gone' WHERE id = 'n1'"),
    "no text": lambda file: sql(file, "UPDATE nodes SET current = 'gone' WHERE id = 'n1'"),
    "no head": lambda file: sql(file, "UPDATE chats SET head = 'gone'"),
    "blob": lambda file: sql(file, "UPDATE revisions SET text = x'ff00' WHERE node = 'n1'"),
    "number": lambda file: sql(file, "UPDATE nodes SET seq = 'many' WHERE id = 'n1'"),
    "plan bomb": lambda file: sql(file, f"UPDATE plans SET plan = x'{PLAN.hex()}'"),
    "plan of junk": lambda file: sql(file, "UPDATE plans SET state = x'00'"),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home and a backup of it."""
    import asyncio

    home = tmp_path_factory.mktemp("kept") / "home"
    database = asyncio.run(fill(home))
    return home, making.home(database, home / "config", home.parent / "kept.zip").file


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("harm", HARM)
def test_a_harmful_backup_is_refused_by_name_and_changes_nothing(
    tmp_path: Path, kept: tuple[Path, Path], harm: str
) -> None:
    home, file = tmp_path / "home", tmp_path / "stranger.zip"
    shutil.copytree(kept[0], home)
    shutil.copy(kept[1], file)
    HARM[harm](file)
    before = tree(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError) as caught:
            restore(home, file)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.details["kind"] == "bad_copy"
    assert "stranger.zip" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert tree(tmp_path) == before
    assert not Path("/tmp/evil").exists()


def test_a_chat_whose_history_is_not_its_own_is_refused(tmp_path: Path, kept: tuple[Path, Path]) -> None:
    file = tmp_path / "stranger.zip"
    shutil.copy(kept[1], file)
    sql(file, "UPDATE revisions SET text = 'Не то' WHERE node = 'n2'")
    database = tmp_path / "home" / "data" / "t.db"
    with staging.stage(database, file) as staged, pytest.raises(StoreError, match="damaged: the history"):
        staging.alone(staged, "rich", file.name)


def test_a_copy_that_changed_on_the_disk_since_it_was_made_is_refused(tmp_path: Path, kept: tuple[Path, Path]) -> None:
    home = tmp_path / "home"
    shutil.copytree(kept[0], home)
    copy = backup.make_daily(home / "data" / "t.db")
    data = bytearray(copy.read_bytes())
    at = data.rfind("Слова".encode())
    data[at:at + 2] = "Х".encode()
    copy.write_bytes(data)
    with pytest.raises(StoreError, match="not what was written"):
        restore(home, copy)


def test_no_room_to_unpack_or_to_back_up_is_said_before_anything(
    tmp_path: Path, kept: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=90_000))
    for act in (
        lambda: restore(tmp_path / "home", kept[1]),
        lambda: making.home(kept[0] / "data" / "t.db", kept[0] / "config", tmp_path / "new.zip"),
    ):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.details["kind"] == "disk_full"
        assert "0 MB are free" in str(caught.value)
    assert not (tmp_path / "new.zip").exists()
