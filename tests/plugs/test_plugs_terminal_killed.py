"""Two hundred replies while the terminal is killed outright: not one byte differs from what the server sent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugs_kit import (
    CHECKOUT,
    MakeServers,
    StartCore,
    Teller,
    Telling,
    assert_sound,
    end_of,
    finished,
    many,
    new_chat,
    opened_store,
    say,
)
from scripted import ScriptedServer
from terminal import ENTER, Terminal

from tui.client.connection import Connection
from tui.domain.chat import Chat

REPLIES = many(200)
#: Terminals, each on a chat of its own, all with one core.
TERMINALS = 4
#: When a terminal is killed; "never" is drawn less often than not.
MOMENTS = ("typing", "sent", "sent", "middle", "middle", "end", "never")


@dataclass
class Guest:
    """Somebody at a terminal that dies all the time."""

    name: str
    chat: str
    home: Path
    core: Connection
    teller: Teller
    chance: random.Random
    terminal: Terminal | None = None
    said: list[tuple[str, str]] = field(default_factory=list)          # tag and text of each turn
    deaths: Counter[str] = field(default_factory=Counter)

    async def evening(self, turns: int) -> None:
        """Say `turns` things, half of them with the terminal's keys, the others past it."""
        for number in range(turns):
            tag = f"{self.name}{number}"
            text = f"Ход ⟦{tag}⟧ — 🌊 ну, а что дальше? Ёж ушёл."
            moment = self.chance.choice(MOMENTS)
            await self._at_the_terminal()
            if self.chance.random() < 0.55 or moment == "typing":
                telling = await self._typed(tag, text, moment)
            else:
                telling = await self._called(tag, text, moment)
            self.said.append((tag, text))
            await self._until_end(telling, moment)
        self.kill("evening's end")

    def kill(self, why: str) -> None:
        if self.terminal is not None:
            self.deaths[why] += 1
            self.terminal.close()
            self.terminal = None

    async def _at_the_terminal(self) -> Terminal:
        """Open the terminal if it is gone, now and then only to lose it again while it starts."""
        if self.terminal is None and self.chance.random() < 0.15:
            self.terminal = self._open()
            await self._pass(self.chance.uniform(0.0, 1.2))
            self.kill("starting")
        if self.terminal is None:
            self.terminal = self._open()
        last = f"⟦{self.said[-1][0]}⟧" if self.said else "#1"
        await self.terminal.shows(lambda s: last in s or (bool(self.said) and end_of(self.said[-1][0]) in s))
        return self.terminal

    def _open(self) -> Terminal:
        return Terminal("--chat", self.chat, columns=100, rows=30, env={"TRAKTIR_HOME": str(self.home)})

    async def _pass(self, seconds: float) -> None:
        """Let time go by with the screen looked at."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    if self.terminal is not None:
                        self.terminal.pump()
                    await asyncio.sleep(0.02)

    async def _typed(self, tag: str, text: str, moment: str) -> Telling:
        """Type and send. What a dead terminal leaves is the draft, from which the next one goes on."""
        typed = 0
        if moment == "typing":
            typed = await self._typing_cut_short(text)
        while True:
            terminal = await self._at_the_terminal()
            await self._keys(text[typed:])
            await terminal.shows(text[-6:])
            terminal.send(ENTER)
            if moment == "sent":
                await self._pass(self.chance.choice([0.0, 0.0, 0.005, 0.02, 0.05, 0.1]))
                self.kill("sent")
                moment = "never"
                if not await self._has_arrived(text):
                    typed = await self._draft_of(text)
                    continue
            return await self._told(tag)

    async def _typing_cut_short(self, text: str) -> int:
        """Type some of it, wait or not, and lose the terminal. Returns how much of it is there again."""
        assert self.terminal is not None
        part = self.chance.randrange(4, len(text) - 1)
        await self._keys(text[:part])
        kept = 0
        if self.chance.random() < 0.5:                  # waits until it is stored, and types on
            kept = part
            async with asyncio.timeout(30):
                while (await self._snapshot())["draft"] != text[:part]:
                    await self._pass(0.1)
            await self._keys(text[part:part + 2])
        await self._pass(self.chance.uniform(0.0, 1.5))
        self.kill("typing")
        typed = await self._draft_of(text)
        assert typed >= kept
        return typed

    async def _draft_of(self, text: str) -> int:
        """Open the terminal and see the draft there; how much of `text` it is."""
        terminal = await self._at_the_terminal()
        draft = (await self._snapshot())["draft"]
        assert text.startswith(draft)
        if draft:
            await terminal.shows(draft.strip()[-6:])
        return len(draft)

    async def _keys(self, text: str) -> None:
        """As a person types, only faster."""
        assert self.terminal is not None
        while text:
            some = self.chance.randint(1, 5)
            self.terminal.send(text[:some])
            text = text[some:]
            await self._pass(0.01)

    async def _has_arrived(self, text: str) -> bool:
        """Whether the message is in the chat. One that is has left no draft: it would be sent twice."""
        await self._at_the_terminal()
        snapshot = await self._snapshot()
        if not any(text == node["revisions"][0]["text"] for node in snapshot["nodes"]):
            return False
        async with asyncio.timeout(30):
            while (await self._snapshot())["draft"]:
                await self._pass(0.05)
        return True

    async def _called(self, tag: str, text: str, moment: str) -> Telling:
        await say(self.core, self.chat, text)
        if moment == "sent":
            self.kill("sent past it")
        return await self._told(tag)

    async def _told(self, tag: str) -> Telling:
        """The telling of a turn, once it has begun."""
        try:
            return await self._busy(self.teller.asked(tag))
        except TimeoutError:
            snapshot = await self._snapshot()
            raise AssertionError(f"nobody asked for {tag}; the turn: {snapshot['turn']}; {snapshot['nodes']}") from None

    async def _busy(self, waiting: Any) -> Any:
        """Wait for something with the screen looked at."""
        task = asyncio.ensure_future(waiting)
        while not task.done():
            if self.terminal is not None:
                self.terminal.pump()
            await asyncio.wait([task], timeout=0.02)
        return task.result()

    async def _until_end(self, telling: Telling, moment: str) -> None:
        if moment == "middle":
            there = self.chance.randint(1, len(telling.text) - 1)
            await self._busy(self.teller.until(lambda: telling.whole or telling.out_by(float("inf")) >= there))
            self.kill("middle")
            if self.chance.random() < 0.5:
                await self._at_the_terminal()
        await self._busy(self.teller.until(lambda: telling.whole))
        if moment == "end":
            await self._pass(self.chance.choice([0.0, 0.01, 0.03, 0.06]))
            self.kill("end")
        elif self.terminal is not None and moment == "never":
            await self.terminal.shows(end_of(telling.tag))
        head = (await self._snapshot())["chat"]["head"]
        await self._busy(finished(self.core, self.chat, head))

    async def _snapshot(self) -> dict[str, Any]:
        return dict(await self.core.call("chats.open", id=self.chat, last=4))

    def check(self, tree: Chat) -> None:
        """Greeting, then message and reply in turn, each there once and as it was sent."""
        path = tree.path()
        assert [node.text for node in path[1::2]] == [text for _, text in self.said]
        tellings = [self.teller.tellings[tag] for tag, _ in self.said]
        assert all(len(told) == 1 for told in tellings)
        assert [node.text.encode() for node in path[2::2]] == [told[0].text.encode() for told in tellings]
        assert {node.revision.finish for node in path[2::2]} == {"stop"}
        beside = [node for node in tree.nodes.values() if node.parent is not None and node not in path]
        assert beside == []
        assert all(len(node.revisions) == 1 for node in tree.nodes.values())


@contextlib.asynccontextmanager
async def guests(
    home: Path, servers: list[ScriptedServer], core: Connection, seed: int
) -> AsyncIterator[list[Guest]]:
    teller = Teller(servers, random.Random(seed), pause=0.012, words=(20, 50))
    present = [
        Guest(letter, await new_chat(core, server), home, core, teller, random.Random(f"{seed}{letter}"))
        for letter, server in zip("abcdefgh", servers, strict=False)
    ]
    try:
        yield present
    finally:
        for guest in present:
            guest.kill("the end")


async def test_replies_outlive_terminals_that_are_killed(
    home: Path, start_core: StartCore, make_servers: MakeServers
) -> None:
    seed = int(os.environ.get("TRAKTIR_PLUGS_SEED", "20261123"))
    print("seed", seed)
    process = await start_core()
    core = await process.connect()
    async with guests(home, await make_servers(TERMINALS), core, seed) as present:
        await asyncio.gather(*(guest.evening(REPLIES // TERMINALS) for guest in present))
    await core.close()
    stopped = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "tui", "stop"], cwd=CHECKOUT, capture_output=True
    )
    assert stopped.returncode == 0, stopped.stderr
    deaths = sum((guest.deaths for guest in present), Counter[str]())
    print(deaths)
    assert sum(deaths.values()) >= REPLIES * 0.6, deaths
    async with opened_store(home) as store:
        trees = await assert_sound(store, [guest.chat for guest in present])
    for guest in present:
        guest.check(trees[guest.chat])
