"""Two people with a client each who change one chat at the same time: both see in the end what is stored."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from plugs_kit import MakeServers, StartCore, assert_sound, many, new_chat, opened_store
from scripted import as_openai

from tui.client.connection import Connection
from tui.domain.errors import NotFound, Refused
from tui.domain.operations import node_to_json
from tui.ui.state import ChatState
from tui.wire.ids import new_id

STEPS = many(250)


class Client:
    """A real connection and what the terminal makes of it: events taken in, a snapshot fetched when they do not fit."""

    def __init__(self, connection: Connection, chat: str, chance: random.Random) -> None:
        self.state = ChatState()
        self.errors: Counter[str] = Counter()
        self._connection = connection
        self._chat = chat
        self._chance = chance
        self._listening: asyncio.Task[None] | None = None
        self._heard = 0

    async def begin(self) -> None:
        self._listening = asyncio.create_task(self._listen())
        async with asyncio.timeout(60):
            while not self._heard:
                await self._connection.call("chats.set", id=self._chat, field="note", value=new_id())
                await asyncio.sleep(0.05)
        await self.fetch()

    async def fetch(self) -> None:
        self.state.load(await self._connection.call("chats.open", id=self._chat))

    async def _listen(self) -> None:
        async for event in self._connection.events():
            self._heard += 1
            if self.state.apply(event.data) == "stale":
                await self.fetch()

    async def steps(self, count: int) -> None:
        """Do `count` things by chance. Only what the other did first may be refused."""
        for _ in range(count):
            method, params = self._step()
            try:
                await self._connection.call(method, **params)
            except (Refused, NotFound) as error:
                self.errors[f"{method}: {error.what.id}"] += 1
            await asyncio.sleep(self._chance.choice([0, 0, 0.005, 0.02]))

    def _step(self) -> tuple[str, dict[str, Any]]:
        """From what this client sees now, which may be behind what is."""
        assert self.state.chat is not None
        nodes = list(self.state.chat.nodes)
        node = self._chance.choice(nodes[-12:])
        ids = {"chat": self._chat, "reply": new_id(), "reply_revision": new_id()}
        revisions = self.state.chat.nodes[node].revisions
        return self._chance.choice([
            ("turn.say", {**ids, "node": new_id(), "revision": new_id(), "text": "Так?", "parent": self.state.head}),
            ("turn.say", {**ids, "node": new_id(), "revision": new_id(), "text": "Или так?", "parent": node}),
            ("turn.reply", {**ids, "parent": node}),
            ("turn.continue", {"chat": self._chat, "node": node, "revision": new_id()}),
            ("turn.stop", {"chat": self._chat}),
            ("node.edit", {"chat": self._chat, "node": node, "revision": new_id(), "text": f"Ах, {new_id()}."}),
            ("node.current", {
                "chat": self._chat, "node": node, "revision": self._chance.choice(revisions).id,
            }),
            ("node.delete", {"chat": self._chat, "nodes": [node]}),
            ("node.hide", {"chat": self._chat, "nodes": [node], "value": self._chance.random() < 0.5}),
            ("chats.undo", {"id": self._chat}), ("chats.undo", {"id": self._chat}), ("chats.redo", {"id": self._chat}),
            ("chats.head", {"id": self._chat, "head": node}),
            ("chats.set", {"id": self._chat, "field": "note", "value": str(self._chance.random())}),
        ])

    async def caught_up(self, note: str) -> None:
        """Wait until this client has heard of a change that was made after all others."""
        async with asyncio.timeout(60):
            while self.state.chat is None or self.state.chat.fields.get("note") != note:
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._connection.close()


@pytest.mark.parametrize("seed", [11, 12])
async def test_two_clients_that_change_everything_at_once(
    home: Path, start_core: StartCore, make_servers: MakeServers, seed: int
) -> None:
    (server,) = await make_servers(1)
    as_openai(server, "Ответ — длиннее, чем 🌊 кажется, и по частям.", "Да. 🕯️", delay=0.003)
    core = await start_core()
    first = await core.connect()
    chat = await new_chat(first, server)
    clients = [
        Client(connection, chat, random.Random(f"{seed}-{number}"))
        for number, connection in enumerate([first, await core.connect()])
    ]
    for client in clients:
        await client.begin()
    await asyncio.gather(*(client.steps(STEPS) for client in clients))
    await first.call("turn.stop", chat=chat)
    await first.call("chats.set", id=chat, field="note", value="the last")
    for client in clients:
        await client.caught_up("the last")
    snapshot = await first.call("chats.open", id=chat)
    told = {node["id"]: node for node in snapshot["nodes"]}
    for client in clients:
        seen = client.state.chat
        assert seen is not None
        assert {node.id: node_to_json(node) for node in seen.nodes.values()} == told
        assert (seen.head, dict(seen.fields)) == (snapshot["chat"]["head"], snapshot["chat"]["fields"])
    for client in clients:
        await client.end()
    core.kill()
    async with opened_store(home) as store:
        tree = (await assert_sound(store, [chat]))[chat]
    assert {node.id: node_to_json(node) for node in tree.nodes.values()} == told
    assert (tree.head, dict(tree.fields)) == (snapshot["chat"]["head"], snapshot["chat"]["fields"])
    errors = clients[0].errors + clients[1].errors
    print(len(tree.nodes), errors)
    assert not [what for what in errors if what.startswith(("turn.say", "chats.set", "chats.head"))], errors


async def test_what_is_said_under_a_head_that_has_moved_becomes_a_sibling(
    home: Path, start_core: StartCore, make_servers: MakeServers
) -> None:
    (server,) = await make_servers(1)
    as_openai(server, "Да.")
    core = await start_core()
    connections = [await core.connect(), await core.connect()]
    chat = await new_chat(connections[0], server)
    head = (await connections[0].call("chats.open", id=chat))["chat"]["head"]
    for _ in range(10):
        said = [new_id(), new_id()]
        await asyncio.gather(*(
            connection.call(
                "turn.say", chat=chat, parent=head, node=node, revision=new_id(), text="Я?", reply=new_id(),
                reply_revision=new_id(),
            )
            for connection, node in zip(connections, said, strict=True)
        ))
        async with asyncio.timeout(60):
            while (snapshot := await connections[1].call("chats.open", id=chat))["writing"]:
                await asyncio.sleep(0.02)
        nodes = {node["id"]: node for node in snapshot["nodes"]}
        assert [nodes[node]["parent"] for node in said] == [head, head]
        answers = [[n for n in nodes.values() if n["parent"] == node] for node in said]
        assert [[a["revisions"][-1]["text"] for a in some] for some in answers] == [["Да."], ["Да."]]
        head = snapshot["chat"]["head"]
    for connection in connections:
        await connection.close()
