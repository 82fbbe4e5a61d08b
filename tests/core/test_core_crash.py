"""The core killed outright in the middle of a reply."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from core_table import Table
from scripted import SSE, Line, Request, ScriptedServer, answer, chat_chunk

from tui.client.connection import Connection
from tui.client.launch import find_core
from tui.core.app import Core, CoreConfig
from tui.domain.operations import node_from_json
from tui.wire.ids import new_id

#: Seconds between two pieces of the reply: slower than anybody reads.
PAUSE = 0.15


class Ticking:
    """Says a number every `PAUSE`, for ever, and notes when each was sent."""

    def __init__(self) -> None:
        self.sent: list[float] = []

    async def __call__(self, request: Request, line: Line) -> None:
        await line.send(SSE)
        while not line.gone.is_set():
            await line.send(chat_chunk(f"{len(self.sent)} "))
            self.sent.append(time.monotonic())
            await asyncio.sleep(PAUSE)


@pytest.fixture
async def core_process(home: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`traktir serve`, as a person starts it."""
    with subprocess.Popen([sys.executable, "-m", "tui", "serve"], stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


async def connected() -> Connection:
    async with asyncio.timeout(30):
        while (target := await find_core()) is None:
            await asyncio.sleep(0.05)
    return await Connection.open(target)


async def test_a_core_killed_in_the_middle_of_a_reply_loses_less_than_a_second(
    core_process: subprocess.Popen[bytes], scripted_server: ScriptedServer
) -> None:
    ticking = Ticking()
    scripted_server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "slow", "object": "model"}]}))
    scripted_server.on("POST /v1/chat/completions", ticking)
    client = await connected()
    chat, node, reply = new_id(), new_id(), new_id()
    await client.call(
        "presets.save", kind="profiles", id="slow", text=f"backend:\n  kind: openai\n  url: {scripted_server.url}\n"
    )
    await client.call("profiles.use", id="slow")
    head = (await client.call("chats.create", id=chat, character="mira"))["chat"]["head"]
    await client.call(
        "turn.say", chat=chat, parent=head, node=node, revision=new_id(), text="Count for me.", reply=reply,
        reply_revision=new_id(),
    )
    async with asyncio.timeout(30):
        while len(ticking.sent) < 20:
            await asyncio.sleep(0.05)
    os.kill(core_process.pid, signal.SIGKILL)
    killed = time.monotonic()
    await asyncio.to_thread(core_process.wait)
    await client.close()

    core = await Core.start(CoreConfig())
    try:
        table = Table(core)
        assert any("marked as cut" in str(told) for told in core.store.notices)
        tree = await core.chats.get(chat)
        assert tree.nodes[node].text == "Count for me."
        partial = node_from_json(await table.node(chat, reply))
        assert partial.revision.finish == "cut"
        numbers = partial.text.split()
        assert numbers == [str(n) for n in range(len(numbers))]
        assert len(numbers) >= sum(1 for sent in ticking.sent if sent < killed - 1.0)
        await table.settled(chat)
        assert tree.head == reply
    finally:
        await core.close()
