"""A reply of the real engine is the core's: neither its reader's death nor a clean end of the core loses it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tui.client.connection import Connection
from tui.client.launch import ensure_core, find_core
from tui.wire.ids import new_id
from tui.wire.place import is_held

pytest.importorskip("llama_cpp")


@contextlib.asynccontextmanager
async def _core() -> AsyncIterator[None]:
    await ensure_core(60)
    try:
        yield
    finally:
        if (target := await find_core()) is not None:
            connection = await Connection.open(target)
            await connection.call("stop", force=True)
            await connection.close()


async def _begin(connection: Connection) -> tuple[str, str]:
    """Start a turn and return (chat, reply) once the reply has begun to come."""
    characters = (await connection.call("characters.list"))["characters"]
    chat, reply = new_id(), new_id()
    snapshot = await connection.call("chats.create", id=chat, character=characters[0]["id"])
    await connection.call("samplers.set", chat=chat, values={"max_tokens": 120})
    await connection.call(
        "turn.say", chat=chat, parent=snapshot["chat"]["head"], node=new_id(), revision=new_id(),
        text="Tell me a long story.", reply=reply, reply_revision=new_id(),
    )
    stream = connection.events(snapshot["event"])
    async with asyncio.timeout(60):
        async for event in stream:
            if event.data["type"] == "delta" or event.data.get("state") == "done":
                assert event.data["type"] == "delta", event.data
                break
    await stream.aclose()
    return chat, reply


async def _version(connection: Connection, chat: str, reply: str) -> dict[str, Any]:
    """The newest version of the reply, as it is stored."""
    nodes = (await connection.call("chats.open", id=chat))["nodes"]
    return dict(next(node for node in nodes if node["id"] == reply)["revisions"][-1])


async def test_it_goes_on_when_its_reader_is_gone() -> None:
    async with _core():
        connection = await Connection.open(await ensure_core(60))
        chat, reply = await _begin(connection)
        so_far = (await _version(connection, chat, reply))["text"]
        await connection.close()
        connection = await Connection.open(await ensure_core(60))
        async with asyncio.timeout(60):
            while (await connection.greet())["busy"]:
                await asyncio.sleep(0.05)
        whole = await _version(connection, chat, reply)
        await connection.close()
        assert whole["text"].startswith(so_far)
        assert whole["finish"] in ("stop", "length")


async def test_what_came_is_kept_when_the_core_is_ended() -> None:
    async with _core():
        target = await ensure_core(60)
        connection = await Connection.open(target)
        chat, reply = await _begin(connection)
        so_far = (await _version(connection, chat, reply))["text"]
        os.kill(connection.hello["pid"], signal.SIGTERM)
        await connection.close()
        assert target.socket is not None
        async with asyncio.timeout(20):
            while is_held(target.socket.parent):
                await asyncio.sleep(0.05)
        connection = await Connection.open(await ensure_core(60))
        kept = await _version(connection, chat, reply)
        assert so_far
        assert kept["text"].startswith(so_far)
        assert kept["finish"] != "streaming"
        await connection.close()
