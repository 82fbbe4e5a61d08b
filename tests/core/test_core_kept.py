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


async def test_the_model_tells_its_tokens_and_another_way_goes_on_from_one(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"logprobs": 3, "seed": 5, "max_tokens": 24})
    node, done = await table.say(chat, "Кто ты? Who are you?")
    assert done["error"] is None
    found = await table.call("replies.tokens", chat=chat, node=node)
    nodes = {n["id"]: n for n in (await table.call("chats.open", id=chat))["nodes"]}
    text = nodes[node]["revisions"][-1]["text"]
    assert "".join(token["text"] for token in found["tokens"]) == text
    assert all(token["logprob"] <= 0 for token in found["tokens"])
    at = next(n for n, t in enumerate(found["tokens"]) if n >= 2 and any(r["text"].strip() for r in t["rivals"]))
    rival = next(n for n, r in enumerate(found["tokens"][at]["rivals"]) if r["text"].strip())
    branch = new_id()
    await table.call("turn.rival", chat=chat, node=node, token=at, rival=rival, reply=branch, reply_revision=new_id())
    assert (await table.done(branch))["error"] is None
    nodes = {n["id"]: n for n in (await table.call("chats.open", id=chat))["nodes"]}
    other = nodes[branch]["revisions"][-1]["text"]
    before = "".join(token["text"] for token in found["tokens"][:at])
    assert other.startswith(before + found["tokens"][at]["rivals"][rival]["text"])
    assert nodes[branch]["parent"] == nodes[node]["parent"]


async def test_guidance_leads_away_from_a_prompt_of_ones_own_or_none(table: Table) -> None:
    chat = await table.new_chat()
    values = {"temperature": 0, "max_tokens": 24, "seed": 1}
    texts = []
    for more in ({}, {"guidance_scale": 4}, {"guidance_scale": 4, "negative_prompt": "You say nothing but no."}):
        await table.call("samplers.set", chat=chat, values={**values, **more})
        root = (await table.call("chats.open", id=chat))["nodes"][0]["id"]
        reply = new_id()
        await table.call("turn.say", chat=chat, parent=root, node=new_id(), revision=new_id(), text="Who are you?",
                         reply=reply, reply_revision=new_id())
        done = await table.done(reply)
        assert (done["error"], done["dropped"]) == (None, [])
        nodes = {n["id"]: n for n in (await table.call("chats.open", id=chat))["nodes"]}
        texts.append(nodes[reply]["revisions"][-1]["text"])
    assert len(set(texts)) == 3
