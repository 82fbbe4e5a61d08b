"""Terminals hung up and ended, cores ended, and both killed in one moment: it goes on where it was."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from plugs_kit import (
    CHECKOUT,
    MakeServers,
    StartCore,
    Teller,
    Telling,
    assert_sound,
    end_of,
    finished,
    new_chat,
    opened_store,
)
from terminal import ENTER, Terminal

from tui.client.connection import Connection
from tui.client.launch import ensure_core, find_core

DRAFT = "черновик, написанный без пауз"


@dataclass
class Evening:
    """A chat on a core that outlives its terminals, and the server that speaks in it."""

    home: Path
    chat: str
    teller: Teller
    core: Connection
    terminals: list[Terminal]

    def open(self) -> Terminal:
        terminal = Terminal("--chat", self.chat, columns=100, rows=30, env={"TRAKTIR_HOME": str(self.home)})
        self.terminals.append(terminal)
        return terminal

    async def say(self, terminal: Terminal, tag: str) -> Telling:
        """Type a message, send it, and see its reply begin."""
        terminal.send(f"Ход ⟦{tag}⟧?")
        await terminal.shows(f"Ход ⟦{tag}⟧?")
        terminal.send(ENTER)
        telling = await self.seeing(terminal, self.teller.asked(tag))
        await terminal.shows(f"Слушай {tag}x")
        return telling

    async def seeing(self, terminal: Terminal, waiting: Any) -> Any:
        """Wait for something with the terminal read meanwhile."""
        task = asyncio.ensure_future(waiting)
        while not task.done():
            terminal.pump()
            await asyncio.wait([task], timeout=0.02)
        return task.result()

    async def snapshot(self) -> dict[str, Any]:
        return dict(await self.core.call("chats.open", id=self.chat))


@pytest.fixture
async def evening(home: Path, make_servers: MakeServers) -> AsyncIterator[Evening]:
    (server,) = await make_servers(1)
    teller = Teller([server], random.Random(6), pause=0.02, words=(50, 70))
    core = await Connection.open(await ensure_core(600), revive=lambda: ensure_core(600))
    there = Evening(home, await new_chat(core, server), teller, core, [])
    yield there
    for terminal in there.terminals:
        terminal.close()
    await core.close()
    await asyncio.to_thread(stop_core)


def stop_core() -> None:
    """End the core of the test's home, and wait until it has."""
    subprocess.run([sys.executable, "-m", "tui", "stop", "--force"], cwd=CHECKOUT, capture_output=True, timeout=60)


def close_window(terminal: Terminal) -> None:
    terminal.hang_up()


def hang_up(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGHUP)


def terminate(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("leave", [close_window, hang_up, terminate])
async def test_a_terminal_that_goes_puts_the_draft_away_and_the_reply_goes_on(
    evening: Evening, leave: Callable[[Terminal], None]
) -> None:
    terminal = evening.open()
    await terminal.shows("#1")
    telling = await evening.say(terminal, "a1")
    terminal.send(DRAFT)
    await terminal.shows(DRAFT)
    leave(terminal)                                            # at once: nothing of the draft need be stored yet
    await asyncio.wait_for(asyncio.to_thread(terminal.process.wait), 60)
    assert (await evening.snapshot())["draft"] == DRAFT
    again = evening.open()
    await again.shows(DRAFT)
    await again.shows(end_of("a1"))
    head = (await evening.snapshot())["chat"]["head"]
    reply = await finished(evening.core, evening.chat, head)
    assert reply["revisions"][-1]["text"] == telling.text
    again.send(ENTER)
    async with asyncio.timeout(60):
        while (await evening.snapshot())["draft"]:
            again.pump()
            await asyncio.sleep(0.05)
    said = [node["revisions"][0]["text"] for node in (await evening.snapshot())["nodes"] if node["role"] == "user"]
    assert said == ["Ход ⟦a1⟧?", DRAFT]


async def test_a_draft_is_stored_though_nobody_pauses(evening: Evening) -> None:
    terminal = evening.open()
    await terminal.shows("#1")
    typed = ""
    async with asyncio.timeout(120):
        while not (await evening.snapshot())["draft"]:
            for _ in range(5):                                 # never as long as it takes to count as a pause
                terminal.send("я")
                typed += "я"
                await asyncio.sleep(0.04)
                terminal.pump()
    terminal.close()
    draft = (await evening.snapshot())["draft"]
    assert draft
    assert typed.startswith(draft)


@pytest.mark.parametrize("sent", [False, True])
async def test_what_is_typed_before_the_chat_is_there_is_not_lost(evening: Evening, sent: bool) -> None:
    await evening.core.call("chats.draft", id=evening.chat, text="не всё")
    os.kill(evening.core.hello["pid"], signal.SIGSTOP)         # lest the chat be there first
    try:
        terminal = evening.open()
        await terminal.shows("Write here")
        terminal.send("рано" + (ENTER if sent else ""))
        await terminal.shows("рано")
    finally:
        os.kill(evening.core.hello["pid"], signal.SIGCONT)
    await terminal.shows("#1")
    await terminal.shows("не всё рано")
    async with asyncio.timeout(60):
        while (await evening.snapshot())["draft"] != "не всё рано":
            terminal.pump()
            await asyncio.sleep(0.05)


async def test_a_core_that_is_ended_puts_the_reply_away_and_is_started_by_the_next_word(evening: Evening) -> None:
    terminal = evening.open()
    await terminal.shows("#1")
    telling = await evening.say(terminal, "a1")
    os.kill(evening.core.hello["pid"], signal.SIGTERM)
    async with asyncio.timeout(60):
        while await find_core() is not None:
            terminal.pump()
            await asyncio.sleep(0.05)
    async with opened_store(evening.home) as store:
        tree = (await assert_sound(store, [evening.chat]))[evening.chat]
    cut = tree.path()[-1]
    assert cut.revision.finish == "cut"
    assert telling.text.startswith(cut.text)
    assert "Слушай" in cut.text
    second = await evening.say(terminal, "a2")
    await terminal.shows(end_of("a2"))
    assert (await evening.snapshot())["nodes"][-1]["revisions"][-1]["text"].startswith(second.text[:20])


async def test_power_cuts_again_and_again(evening: Evening, start_core: StartCore) -> None:
    """Core, terminal and all in one moment, with a reply, a draft or a start on its way."""
    chance = random.Random(20261125)
    await asyncio.to_thread(stop_core)
    tellings: dict[str, Telling] = {}
    for number in range(8):
        tag = f"a{number}"
        core = await start_core()
        await evening.core.close()
        evening.core = await core.connect()
        terminal = evening.open()
        await terminal.shows("Слушай" if tellings else "#1")
        if chance.random() < 0.8:
            tellings[tag] = await evening.say(terminal, tag)
            there = chance.randint(1, len(tellings[tag].text))
            await evening.seeing(
                terminal, evening.teller.until(lambda tag=tag, there=there: tellings[tag].out_by(float("inf")) >= there)
            )
            await asyncio.sleep(chance.choice([0.0, 0.05, 0.3]))
        else:
            terminal.send("только начат")
        core.process.send_signal(signal.SIGKILL)
        terminal.process.send_signal(signal.SIGKILL)
        core.end()
        terminal.process.wait()
        async with opened_store(evening.home) as store:
            tree = (await assert_sound(store, [evening.chat]))[evening.chat]
        said = [node for node in tree.path() if node.role == "user"]
        assert [node.text for node in said] == [f"Ход ⟦{one}⟧?" for one in tellings]
        for node, telling in zip(said, tellings.values(), strict=True):
            replies = tree.children(node.id)
            assert all(telling.text.startswith(reply.text) for reply in replies if reply.role == "assistant")
            assert {r.revision.finish for r in replies if r.role == "assistant"} <= {"stop", "cut"}
    assert len(tellings) >= 4
    await evening.core.close()
    core = await start_core()
    evening.core = await core.connect()
    terminal = evening.open()
    await terminal.shows("Слушай")
    await evening.say(terminal, "z1")
    await terminal.shows(end_of("z1"))


async def test_a_core_that_cannot_start_is_not_said_to_be_starting(home: Path) -> None:
    (home / "data" / "traktir.db").mkdir(parents=True)
    terminal = Terminal(columns=100, rows=30, env={"TRAKTIR_HOME": str(home)})
    try:
        await terminal.shows("cannot be used")
        await terminal.shows(lambda screen: "starting" not in screen)
    finally:
        terminal.close()
