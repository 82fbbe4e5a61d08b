"""Several people, or one in a hurry: what happens to a reply while something else is done to its chat."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from core_table import Speaker, Table, speaks
from scripted import ScriptedServer

from tui.core.app import Core, CoreConfig
from tui.domain.errors import Refused
from tui.domain.operations import node_from_json
from tui.engine.proxy import EmbeddedEngine
from tui.wire.ids import new_id


async def begin(table: Table, server: ScriptedServer, *speakers: Speaker) -> str:
    """A chat with a server that says these things."""
    speaks(server, *speakers)
    await table.use_server(server.url)
    return await table.new_chat()


async def test_what_is_done_beside_a_growing_reply_does_not_set_it_back(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("One two", " three four.")
    chat = await begin(table, scripted_server, speaker)
    reply = await table.ask(chat, "Count!")
    await table.growth(reply, "One two")
    user = (await table.node(chat, reply))["parent"]
    speaker.go_on.set()
    await asyncio.gather(
        *(table.call("chats.set", id=chat, field="note", value=f"note {n}") for n in range(20)),
        table.call("node.edit", chat=chat, node=user, revision=new_id(), text="Count, please!"),
    )
    done = await table.done(reply)
    assert done["error"] is None
    assert table.shown(reply).rstrip() == "One two three four."
    assert (await table.node(chat, user))["revisions"][-1]["text"] == "Count, please!"
    await table.settled(chat)


async def test_a_second_message_waits_for_the_first_reply(table: Table, scripted_server: ScriptedServer) -> None:
    one, two = Speaker("First", "."), Speaker("Second", ".")
    two.go_on.set()
    chat = await begin(table, scripted_server, one, two)
    first = await table.ask(chat, "One?")
    await table.growth(first)
    second = await table.ask(chat, "Two?")
    await table.until(lambda e: e.get("node") == second and e.get("state") == "waiting")
    assert len(scripted_server.asked("/v1/chat/completions")) == 1
    one.go_on.set()
    await table.done(second)
    assert table.shown(first) == "First."
    assert table.shown(second) == "Second."
    await table.settled(chat)


async def test_stopping_ends_what_waits_too_and_the_server_hears_it(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("Begun")
    chat = await begin(table, scripted_server, speaker)
    first = await table.ask(chat, "One?")
    await table.growth(first)
    second = await table.ask(chat, "Two?")
    assert (await table.call("turn.stop", chat=chat))["stopped"]
    assert (await table.done(first))["finish"] == "cut"
    assert (await table.done(second))["finish"] == "cut"
    await asyncio.wait_for(speaker.hung_up.wait(), 10)
    cut = node_from_json(await table.node(chat, first))
    assert (cut.text, cut.revision.finish) == ("Begun", "cut")
    how = await table.call("node.generation", chat=chat, node=first)
    assert how["generation"]["finish"] == "cut"
    assert [s for s in how["plan"]["segments"] if s["source"].startswith("message:")]
    assert await table.core.store.plan_state(chat, [first])
    assert second not in (await table.core.chats.get(chat)).nodes
    assert not (await table.call("turn.stop", chat=chat))["stopped"]
    await table.settled(chat)


async def test_undo_in_the_middle_of_a_reply_stops_it_and_takes_it_back(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("Begun")
    chat = await begin(table, scripted_server, speaker)
    reply = await table.ask(chat, "One?")
    await table.growth(reply)
    await table.call("chats.undo", id=chat)
    await asyncio.wait_for(speaker.hung_up.wait(), 10)
    node = await table.node(chat, reply)
    assert node["deleted"]
    assert node["revisions"][0]["finish"] == "cut"
    await table.call("chats.redo", id=chat)
    assert not (await table.node(chat, reply))["deleted"]
    await table.settled(chat)


async def test_deleting_the_reply_that_is_being_written_stops_it(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("Begun")
    chat = await begin(table, scripted_server, speaker)
    reply = await table.ask(chat, "One?")
    await table.growth(reply)
    await table.call("node.delete", chat=chat, nodes=[reply])
    await asyncio.wait_for(speaker.hung_up.wait(), 10)
    assert not table.core.busy()
    assert (await table.node(chat, reply))["deleted"]
    await table.settled(chat)


async def test_a_call_that_its_client_gives_up_leaves_memory_and_store_the_same(table: Table) -> None:
    chat = await table.new_chat()
    for number in range(20):
        call = asyncio.ensure_future(table.call("chats.set", id=chat, field="note", value=f"note {number}"))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await table.call("chats.set", id=chat, field="title", value="After all")
    await table.settled(chat)


async def test_a_reply_repeated_after_its_end_is_told_as_done(table: Table) -> None:
    chat = await table.new_chat()
    reply, _ = await table.say(chat, "Hi!")
    node = await table.node(chat, reply)
    table.heard.clear()
    again = await table.call(
        "turn.reply", chat=chat, parent=node["parent"], reply=reply, reply_revision=node["current"]
    )
    assert again["reply"] == reply
    assert (await table.done(reply))["finish"] == node["revisions"][0]["finish"]
    assert await table.node(chat, reply) == node


async def test_a_reply_that_was_edited_to_a_single_blank_line_can_still_be_continued(
    table: Table, scripted_server: ScriptedServer
) -> None:
    one, two = Speaker("Oh"), Speaker(" and so on.")
    one.go_on.set()
    two.go_on.set()
    chat = await begin(table, scripted_server, one, two)
    reply, _ = await table.say(chat, "Hi!")
    await table.call("turn.continue", chat=chat, node=reply, revision=new_id())
    table.heard.clear()
    await table.done(reply)
    node = node_from_json(await table.node(chat, reply))
    assert node.text == "Oh and so on."
    assert node.revision.kind == "continue"


async def test_stopping_while_the_model_loads_ends_the_turn_and_keeps_the_message(table: Table) -> None:
    chat = await table.new_chat()
    reply = await table.ask(chat, "Hi!")
    await table.until(lambda e: e.get("node") == reply and e.get("state") == "loading")
    await table.call("turn.stop", chat=chat)
    done = await table.done(reply)
    assert done["finish"] == "cut"
    assert done["error"] is None
    path = (await table.core.chats.get(chat)).path()
    assert path[-1].text == "Hi!"
    again = new_id()
    await table.call("turn.reply", chat=chat, parent=path[-1].id, reply=again, reply_revision=new_id())
    assert (await table.done(again))["error"] is None


async def test_a_model_at_work_is_not_unloaded_and_another_one_waits_for_it(table: Table) -> None:
    chat, other = await table.new_chat(), await table.new_chat()
    small = "backend:\n  kind: embedded\n  model: starter\n  context_length: 512\nsamplers: starter\nprompt: starter\n"
    await table.call("presets.save", kind="profiles", id="small", text=small)
    await table.call("chats.set", id=other, field="profile", value="small")
    await table.call("samplers.set", chat=chat, values={"max_tokens": 300, "logit_bias": {"<|im_end|>": -100}})
    await table.call("samplers.set", chat=other, values={"max_tokens": 8})
    long = await table.ask(chat, "Tell me everything.")
    await table.until(lambda e: e["type"] == "delta" and e["node"] == long)
    with pytest.raises(Refused, match="at work"):
        await table.call("models.unload")
    short = await table.ask(other, "Hello!")
    await table.until(lambda e: e.get("node") == short and e.get("state") == "loading")
    ends = [(await table.done(long)), (await table.done(short))]
    assert [e["error"] for e in ends] == [None, None]
    assert ends[0]["finish"] in ("length", "stop")           # the long one was not cut
    assert ends[1]["context"] == 512
    assert (await table.call("models.unload"))["unloaded"]
    assert not (await table.call("models.unload"))["unloaded"]


async def test_a_card_without_a_greeting_opens_with_the_characters_own_words(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("Welcome in.")
    speaker.go_on.set()
    speaks(scripted_server, speaker)
    await table.use_server(scripted_server.url)
    await table.call("characters.edit", id="mira", fields={"first_mes": "", "alternate_greetings": []})
    chat = await table.new_chat()
    assert (await table.call("chats.open", id=chat))["nodes"] == []
    reply = new_id()
    await table.call("turn.reply", chat=chat, reply=reply, reply_revision=new_id())
    done = await table.done(reply)
    assert done["error"] is None
    assert (await table.core.chats.get(chat)).head == reply
    assert table.shown(reply) == "Welcome in."


async def test_an_idle_model_leaves_memory_and_comes_back_when_it_is_needed(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 8})
    await table.say(chat, "Hi!")
    engine = (await table.core.connection.link()).backend
    assert isinstance(engine, EmbeddedEngine)
    await table.core.connection.unload_idle()                  # just used
    assert engine.loaded
    await table.call("settings.set", name="unload_minutes", value=1e-6)
    await asyncio.sleep(0.01)
    await table.core.connection.unload_idle()
    assert not engine.loaded
    assert (await table.call("connection.get"))["state"] == "idle"
    assert (await table.say(chat, "Hi again!"))[1]["error"] is None


async def test_an_embedded_engine_loads_again_when_its_settings_change(table: Table) -> None:
    first = await table.core.connection.link()
    text = "backend:\n  kind: embedded\n  model: starter\n  context_length: 512\nsamplers: starter\nprompt: starter\n"
    await table.call("presets.save", kind="profiles", id="starter", text=text)
    second = await table.core.connection.link()
    assert second.context == 512
    assert isinstance(first.backend, EmbeddedEngine)
    assert not first.backend.loaded


async def test_a_core_that_ends_stores_what_is_being_written(home: Path, scripted_server: ScriptedServer) -> None:
    core = await Core.start(CoreConfig())
    table = Table(core)
    chat = await begin(table, scripted_server, Speaker("Begun"))
    reply = await table.ask(chat, "One?")
    await table.growth(reply)
    await core.close()
    core = await Core.start(CoreConfig())
    try:
        node = (await core.chats.get(chat)).nodes[reply]
        assert (node.text, node.revision.finish) == ("Begun", "cut")
        assert core.store.notices == []                        # an orderly end, nothing to mend
        await Table(core).settled(chat)
    finally:
        await core.close()
