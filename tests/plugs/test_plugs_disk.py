"""The whole core on disks that are full, that are read-only, that become so in the middle, and that have no locks."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
import pytest
from plugs_kit import (
    CHECKOUT,
    CoreProcess,
    MakeServers,
    StartCore,
    Teller,
    assert_sound,
    finished,
    new_chat,
    opened_store,
    say,
)

from tui.client.connection import Connection
from tui.domain.chat import Chat
from tui.domain.errors import StoreError

HERE = Path(__file__).parent


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with machine.small_disk(tmp_path / "disk", "3m") as place:
        yield place


@pytest.fixture
def switch(tmp_path: Path) -> Path:
    """A file whose first byte makes the disk read-only."""
    file = tmp_path / "switch"
    file.write_bytes(b"\0")
    return file


class Listener:
    """What a client hears, as long as it listens."""

    def __init__(self, connection: Connection) -> None:
        self.heard: list[dict[str, Any]] = []
        self._task = asyncio.create_task(self._listen(connection))

    async def _listen(self, connection: Connection) -> None:
        async for event in connection.events():
            self.heard.append(event.data)

    async def done(self, reply: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                for event in self.heard:
                    if event["type"] == "turn" and event.get("node") == reply and event["state"] == "done":
                        return event
                await asyncio.sleep(0.02)

    def said(self, words: str) -> bool:
        return any(event["type"] == "notice" and words in str(event["notice"]) for event in self.heard)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def evening(
    core: CoreProcess, make_servers: MakeServers, pull: Any, push: Any, kind: str
) -> tuple[list[str], dict[str, str]]:
    """Three replies grow when the disk begins to refuse (`pull`), and end before it takes writes again (`push`).

    Returns the chats, and the texts that must be in them.
    """
    servers = await make_servers(3)
    teller = Teller(servers, random.Random(kind), pause=0.01, words=(60, 90))
    connection = await core.connect()
    listener = Listener(connection)
    chats = [await new_chat(connection, server) for server in servers]
    replies = [(await say(connection, chat, f"Ход ⟦a{n}⟧?"))[1] for n, chat in enumerate(chats)]
    tellings = [await teller.asked(f"a{n}") for n in range(3)]
    await teller.until(lambda: all(telling.out_by(float("inf")) > 40 for telling in tellings))
    pull()
    ends = [await listener.done(reply) for reply in replies]
    for end in ends:
        assert end["error"]["details"]["kind"] == kind
        assert "stays in memory" in str(end["error"]["remedy"])
    for chat, telling in zip(chats, tellings, strict=True):           # what is on the screen is all of it
        shown = (await connection.call("chats.open", id=chat))["nodes"][-1]["revisions"][-1]
        assert (shown["text"], shown["finish"]) == (telling.text, "stop")
    for chat in chats:
        with pytest.raises(StoreError) as caught:
            await say(connection, chat, "Ход ⟦z9⟧?")
        assert caught.value.details["kind"] == kind
    assert not (await connection.call("status"))["writing_in"]
    push()
    texts = {telling.tag: telling.text for telling in tellings}
    for n, chat in enumerate(chats):
        _, reply = await say(connection, chat, f"Ход ⟦b{n}⟧?")
        await finished(connection, chat, reply)
        texts[f"b{n}"] = teller.tellings[f"b{n}"][0].text
    assert listener.said("takes writes again")
    await listener.stop()
    await connection.close()
    return chats, texts


def check(trees: dict[str, Chat], texts: dict[str, str]) -> None:
    for n, tree in enumerate(trees.values()):
        said = [node.text for node in tree.path()[1:]]
        assert said == [f"Ход ⟦a{n}⟧?", texts[f"a{n}"], f"Ход ⟦b{n}⟧?", texts[f"b{n}"]]


async def test_a_full_disk_costs_nothing_that_was_said(
    disk: Path, start_core: StartCore, make_servers: MakeServers
) -> None:
    core = await start_core(disk)
    chats, texts = await evening(
        core, make_servers, lambda: machine.fill(disk), lambda: (disk / "ballast").unlink(), "disk_full"
    )
    core.kill()
    async with opened_store(disk) as store:
        check(await assert_sound(store, chats), texts)


async def test_a_disk_that_becomes_read_only_costs_nothing_that_was_said(
    home: Path, tmp_path: Path, switch: Path, start_core: StartCore, make_servers: MakeServers
) -> None:
    library = machine.preloadable(HERE / "read_only.c", tmp_path)
    plug = {"LD_PRELOAD": str(library), "PLUGS_DISK": f"{home}/", "PLUGS_SWITCH": str(switch)}
    core = await start_core(home, **plug)
    chats, texts = await evening(
        core, make_servers, lambda: switch.write_bytes(b"\1"), lambda: switch.write_bytes(b"\0"), "read_only"
    )
    core.kill()
    async with opened_store(home) as store:
        check(await assert_sound(store, chats), texts)


async def test_a_core_on_a_read_only_disk_says_so_and_ends(disk: Path, start_core: StartCore) -> None:
    core = await start_core(disk)
    connection = await core.connect()
    chat = await new_chat(connection)
    await connection.close()
    core.kill()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for words in (["serve"], ["chats", "list"], ["say", "Hi", "--character", "mira"]):
        ended = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "tui", *words], env={**os.environ, "TRAKTIR_HOME": str(disk)},
            cwd=CHECKOUT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        assert "read-only" in ended.stderr.lower() or "cannot" in ended.stderr, ended.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    again = await start_core(disk)
    connection = await again.connect()
    assert (await connection.call("chats.open", id=chat))["nodes"]
    await connection.close()


async def test_turns_and_a_death_where_the_file_system_has_no_locks(
    home: Path, tmp_path: Path, start_core: StartCore, make_servers: MakeServers
) -> None:
    library = machine.preloadable(HERE.parent / "store" / "no_locks.c", tmp_path)
    (server,) = await make_servers(1)
    teller = Teller([server], random.Random(3), pause=0.02, words=(60, 90))
    said: list[str] = []
    chat = ""
    for turn in range(3):
        core = await start_core(home, LD_PRELOAD=str(library), NO_LOCKS_IN=f"{home}/")
        connection = await core.connect()
        told = (await connection.call("status"))["store"]["notices"]
        assert "no locks" in str(told)
        chat = chat or await new_chat(connection, server)
        _, reply = await say(connection, chat, f"Ход ⟦a{turn}⟧?")
        await finished(connection, chat, reply)
        said += [f"Ход ⟦a{turn}⟧?", teller.tellings[f"a{turn}"][0].text]
        await say(connection, chat, f"Ход ⟦b{turn}⟧?")
        cut = await teller.asked(f"b{turn}")
        await teller.until(lambda cut=cut: cut.out_by(float("inf")) > 60)
        await connection.close()
        core.kill()
        said += [f"Ход ⟦b{turn}⟧?", cut.text]
    assert not (home / "data" / "traktir.db-wal").exists()
    async with opened_store(home) as store:
        tree = (await assert_sound(store, [chat]))[chat]
    path = tree.path()[1:]
    assert len(path) == len(said)
    for node, text in zip(path, said, strict=True):
        assert text.startswith(node.text)
        assert node.text == text or node.revision.finish == "cut"
