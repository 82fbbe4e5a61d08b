"""A clock that jumps by years in both directions under a core at work: nothing is ordered, timed or lost by it."""

from __future__ import annotations

import asyncio
import random
import struct
from pathlib import Path

import machine
import pytest
from plugs_kit import MakeServers, StartCore, Teller, assert_sound, finished, new_chat, opened_store, say

HERE = Path(__file__).parent
YEAR = 365 * 24 * 3600


class Clock:
    """The wall clock of the processes that have it preloaded."""

    def __init__(self, folder: Path) -> None:
        self.library = machine.preloadable(HERE / "clock.c", folder)
        self._file = folder / "clock"
        self.move(0)

    @property
    def plug(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "PLUGS_CLOCK": str(self._file)}

    def move(self, seconds: int) -> None:
        """Let it stand so far from the true time; in place, for those who have the file mapped."""
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


async def test_a_clock_that_jumps_by_years_in_the_middle_of_everything(
    home: Path, clock: Clock, start_core: StartCore, make_servers: MakeServers
) -> None:
    (server,) = await make_servers(1)
    teller = Teller([server], random.Random(5), pause=0.01, words=(40, 60))
    chat = ""
    said: list[str] = []
    stamps: list[int] = []
    for start, jumps in ((0, [30, -25, 0]), (-26, [12, -26]), (40, [0])):
        clock.move(start * YEAR)
        core = await start_core(**clock.plug)
        connection = await core.connect()
        heard: list[str] = []

        async def listen(connection=connection, heard=heard) -> None:  # type: ignore[no-untyped-def]
            async for event in connection.events():
                heard.append(f"{event.data['type']} {event.data.get('state', '')}")

        listening = asyncio.create_task(listen())
        chat = chat or await new_chat(connection, server)
        for jump in jumps:
            tag = f"a{len(said)}"
            _, reply = await say(connection, chat, f"Ход ⟦{tag}⟧?")
            telling = await teller.asked(tag)
            await teller.until(lambda telling=telling: telling.out_by(float("inf")) > 40)
            clock.move(jump * YEAR)
            node = await finished(connection, chat, reply)
            assert node["revisions"][-1]["finish"] == "stop"
            stamps.append(node["revisions"][-1]["created_ms"])
            said += [f"Ход ⟦{tag}⟧?", telling.text]
        listed = (await connection.call("chats.list"))["chats"]
        assert [info["id"] for info in listed] == [chat]
        other = await new_chat(connection, server)
        listed = (await connection.call("chats.list"))["chats"]
        assert listed[0]["id"] == other                       # the last that was touched, whatever the clock says
        await connection.call("chats.delete", id=other)
        undone = await connection.call("chats.undo", id=chat)
        await connection.call("chats.redo", id=chat)
        assert undone["label"]
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        assert not [line for line in heard if line.startswith(("link", "reset"))]
        told = (await connection.call("status"))["store"]["notices"]
        assert not told, told
        await connection.call("stop")
        await connection.close()
        assert await asyncio.to_thread(core.process.wait, 60) == 0
    assert max(stamps) - min(stamps) > 20 * YEAR * 1000       # it did jump
    async with opened_store(home) as store:
        tree = (await assert_sound(store, [chat]))[chat]
    assert [node.text for node in tree.path()[1:]] == said
    copies = sorted((home / "data" / "backups").glob("*.db"))
    assert copies
    assert not list((home / "data" / "backups").glob("*.partial*"))


async def test_the_idle_end_does_not_look_at_the_clock(clock: Clock, start_core: StartCore) -> None:
    core = await start_core(**clock.plug, words="--idle-exit 5")
    connection = await core.connect()
    stream = connection.events()
    listening = asyncio.ensure_future(anext(stream))
    async with asyncio.timeout(60):
        while not (await connection.call("status"))["clients"]:
            await asyncio.sleep(0.05)
    for years in (50, -30):
        clock.move(years * YEAR)
        await asyncio.sleep(2)                                # with looks of the core at its own idleness in between
        assert core.process.poll() is None
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await stream.aclose()
    await connection.close()
    clock.move(-10 * YEAR)
    assert await asyncio.to_thread(core.process.wait, 60) == 0
