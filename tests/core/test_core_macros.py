"""Macros in what is typed, in greetings and in cards: filled once, with variables that follow the branch."""

from __future__ import annotations

import re

import pytest
from core_table import Table
from scripted import ScriptedServer, as_openai

from tui.domain.errors import BadInput
from tui.wire.ids import new_id


async def _scripted(table: Table, server: ScriptedServer, *texts: str) -> None:
    as_openai(server, *texts)
    await table.use_server(server.url, kind="openai", context_length=4096)


async def _text(table: Table, chat: str, node: str) -> str:
    found = await table.node(chat, node)
    return next(str(r["text"]) for r in found["revisions"] if r["id"] == found["current"])


async def _said(table: Table, chat: str, text: str) -> str:
    """Say something and wait for the reply; what stands in the chat as said."""
    reply, _ = await table.say(chat, text)
    return await _text(table, chat, (await table.node(chat, reply))["parent"])


def _sent(server: ScriptedServer) -> str:
    """What the model was given last."""
    return "\n".join(str(m["content"]) for m in server.requests[-1].json["messages"])


async def test_a_message_is_stored_as_its_macros_read_when_it_is_sent(
    table: Table, scripted_server: ScriptedServer
) -> None:
    await _scripted(table, scripted_server, "Yes.")
    await table.call("settings.set", name="persona_name", value="Anna")
    chat = await table.new_chat()
    name = (await table.call("chats.open", id=chat))["chat"]["fields"]["title"]
    said = await _said(table, chat, "{{user}} bows to {{char}}, <BOT>. {{unknown::x}} 1 < 2 {{roll:1d1}}")
    assert said == f"Anna bows to {name}, {name}. {{{{unknown::x}}}} 1 < 2 1"
    assert said in _sent(scripted_server)
    assert await _said(table, chat, r"a \{set\} < b") == r"a \{set\} < b"      # no macro: letter for letter


async def test_dice_that_are_typed_fall_once(table: Table, scripted_server: ScriptedServer) -> None:
    await _scripted(table, scripted_server, "Yes.")
    chat = await table.new_chat()
    rolls = [await _said(table, chat, "{{roll:1d1000000}}") for _ in range(3)]
    assert len(set(rolls)) == 3
    assert all(r.isdigit() for r in rolls)
    assert rolls[-1] in _sent(scripted_server)


async def test_variables_that_are_typed_follow_the_branch(table: Table, scripted_server: ScriptedServer) -> None:
    await _scripted(table, scripted_server, "Yes.")
    chat = await table.new_chat()
    root = (await table.call("chats.open", id=chat))["chat"]["head"]
    assert await _said(table, chat, "{{setvar::gold::10}}I have {{getvar::gold}}.") == "I have 10."
    here = (await table.call("chats.open", id=chat))["chat"]["head"]
    assert await _said(table, chat, "{{addvar::gold::5}}Now {{getvar::gold}}.") == "Now 15."
    await table.call("chats.head", id=chat, head=here)
    assert await _said(table, chat, "Still {{getvar::gold}}.") == "Still 10."
    await table.call("chats.head", id=chat, head=root)
    assert await _said(table, chat, "None: {{getvar::gold}}.") == "None: ."


async def test_a_global_variable_is_there_in_every_chat(table: Table, scripted_server: ScriptedServer) -> None:
    await _scripted(table, scripted_server, "Yes.")
    first, second = await table.new_chat(), await table.new_chat()
    await _said(table, first, "{{setglobalvar::town::Tver}}Hello.")
    assert await _said(table, second, "To {{getglobalvar::town}}!") == "To Tver!"


async def test_a_message_of_which_nothing_is_left_is_refused(table: Table) -> None:
    chat = await table.new_chat()
    before = await table.call("chats.open", id=chat)
    with pytest.raises(BadInput, match="macros"):
        await table.ask(chat, "{{setvar::a::1}}")
    assert (await table.call("chats.open", id=chat))["nodes"] == before["nodes"]


async def test_a_greetings_variables_are_there_on_the_first_turn(
    table: Table, scripted_server: ScriptedServer
) -> None:
    await _scripted(table, scripted_server, "Yes.")
    await table.call("characters.edit", id="mira", fields={
        "first_mes": "{{setvar::mood::calm}}{{setglobalvar::w::1}}I am {{getvar::mood}}. {{persona}}",
        "alternate_greetings": ["{{setvar::mood::angry}}Out!"],
        "description": "She is {{getvar::mood}}, {{getglobalvar::w}}.",
    })
    await table.call("settings.set", name="persona_description", value="A tall man.")
    chat = await table.new_chat()
    opened = await table.call("chats.open", id=chat)
    texts = [n["revisions"][0]["text"] for n in sorted(opened["nodes"], key=lambda n: n["seq"])]
    assert texts == ["I am calm. A tall man.", "Out!"]
    await table.say(chat, "Hm.")
    assert "She is calm, 1." in _sent(scripted_server)
    other = next(n["id"] for n in opened["nodes"] if n["seq"] == 1)
    await table.call("chats.head", id=chat, head=other)
    await table.say(chat, "Hm.")
    assert "She is angry, 1." in _sent(scripted_server)


async def _number(table: Table, server: ScriptedServer) -> str:
    found = re.search(r"Number (\d+)\.", _sent(server))
    assert found is not None
    return found[1]


async def test_thawed_macros_stay_for_every_later_reply(table: Table, scripted_server: ScriptedServer) -> None:
    await _scripted(table, scripted_server, "Yes.")
    await table.call("characters.edit", id="mira", fields={"description": "Number {{roll:1d100000}}."})
    chat = await table.new_chat()
    await table.say(chat, "One.")
    first = await _number(table, scripted_server)
    await table.say(chat, "Two.")
    assert await _number(table, scripted_server) == first
    await table.call("prompt.thaw", chat=chat)
    reply, _ = await table.say(chat, "Three.")
    thawed, sent = await _number(table, scripted_server), _sent(scripted_server)
    assert thawed != first
    swipe = new_id()
    parent = (await table.node(chat, reply))["parent"]
    await table.call("turn.reply", chat=chat, parent=parent, reply=swipe, reply_revision=new_id())
    await table.done(swipe)
    assert _sent(scripted_server) == sent                          # another reply is asked for with the same prompt
    await table.say(chat, "Four.")
    assert await _number(table, scripted_server) == thawed


async def test_a_request_beside_the_story_has_its_macros_filled(table: Table, scripted_server: ScriptedServer) -> None:
    await _scripted(table, scripted_server, "Yes.")
    chat = await table.new_chat()
    shown = await table.call("prompt.show", chat=chat, kind="quiet", text="Describe {{user}} and {{nobody}}.")
    asked = next(s["text"] for s in shown["segments"] if s["source"] == "instruction")
    assert asked.startswith("Describe ")
    assert "{{user}}" not in asked
    assert asked.endswith(" and {{nobody}}.")
