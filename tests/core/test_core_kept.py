"""Chats side by side in the embedded model: each has a memory of its own, and a side job does not take it away."""

from __future__ import annotations

import pytest
from core_table import Table

from tui.wire.ids import new_id

pytest.importorskip("llama_cpp")

_TOLD = "The keeper told me of a storm, of a ship without a name, and of the lamp that never went out."


async def _read_anew(table: Table, chat: str, text: str) -> int:
    """Say something; how many tokens of the prompt had to be processed."""
    _, done = await table.say(chat, text)
    assert done["error"] is None
    assert done["miss"] is None
    return int(done["prompt_tokens"] - done["reused"])


async def test_going_from_chat_to_chat_costs_each_only_its_new_words(table: Table) -> None:
    await table.call("settings.set", name="read_ahead", value=False)
    one, two = await table.new_chat(), await table.new_chat()
    for chat in (one, two):
        await table.say(chat, _TOLD)
    for chat in (one, two, one, two):
        assert await _read_anew(table, chat, "And then?") < 60


async def test_a_summary_leaves_the_chat_where_it_was(table: Table) -> None:
    """Another chat's: its own enters the prompt, and changes it."""
    await table.call("settings.set", name="read_ahead", value=False)
    one, two = await table.new_chat(), await table.new_chat()
    for text in ("One.", "Two.", "Three."):
        await table.say(one, text)
    await table.say(two, _TOLD)
    await table.call("summary.make", chat=one, id=new_id())
    assert await _read_anew(table, two, "And then?") < 60


async def test_how_much_is_kept_is_told_and_a_quota_of_nothing_keeps_nothing(table: Table) -> None:
    chat = await table.new_chat()
    await table.say(chat, _TOLD * 3)
    await table.call("models.unload")
    kept = await table.call("states.get")
    assert (kept["files"], kept["quota"]) == (1, 4_000_000_000)
    assert (await table.call("connection.get"))["kept"]["bytes"] == kept["bytes"] > 10_000
    assert (await table.call("states.clear"))["bytes"] == kept["bytes"]
    await table.call("settings.set", name="kv_quota_mb", value=0)
    await table.call("models.load")
    await table.say(chat, "And then?")
    await table.call("models.unload")
    assert (await table.call("states.get"))["files"] == 0
