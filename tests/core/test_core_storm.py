"""Two people who do everything at once: whatever the order, memory, tables and log agree and nothing hangs."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from core_table import Table
from scripted import ScriptedServer, as_openai

from tui.domain.errors import NotFound, Refused
from tui.wire.ids import new_id


class Guest:
    """One client that takes its steps by chance."""

    def __init__(self, table: Table, chat: str, seed: int) -> None:
        self._table = table
        self._chat = chat
        self._chance = random.Random(seed)

    async def evening(self) -> None:
        for _ in range(25):
            with contextlib.suppress(Refused, NotFound):          # what another guest did first; nothing else may come
                await self._step()
            await asyncio.sleep(self._chance.choice([0, 0, 0.01, 0.03]))

    async def _step(self) -> None:
        tree = await self._table.core.chats.get(self._chat)
        node = self._chance.choice(list(tree.nodes))
        ids = {"chat": self._chat, "reply": new_id(), "reply_revision": new_id()}
        steps = {
            "turn.say": {**ids, "node": new_id(), "revision": new_id(), "text": "Hm?", "parent": tree.head},
            "turn.reply": {**ids, "parent": node},
            "turn.continue": {"chat": self._chat, "node": node, "revision": new_id()},
            "turn.stop": {"chat": self._chat},
            "node.edit": {"chat": self._chat, "node": node, "revision": new_id(), "text": "Ah."},
            "node.delete": {"chat": self._chat, "nodes": [node]},
            "node.hide": {"chat": self._chat, "nodes": [node], "value": self._chance.random() < 0.5},
            "chats.undo": {"id": self._chat}, "chats.redo": {"id": self._chat},
            "chats.head": {"id": self._chat, "head": node}, "chats.open": {"id": self._chat},
            "chats.set": {"id": self._chat, "field": "note", "value": str(self._chance.random())},
        }
        method = self._chance.choice(list(steps))
        await self._table.call(method, **steps[method])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_guests_at_once(table: Table, scripted_server: ScriptedServer, seed: int) -> None:
    as_openai(scripted_server, "A reply of some length, in pieces.", delay=0.004)
    await table.use_server(scripted_server.url, kind="openai", mode="chat")
    chat = await table.new_chat()
    async with asyncio.timeout(60):
        await asyncio.gather(Guest(table, chat, seed).evening(), Guest(table, chat, seed + 100).evening())
        await table.call("turn.stop", chat=chat)
    assert not table.core.busy()
    tree = await table.core.chats.get(chat)
    assert not [r for n in tree.nodes.values() for r in n.revisions if r.finish == "streaming"]
    await table.settled(chat)
    told = {n["node"]["id"]: n["node"] for n in table.heard if n["type"] == "node"}
    for node_id, node in told.items():                     # the last that clients heard is how it is
        assert node == await table.node(chat, node_id)
