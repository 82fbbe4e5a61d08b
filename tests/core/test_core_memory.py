"""Summaries where they matter: at the cut, on a window of 1,024 tokens."""

from __future__ import annotations

import asyncio

import pytest
from core_table import Speaker, Table, speaks
from scripted import ScriptedServer

from tui.domain.errors import Refused
from tui.wire.ids import new_id


async def test_the_range_that_is_offered_at_the_cut_can_be_summarised_and_then_stands_in_the_prompt(
    table: Table,
) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 24})
    early = cut = None
    for number in range(60):
        _, done = await table.say(chat, f"Turn {number}: what do you think of the number {number * 7}, tell me?")
        assert done["error"] is None
        if done["cut"]:
            cut = done["offer"]
            break
        early = done["offer"] or early
    assert early is not None                               # offered when the cut is near …
    assert cut is not None                                 # … and of what was cut
    ids = [n.id for n in (await table.core.chats.get(chat)).path()]
    assert ids.index(cut["first"]) < ids.index(cut["last"])

    for offer in (early, cut):
        summary = new_id()
        await table.call("summary.make", chat=chat, id=summary, first=offer["first"], last=offer["last"])
        covered = {c[0] for c in (await _summary(table, chat, summary))["covers"]}
        assert {offer["first"], offer["last"]} <= covered
        shown = await table.call("prompt.show", chat=chat)
        assert f"summary:{summary}" in [s["source"] for s in shown["segments"] if s["included"]]
        await table.call("summary.remove", chat=chat, summary=summary)
    _, after = await table.say(chat, "Still there?")
    assert after["error"] is None
    assert after["used"] <= 1024


async def test_a_chat_too_long_for_one_summary_gets_one_of_its_beginning(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 16})
    for number in range(30):
        await table.say(chat, f"Turn {number}: " + "and then we walked along the old river road. " * 3)
    summary = new_id()
    await table.call("summary.make", chat=chat, id=summary)
    made = await _summary(table, chat, summary)
    path = [n.id for n in (await table.core.chats.get(chat)).path()]
    assert made["covers"][0][0] == path[0]
    assert 4 < len(made["covers"]) < len(path) - 4
    await table.settled(chat)


async def test_one_summary_at_a_time_and_stopping_it_changes_nothing(
    table: Table, scripted_server: ScriptedServer
) -> None:
    ready = [Speaker(f"Reply {n}.") for n in range(3)]
    for speaker in ready:
        speaker.go_on.set()
    slow = Speaker("They met")
    speaks(scripted_server, *ready, slow)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    for _ in ready:
        await table.say(chat, "And?")
    making = asyncio.ensure_future(table.call("summary.make", chat=chat, id=new_id()))
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="already"):
        await table.call("summary.make", chat=chat, id=new_id())
    async with asyncio.timeout(10):
        while len(scripted_server.asked("/v1/chat/completions")) < 4:
            await asyncio.sleep(0.01)
    assert (await table.call("turn.stop", chat=chat))["stopped"]
    with pytest.raises(Refused, match="nothing has changed"):
        await making
    await asyncio.wait_for(slow.hung_up.wait(), 10)
    assert not table.core.busy()
    assert (await table.call("chats.open", id=chat))["summaries"] == []


async def test_a_summary_can_be_stopped_while_the_model_still_loads(table: Table) -> None:
    chat = await table.new_chat()
    for text in ("One.", "Two.", "Three."):
        await table.say(chat, text)
    await table.call("models.unload")
    making = asyncio.ensure_future(table.call("summary.make", chat=chat, id=new_id()))
    await table.until(lambda e: e.get("state") == "summarising")
    await table.call("turn.stop", chat=chat)
    with pytest.raises(Refused, match="nothing has changed"):
        await making
    assert (await table.say(chat, "Go on."))[1]["error"] is None


async def _summary(table: Table, chat: str, summary: str) -> dict[str, list[list[str]]]:
    found = (await table.call("chats.open", id=chat))["summaries"]
    return next(s for s in found if s["id"] == summary)
