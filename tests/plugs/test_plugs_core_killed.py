"""Two hundred replies while the core is killed outright: what arrived a second before is there, marked as cut."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from plugs_kit import (
    TAG,
    CoreProcess,
    MakeServers,
    Pulse,
    Teller,
    Telling,
    assert_sound,
    many,
    new_chat,
    opened_store,
)
from scripted import ScriptedServer

from tui.client.connection import Connection
from tui.domain.chat import Chat
from tui.domain.errors import ConnectionLost
from tui.store import Store
from tui.wire.ids import new_id

REPLIES = many(200)
#: Homes whose cores are killed side by side, and chats of each in which replies grow at the same time.
HOMES, CHATS = 2, 5
#: Seconds until what has arrived must be stored.
PROMISE = 1.0


@dataclass
class Turn:
    """One reply that was asked for: where it goes, what it goes on from, and how it was told (None: not yet)."""

    chat: str
    tag: str
    user: str
    reply: str
    revision: str
    base: str | None = None
    tellings_before: int = 0
    telling: Telling | None = None
    heard: bool = False                            # whether the core has said that it took the turn


@dataclass
class Night:
    """A home whose core does not live long, and what was asked for in it."""

    home: Path
    letter: str
    servers: list[ScriptedServer]
    teller: Teller
    chance: random.Random
    pulse: Pulse
    chats: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    checked: int = 0
    kills: int = 0
    promised: int = 0                                          # cut replies of which something was due

    async def run(self, replies: int) -> None:
        while self.kills < replies / 5 or sum(turn.telling is not None for turn in self.turns) < replies:
            core = await CoreProcess.start(self.home)
            try:
                killed, slack = await self._round(core)
            finally:
                core.end()
            async with opened_store(self.home) as store:
                await self._check(store, killed, slack)

    async def _round(self, core: CoreProcess) -> tuple[float, float]:
        """Let replies grow in every chat, and kill the core at any moment. How late the machine itself was with
        everything in the seconds before is told too."""
        connection = await core.connect()
        if not self.chats:
            self.chats = [await new_chat(connection, server) for server in self.servers]
        begun = self._begun() + (0 if self.chance.random() < 0.15 else self.chance.randint(2, CHATS))
        wait = self.chance.choice([0.05, 0.5, 1.2, 1.6, 2.0, 2.4]) * self.chance.uniform(0.5, 1)
        until: float | None = None                             # some seconds after so many replies have begun
        asking = [asyncio.create_task(self._ask(connection, chat)) for chat in self.chats]
        marks: list[tuple[float, float]] = []
        while until is None or time.monotonic() < until:
            marks.append((time.monotonic(), core.waited()))
            await asyncio.sleep(0.05)
            if until is None and self._begun() >= begun and any(task.done() for task in asking):
                until = time.monotonic() + wait
            assert not [task for task in asking if task.done() and task.exception()]
        marks.append((time.monotonic(), core.waited()))
        killed = core.kill()
        self.kills += 1
        for task in asking:
            task.cancel()
        for end in await asyncio.gather(*asking, return_exceptions=True):
            assert end is None or isinstance(end, ConnectionLost | asyncio.CancelledError), repr(end)
        await connection.close()
        recent = [waited for at, waited in marks if at >= killed - 3.0]
        slack = self.pulse.late_since(killed - 3.0) + recent[-1] - recent[0]
        return killed, slack

    def _begun(self) -> int:
        """How many replies the servers have begun to tell."""
        return sum(len(told) for told in self.teller.tellings.values())

    async def _ask(self, connection: Connection, chat: str) -> None:
        """Take turns in a chat; two in three leave it at one, the others wait for the reply and say something again."""
        while True:
            turn = await self._next(connection, chat)
            turn.heard = True
            if self.chance.random() > 0.35:
                return
            await self.teller.asked(turn.tag, turn.tellings_before + 1)
            await self.teller.until(lambda turn=turn: self.teller.tellings[turn.tag][turn.tellings_before].whole)

    async def _next(self, connection: Connection, chat: str) -> Turn:
        """The next turn: on with the reply that was cut, a reply where none had begun, or a new message. It is noted
        before it is asked for: the core may take it and die with the answer."""
        snapshot = await connection.call("chats.open", id=chat)
        nodes = {node["id"]: node for node in snapshot["nodes"]}
        last = nodes[snapshot["chat"]["head"]]
        user = last if last["role"] == "user" else nodes.get(last["parent"])
        revision = last["revisions"][-1]
        if user is None or (last is not user and revision["finish"] == "stop"):
            tag = f"{self.letter}{len(self.turns)}"
            turn = self._noted(Turn(chat, tag, new_id(), new_id(), new_id()))
            await connection.call(
                "turn.say", chat=chat, parent=last["id"], node=turn.user, revision=new_id(), text=said(tag),
                reply=turn.reply, reply_revision=turn.revision,
            )
            return turn
        (tag,) = TAG.findall(user["revisions"][-1]["text"])
        told = len(self.teller.tellings[tag])
        if last is user:
            turn = self._noted(Turn(chat, tag, user["id"], new_id(), new_id(), None, told))
            await connection.call(
                "turn.reply", chat=chat, parent=user["id"], reply=turn.reply, reply_revision=turn.revision
            )
        else:
            turn = self._noted(Turn(chat, tag, user["id"], last["id"], new_id(), revision["text"].rstrip(), told))
            await connection.call("turn.continue", chat=chat, node=last["id"], revision=turn.revision)
        return turn

    def _noted(self, turn: Turn) -> Turn:
        self.turns.append(turn)
        return turn

    async def _check(self, store: Store, killed: float, slack: float) -> None:
        trees = await assert_sound(store, self.chats)
        for turn in self.turns[self.checked:]:
            told = self.teller.tellings[turn.tag]
            turn.telling = told[turn.tellings_before] if len(told) > turn.tellings_before else None
            self._check_turn(trees[turn.chat], turn, killed, slack)
        self.checked = len(self.turns)
        for chat in self.chats:
            await self._check_found(store, trees[chat])

    def _check_turn(self, tree: Chat, turn: Turn, killed: float, slack: float) -> None:
        """Turns before the last of a chat had their reply whole; the last one has what arrived in time."""
        if turn.heard or turn.user in tree.nodes:
            assert tree.nodes[turn.user].text == said(turn.tag)
        node = tree.nodes.get(turn.reply)
        revision = next((r for r in node.revisions if r.id == turn.revision), None) if node else None
        base = turn.base or ""
        due = turn.telling.out_by(killed - PROMISE - slack) if turn.telling else 0
        if revision is None:
            assert due == 0, f"{due} characters of {turn.tag} came in time, and there is no reply"
            return
        assert turn.telling is not None
        text, again = turn.telling.text, base.strip()
        if again and text.startswith(again):          # few letters: they begin the next one too, and are not said twice
            text, due = text[len(again):], max(0, due - len(again))
        assert revision.text.startswith(base)
        got = revision.text[len(base):]
        assert text.startswith(got)
        if revision.finish == "stop":
            assert got == text
        else:
            assert revision.finish == "cut"
            self.promised += due > 0
            there = len(got)
            assert there >= len(text[:due].rstrip()), f"{due} characters of {turn.tag} were due; {there} are there"

    async def _check_found(self, store: Store, tree: Chat) -> None:
        """Searching finds the last reply by its last word, whatever became of it."""
        last = tree.path()[-1]
        words = [w for w in last.text.split() if w.isalpha() and len(w) > 3]
        if last.role == "assistant" and words:
            hits = await store.search(f'"{words[-1]}" {words[0]}', limit=10_000)
            assert (tree.id, last.id) in {(hit.chat, hit.node) for hit in hits}


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one. A death of the program, unlike one of the machine, takes nothing that was
    handed to the system, and how long a busy disk takes to flush says nothing about it."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 28):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="traktir-", dir=memory) as folder:
        yield Path(folder)


async def test_replies_outlive_a_core_that_is_killed(quick_disk: Path, make_servers: MakeServers) -> None:
    seed = int(os.environ.get("TRAKTIR_PLUGS_SEED", "20261122"))
    print("seed", seed)
    nights: list[Night] = []
    async with Pulse() as pulse:
        for letter in "abcdef"[:HOMES]:
            servers = await make_servers(CHATS)
            teller = Teller(servers, random.Random(seed), pause=0.03, words=(25, 70))
            nights.append(Night(quick_disk / letter, letter, servers, teller, random.Random(f"{seed}{letter}"), pulse))
        await asyncio.gather(*(night.run(REPLIES // HOMES) for night in nights))
    turns = [turn for night in nights for turn in night.turns]
    assert sum(turn.telling is not None for turn in turns) >= REPLIES // HOMES * HOMES
    kills = sum(night.kills for night in nights)
    assert kills >= REPLIES / 5, kills
    ends = kinds_of(turns)
    promised = sum(night.promised for night in nights)
    print(len(turns), "turns", kills, "kills", promised, "cut with something due", ends)
    assert promised, "the promise was never tried"
    assert min(ends.values()) > REPLIES / 10, ends


def said(tag: str) -> str:
    return f"Ход ⟦{tag}⟧: что там, за окном? 🌊"


def kinds_of(turns: list[Turn]) -> Mapping[str, int]:
    """How often each thing happened, lest the moments be all of one kind."""
    told = [turn.telling for turn in turns if turn.telling is not None]
    return {
        "continued": sum(1 for turn in turns if turn.base is not None),
        "whole": sum(1 for telling in told if telling.whole),
        "cut": sum(1 for telling in told if not telling.whole),
    }
