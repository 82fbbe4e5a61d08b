"""Lorebooks in real turns: of all chats, the chat and the person together; dice, timers, stems, hostile patterns."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from core_table import Table
from scripted import ScriptedServer, as_openai

from tui.wire.ids import new_id


def _entry(key: str, content: str, **more: Any) -> dict[str, Any]:
    return {"key": [key], "content": content, "position": 4, "depth": 4, "order": 100, **more}


async def _book(table: Table, name: str, *entries: dict[str, Any]) -> None:
    numbered = {str(at): {"uid": at, **entry} for at, entry in enumerate(entries)}
    await table.call("lorebooks.save", id=name, text=json.dumps({"name": name, "entries": numbered}))


async def _chat(table: Table, server: ScriptedServer, *books: str) -> str:
    as_openai(server, "Quite so.")
    await table.use_server(server.url, kind="openai", context_length=8192)
    chat = await table.new_chat()
    await table.call("chats.set", id=chat, field="lorebooks", value=list(books))
    return chat


def _sent(server: ScriptedServer) -> str:
    return "\n".join(str(m["content"]) for m in server.requests[-1].json["messages"])


async def _swipe(table: Table, chat: str, reply: str) -> None:
    again = new_id()
    parent = (await table.node(chat, reply))["parent"]
    await table.call("turn.reply", chat=chat, parent=parent, reply=again, reply_revision=new_id())
    await table.done(again)


async def test_books_of_several_levels_work_together_each_once(table: Table, scripted_server: ScriptedServer) -> None:
    for name in "abcd":
        await _book(table, name, _entry("dragon", f"LORE-{name}"))
    await table.call("settings.set", name="lorebooks", value=["a", "b"])
    await table.call("settings.set", name="persona_lorebooks", value=["c", "a"])
    chat = await _chat(table, scripted_server, "b", "d")
    await table.say(chat, "A dragon!")
    assert [_sent(scripted_server).count(f"LORE-{name}") for name in "abcd"] == [1, 1, 1, 1]


async def test_chance_and_timers_are_the_same_for_every_swipe(table: Table, scripted_server: ScriptedServer) -> None:
    drops = [_entry("rain", f"DROP{at:02}", probability=50, useProbability=True) for at in range(20)]
    await _book(table, "b", *drops, _entry("dragon", "FIRE", sticky=3))
    chat = await _chat(table, scripted_server, "b")
    wet: list[bool] = []
    fire: list[bool] = []
    for text in ("rain dragon", *["rain"] * 4):
        reply, _ = await table.say(chat, text)
        sent = _sent(scripted_server)
        wet += [f"DROP{at:02}" in sent for at in range(20)]
        fire.append("FIRE" in sent)
        await _swipe(table, chat, reply)
        assert _sent(scripted_server) == sent
    assert set(wet) == {True, False}                                # a hundred throws: they do roll
    assert fire[:2] == [True, True]
    assert not any(fire[3:])


async def test_a_stem_is_matched_where_the_entry_asks_for_it(table: Table, scripted_server: ScriptedServer) -> None:
    whole = {"matchWholeWords": True}
    await _book(
        table, "b", _entry("город", "STEM", extensions={"traktir": {"stem": True}}, **whole),
        _entry("город", "LETTERS", **whole),
    )
    chat = await _chat(table, scripted_server, "b")
    await table.say(chat, "Мы жили в этом городе.")
    assert "STEM" in _sent(scripted_server)
    assert "LETTERS" not in _sent(scripted_server)


async def test_hostile_patterns_neither_delay_a_turn_nor_stop_the_core(
    table: Table, scripted_server: ScriptedServer
) -> None:
    patterns = (r"/(a+)+$/", r"/(a|aa)+$/", r"/(.*a){25}/", r"/(x+x+)+y/", r"/(\w+\s?)*$/", r"/(?:a?){40}a{40}/")
    await _book(table, "b", *(_entry(p, "BAD") for p in patterns * 5), _entry("/dra(g|k)on/i", "GOOD"))
    chat = await _chat(table, scripted_server, "b")
    await table.say(chat, "Hello.")
    ticks = 0

    async def watch() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    watching, began = asyncio.create_task(watch()), time.monotonic()
    await table.say(chat, "a" * 3000 + "! Dragon")
    took = time.monotonic() - began
    watching.cancel()
    assert "GOOD" in _sent(scripted_server)
    assert took < 10                                               # on a busy machine; two seconds on an idle one
    assert ticks > took * 10
