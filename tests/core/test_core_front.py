"""The core from its first moment on: what opens a terminal is answered at once, all else as soon as it can be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tui.core.app import Core
from tui.core.front import Front
from tui.domain.errors import NotFound
from tui.wire.ids import new_id


@contextlib.asynccontextmanager
async def front() -> AsyncIterator[Front]:
    core = await Front.start()
    try:
        yield core
    finally:
        await core.close()


async def chat_with_away() -> str:
    """A chat with the starter's character, of which something was finished while nobody looked; its id."""
    core = await Core.start()
    try:
        character = (await core.call("characters.list", {}))["characters"][0]["id"]
        chat = new_id()
        await core.call("chats.create", {"id": chat, "character": character})
        await core.store.set_value(f"away:{chat}", {"replies": 1})
        return chat
    finally:
        await core.close()


async def test_what_is_read_at_once_is_what_the_whole_core_says() -> None:
    chat = await chat_with_away()
    async with front() as early:
        listed = await early.call("chats.list", {"limit": 1})
        opened = await early.call("chats.open", {"id": chat, "last": 100})
        assert early._core is None                 # all this without the rest
        assert opened["away"] == {"replies": 1}
        await early.call("settings.get", {})       # this needs it
        assert early._core is not None
        assert await early.call("chats.list", {"limit": 1}) == listed
        assert await early.call("chats.open", {"id": chat, "last": 100}) == {**opened, "away": None}
    assert listed["chats"][0]["id"] == chat
    assert opened["nodes"]


async def test_parameters_that_are_off_are_refused_as_ever() -> None:
    async with front() as early:
        for params in ({"limit": "1"}, {"limit": True}, {"nonsense": 1}):
            with pytest.raises(Exception, match=r"limit|nonsense"):
                await early.call("chats.list", params)
        with pytest.raises(NotFound):
            await early.call("chats.open", {"id": "nowhere", "last": 10})


async def test_the_rest_comes_by_itself_after_the_first_chat_and_hears_the_same_listeners() -> None:
    chat = await chat_with_away()
    async with front() as early:
        heard: list[dict[str, Any]] = []
        early.subscribe(heard.append)
        early.attached = 1
        early.environment({"SOME_KEY": "x"})
        await early.call("chats.open", {"id": chat, "last": 100})
        async with asyncio.timeout(60):
            while early._core is None:
                await asyncio.sleep(0.01)
        assert early._core.attached == 1
        assert early._core.connection.environment["SOME_KEY"] == "x"
        await early.call("chats.set", {"id": chat, "field": "title", "value": "New"})
        assert any(event["type"] == "chats" or event.get("chat") == chat for event in heard)


async def test_keys_that_profiles_name_are_wanted_before_the_profiles_are_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "config" / "presets" / "profiles"
    folder.mkdir(parents=True)
    for name in ("MINE_KEY", "SET_KEY"):
        text = f"label: Far\nbackend:\n  kind: openai\n  url: https://far.invalid\n  key_env: {name}\n"
        (folder / f"{name.lower()}.yaml").write_text(text, "utf-8")
    monkeypatch.delenv("MINE_KEY", raising=False)
    monkeypatch.setenv("SET_KEY", "k")
    async with front() as early:
        assert early.wanted_variables() == ["MINE_KEY"]
        await early.call("settings.get", {})
        assert early.wanted_variables() == ["MINE_KEY"]
        early.environment({"MINE_KEY": "k"})
        assert early.wanted_variables() == []


async def test_ending_before_anything_was_asked_lets_the_store_go() -> None:
    for _ in range(2):                             # the second could not open what the first still held
        async with front():
            pass
