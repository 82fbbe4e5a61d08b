"""`traktir backup` and `traktir restore` as a person uses them, and databases of other versions under a real core."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from terminal import CHECKOUT, ENTER, Terminal

from tui.store import copies, opening, schema
from tui.store.connecting import connect


class Traktir:
    """Runs `traktir` in a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "TRAKTIR_HOME": str(home)}
        self.database = home / "data" / "traktir.db"

    def __call__(self, *words: str, rc: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tui", *words], capture_output=True, text=True, env=self.env, cwd=CHECKOUT,
            timeout=120, encoding="utf-8", stdin=subprocess.DEVNULL,
        )
        assert done.returncode == rc, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words, "--json").stdout.splitlines()]

    def texts(self, chat: str) -> list[str]:
        return [message["text"] for message in self.json("chats", "show", chat)]


@pytest.fixture
def traktir(home: Path) -> Iterator[Traktir]:
    program = Traktir(home)
    yield program
    program("stop", "--force")


CHAT = [
    {"user_name": "Аня", "character_name": "Мира", "chat_metadata": {}},
    {"name": "Мира", "is_user": False, "mes": "Здравствуй, путник."},
    {"name": "Аня", "is_user": True, "mes": "Где здесь маяк?"},
    {"name": "Мира", "is_user": False, "mes": "За холмом."},
]


@pytest.fixture
def chat(traktir: Traktir, tmp_path: Path) -> str:
    """A chat in the home; the core runs."""
    file = tmp_path / "chat.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in CHAT), "utf-8")
    traktir("import", str(file))
    [listed] = traktir.json("chats", "list")
    return str(listed["id"])


def test_a_backup_made_beside_a_running_core_is_restored_and_the_restore_undone(
    traktir: Traktir, chat: str, tmp_path: Path
) -> None:
    [made] = traktir.json("backup", "-o", str(tmp_path / "kept.zip"))
    assert (made["chats"], made["messages"], made["verified"]) == (1, 3, True)
    traktir("chats", "set", chat, "title=После")
    traktir("chats", "delete", chat)
    before = (tmp_path / "kept.zip").read_bytes()
    refused = traktir("restore", str(tmp_path / "kept.zip"), rc=1)
    assert "--yes" in refused.stderr
    [checked] = traktir.json("restore", str(tmp_path / "kept.zip"), "--dry-run")
    assert checked["messages"] == 3
    assert traktir.json("status")[0]["running"], "looking ends no core"
    [done] = traktir.json("restore", str(tmp_path / "kept.zip"), "--yes")
    assert traktir.texts(chat) == [line["mes"] for line in CHAT[1:]]
    [listed] = [copy for copy in traktir.json("restore", "--list") if copy["kind"] == "before-restore"]
    assert (listed["file"], listed["verified"]) == (done["aside"], True)
    traktir("restore", listed["name"], "--yes")
    assert traktir.json("chats", "list") == []
    assert (tmp_path / "kept.zip").read_bytes() == before


def test_one_chat_is_brought_back_beside_the_one_that_is_here(traktir: Traktir, chat: str, tmp_path: Path) -> None:
    traktir("backup", "--chat", chat, "-o", str(tmp_path / "chat.zip"))
    traktir("chats", "set", chat, "title=Мой")
    [done] = traktir.json("restore", str(tmp_path / "chat.zip"))
    assert done["chat"] != chat
    assert traktir.texts(done["chat"]) == traktir.texts(chat)
    titles = {c["id"]: c["title"] for c in traktir.json("chats", "list")}
    assert titles[chat] == "Мой"
    assert set(titles) == {chat, done["chat"]}
    assert len(traktir.json("chats", "search", "маяк")) == 2
    traktir("backup")
    [again] = traktir.json("restore", "latest", "--chat", chat)
    assert traktir.texts(again["chat"]) == traktir.texts(chat)
    assert "no such chat" in traktir("backup", "--chat", "nobody", rc=1).stderr.lower()
    assert "None of the copies" in traktir("restore", "latest", "--chat", "nobody", rc=1).stderr


def test_the_command_that_a_damaged_database_is_told_with_mends_it(traktir: Traktir, chat: str) -> None:
    traktir("backup")
    traktir("stop")
    data = bytearray(traktir.database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    traktir.database.write_bytes(data)
    said = traktir("chats", "list", rc=1).stderr
    assert "damaged" in said
    words = said.strip().rpartition("traktir ")[2].split()
    assert words[0] == "restore"
    assert traktir.database.read_bytes() == data
    traktir(*words, "--yes")
    assert traktir.texts(chat) == [line["mes"] for line in CHAT[1:]]
    [kept] = [file for file in copies.folder(traktir.database).iterdir() if "-damaged-" in file.name]
    assert kept.read_bytes() == data


def test_latest_passes_over_a_copy_that_went_bad_and_names_it(traktir: Traktir, chat: str) -> None:
    [good] = traktir.json("backup")
    [bad] = traktir.json("backup")
    file = Path(bad["file"])
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    done = traktir("restore", "latest", "--yes", "--json")
    assert bad["name"] in done.stderr
    assert json.loads(done.stdout)["file"] == good["file"]
    assert bad["name"] in traktir("restore", bad["name"], "--yes", rc=1).stderr


@pytest.fixture
def slow(traktir: Traktir) -> Iterator[str]:
    """A profile whose server takes minutes for a reply."""
    script = CHECKOUT / "tests" / "backends" / "scripted.py"
    command = [sys.executable, str(script), "--dialect", "openai", "--delay", "100", "--text", "wave " * 3000]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            file = traktir.home / "config" / "presets" / "profiles" / "slow.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"backend: {{kind: openai, url: '{url}'}}\ntemplate: chatml\n", "utf-8")
            yield "slow"
        finally:
            server.kill()


def test_a_core_that_writes_a_reply_is_not_ended_for_a_restore(traktir: Traktir, chat: str, slow: str) -> None:
    traktir("backup")
    talker = subprocess.Popen(
        [sys.executable, "-m", "tui", "say", "--character", "mira", "--profile", slow, "--json", "Tell me everything."],
        stdout=subprocess.PIPE, text=True, env=traktir.env, cwd=CHECKOUT, encoding="utf-8",
    )
    try:
        assert talker.stdout is not None
        assert '"delta"' in talker.stdout.readline()
        assert "--force" in traktir("restore", "latest", "--yes", rc=1).stderr
        assert talker.poll() is None, "the reply goes on"
        assert len(traktir.json("chats", "list")) == 2
    finally:
        talker.kill()
        talker.wait()
        assert talker.stdout is not None
        talker.stdout.close()


def test_the_terminal_makes_a_backup_and_says_how_it_comes_back(traktir: Traktir, chat: str) -> None:
    terminal = Terminal("--chat", chat, columns=160, env={"TRAKTIR_HOME": str(traktir.home)})
    try:
        terminal.until("За холмом.")
        terminal.type("/копия", ENTER)
        terminal.until(lambda screen: "traktir restore" in screen)
    finally:
        terminal.close()
    assert [c["messages"] for c in traktir.json("backup", "--list") if c["kind"] == "home"] == [3]


# Databases of other versions


def older(traktir: Traktir, chat: str) -> None:
    """Make the database what the program of one schema before this would have left, with the same chat in it."""
    from tui.store.carrying import carry

    traktir("stop")
    new = traktir.database.with_name("new.db")
    traktir.database.rename(new)
    opening.make_file(traktir.database)
    opening.prepare(traktir.database, schema.STEPS[:-1])
    with closing(connect(new)) as source, closing(connect(traktir.database)) as target:
        target.execute("BEGIN")
        carry(source, target, chat)
        target.execute("COMMIT")
        assert schema.version(target) == len(schema.STEPS) - 1
    new.unlink()


def test_a_real_core_copies_an_older_database_aside_and_migrates_it(traktir: Traktir, chat: str) -> None:
    before = traktir.texts(chat)
    older(traktir, chat)
    assert traktir.texts(chat) == before
    assert [hit["chat"] for hit in traktir.json("chats", "search", "маяк")] == [chat]
    [copy] = [c for c in traktir.json("backup", "--list") if c["kind"] == "schema"]
    assert (copy["schema"], copy["verified"], copy["messages"]) == (len(schema.STEPS) - 1, True, 3)
    traktir("restore", copy["name"], "--yes")
    assert traktir.texts(chat) == before
    with closing(sqlite3.connect(traktir.database)) as connection:
        assert schema.version(connection) == len(schema.STEPS)


def test_a_newer_database_is_refused_untouched_by_core_command_and_terminal(traktir: Traktir, chat: str) -> None:
    traktir("stop")
    with closing(sqlite3.connect(traktir.database)) as connection:
        connection.execute(f"PRAGMA user_version={len(schema.STEPS) + 1}")
        connection.commit()
    before = traktir.database.read_bytes()
    sentence = f"has version {len(schema.STEPS) + 1}; this Traktir knows versions up to {len(schema.STEPS)}"
    for words in (("serve",), ("chats", "list"), ("say", "Hello"), ("chats", "list", "--standalone")):
        said = traktir(*words, rc=1)
        assert sentence in said.stderr, words
        assert len(said.stderr.strip().splitlines()) == 1, words
    terminal = Terminal(columns=150, env={"TRAKTIR_HOME": str(traktir.home)})
    try:
        seen = terminal.until(lambda screen: f"has version {len(schema.STEPS) + 1}" in _flowing(screen), 60)
        assert "Traceback" not in seen
    finally:
        terminal.close()
    assert traktir.database.read_bytes() == before
    assert sorted(file.name for file in traktir.database.parent.glob("traktir.db*")) == ["traktir.db"]
    made = traktir("backup", "--json")
    assert json.loads(made.stdout)["schema"] == len(schema.STEPS) + 1, "it can be backed up all the same"
    refused = traktir("restore", json.loads(made.stdout)["name"], "--yes", rc=1)
    assert "newer Traktir" in refused.stderr
    assert traktir.database.read_bytes() == before


def _flowing(screen: str) -> str:
    return " ".join(screen.replace("│", " ").split())


def test_a_core_that_runs_makes_its_daily_copy_and_ends_at_once(traktir: Traktir, chat: str) -> None:
    traktir("stop")
    traktir("chats", "list")
    until = time.monotonic() + 60
    while not copies.backups(traktir.database):
        assert time.monotonic() < until
        time.sleep(0.05)
    [copy] = [c for c in traktir.json("backup", "--list") if c["kind"] == "daily"]
    assert copy["messages"] == 3


def test_what_is_no_file_is_not_replaced_by_a_backup(traktir: Traktir, chat: str, tmp_path: Path) -> None:
    """The rename at the end would make a file of a device, and everything else that opens it would find that."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for words in ((), ("--chat", chat)):
        assert str(pipe) in traktir("backup", "-o", str(pipe), *words, rc=1).stderr
    assert pipe.is_fifo()
    assert not list(tmp_path.glob("*.partial*"))


def test_a_backup_of_an_empty_home_does_not_pretend_to_be_restored(traktir: Traktir, tmp_path: Path) -> None:
    traktir("backup", "-o", str(tmp_path / "empty.zip"))
    file = tmp_path / "chat.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in CHAT), "utf-8")
    traktir("import", str(file))
    assert "nothing to restore" in traktir("restore", "--yes", str(tmp_path / "empty.zip"), rc=1).stderr
    assert len(traktir.json("chats", "list")) == 1


def test_an_export_is_written_to_a_device_and_does_not_replace_it(traktir: Traktir, chat: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        traktir("chats", "export", chat, "-o", str(pipe))
        assert "За холмом." in os.read(reading, 1 << 16).decode()
    finally:
        os.close(reading)
    assert pipe.is_fifo()
    link, file = tmp_path / "link", tmp_path / "elsewhere.jsonl"
    link.symlink_to(file)
    traktir("chats", "export", chat, "-o", str(link))
    assert link.is_symlink()
    assert "За холмом." in file.read_text("utf-8")
