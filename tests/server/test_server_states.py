"""A chat that is opened again after its core is gone is not read again: with the real starter, in real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.client.connection import Connection
from tui.client.launch import ensure_core, find_core
from tui.wire.ids import new_id
from tui.wire.place import is_held

pytest.importorskip("llama_cpp")

#: Long enough that a chat of three turns is some hundred tokens.
_TOLD = "The old lighthouse keeper told me of a storm, of a ship without a name, and of the lamp that never went out. "


@contextlib.asynccontextmanager
async def _connected() -> AsyncIterator[Connection]:
    connection = await Connection.open(await ensure_core(60))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def cores(home: Path) -> AsyncIterator[None]:
    """Cores of this home have the starter read on one thread, so that the disk is quicker on any machine. Whatever
    core a test leaves behind is ended."""
    (home / "config" / "presets" / "profiles").mkdir(parents=True)
    (home / "config" / "presets" / "profiles" / "slow.yaml").write_text(
        "label: slow\nbackend:\n  kind: embedded\n  model: starter\n  threads: 1\n"
        "template: auto\nsamplers: starter\nprompt: starter\n", "utf-8")
    # What is recalled would take the place of messages in this small window, which is then another prompt.
    (home / "config" / "settings.toml").write_text('profile = "slow"\nrecall = false\n', "utf-8")
    yield
    if (target := await find_core()) is not None:
        async with contextlib.aclosing(_closing(target)) as opened:
            async for connection in opened:
                await connection.call("stop", force=True)


async def _closing(target: Any) -> AsyncIterator[Connection]:
    connection = await Connection.open(target)
    try:
        yield connection
    finally:
        await connection.close()


async def _new_chat(connection: Connection) -> str:
    characters = (await connection.call("characters.list"))["characters"]
    chat = new_id()
    await connection.call("chats.create", id=chat, character=characters[0]["id"])
    await connection.call("samplers.set", chat=chat, values={"max_tokens": 24, "temperature": 0})
    return chat


async def _turn(connection: Connection, chat: str, text: str) -> dict[str, Any]:
    """Say something; how the turn ended."""
    snapshot = await connection.call("chats.open", id=chat)
    reply = new_id()
    await connection.call(
        "turn.say", chat=chat, parent=snapshot["chat"]["head"], node=new_id(), revision=new_id(), text=text,
        reply=reply, reply_revision=new_id(),
    )
    stream = connection.events(snapshot["event"])
    try:
        async with asyncio.timeout(120):
            async for event in stream:
                if event.data.get("state") == "done" and event.data.get("node") == reply:
                    assert event.data["error"] is None, event.data
                    return dict(event.data)
    finally:
        await stream.aclose()
    raise AssertionError("the turn never ended")


async def _quit(connection: Connection) -> None:
    await connection.call("stop", force=True)


async def _kill(connection: Connection) -> None:
    os.kill(connection.hello["pid"], signal.SIGKILL)


async def _gone(socket: Path, states: Path) -> None:
    async with asyncio.timeout(30):
        while is_held(socket.parent) or not list(states.glob("*.kv")) or list(states.glob("*.tmp")):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("end", [_quit, _kill])
async def test_a_chat_goes_on_after_its_core_was_ended(
    end: Callable[[Connection], Any], cores: None, home: Path,
) -> None:
    target = await ensure_core(60)
    assert target.socket is not None
    async with _connected() as connection:
        chat = await _new_chat(connection)
        for number in range(3):
            before = await _turn(connection, chat, f"{number}: {_TOLD * 2}")
        assert before["prompt_tokens"] > 300
        await end(connection)
    await _gone(target.socket, home / "data" / "states")
    async with _connected() as connection:
        kept = await connection.call("states.get")
        assert (kept["files"], kept["bytes"] > 10_000) == (1, True)
        assert (await connection.call("connection.get"))["kept"] == kept
        done = await _turn(connection, chat, "And then?")
        assert done["reused"] >= before["prompt_tokens"]
        assert done["prompt_tokens"] - done["reused"] < 60
        assert any("came from disk" in notice["id"] for notice in done["notices"])
        assert done["miss"] is None


async def test_a_chat_that_is_deleted_leaves_nothing_on_disk(cores: None, home: Path) -> None:
    states = home / "data" / "states"
    async with _connected() as connection:
        chat, other = await _new_chat(connection), await _new_chat(connection)
        for one in (chat, other):
            await _turn(connection, one, _TOLD * 3)
        assert (await connection.call("models.unload"))["unloaded"]
        assert (await connection.call("states.get"))["files"] == 2
        await connection.call("chats.delete", id=chat)
        assert len(list(states.glob("*.kv"))) == 1
        said = subprocess.run(
            [sys.executable, "-m", "tui", "models", "states", "--json"], capture_output=True, check=True)
        assert json.loads(said.stdout)["files"] == 1
        assert (await connection.call("states.clear"))["files"] == 1
        assert not list(states.glob("*.kv"))
