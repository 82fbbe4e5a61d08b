"""Files that people edit while the core runs: read at the next turn, named when broken, never in the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from core_table import Speaker, Table, speaks
from scripted import ScriptedServer

from tui.domain.operations import node_from_json


def presets(table: Table, kind: str) -> Path:
    folder = table.core.library.folders[kind].own
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def test_a_preset_edited_by_hand_acts_on_the_next_turn_and_a_broken_one_keeps_its_last_good_version(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("Yes.")
    speaker.go_on.set()
    speaks(scripted_server, speaker)
    await table.use_server(scripted_server.url, mode="chat")
    chat = await table.new_chat()
    file = presets(table, "samplers") / "default.yaml"
    table.core.attached = 1

    async def temperature() -> float:
        reply, done = await table.say(chat, "Hello!")
        assert done["error"] is None
        return float(node_from_json(await table.node(chat, reply)).revision.generation["samplers"]["temperature"])

    file.write_text("temperature: 0.25\n", "utf-8")
    assert await temperature() == 0.25
    file.write_text("temperature: 0.75  # warmer\n", "utf-8")
    assert await temperature() == 0.75
    file.write_text("top_k: 3\ntemperature: hot hot\n", "utf-8")
    await table.say(chat, "Hello!")                        # and nothing is asked after it
    told = [e for e in table.heard if e["type"] == "notice" and e["level"] == "warning"]
    assert len(told) == 1
    assert await temperature() == 0.75
    told = [e["notice"] for e in table.heard if e["type"] == "notice" and e["level"] == "warning"]
    assert len(told) == 1                                  # once, not on each turn
    assert told[0]["args"]["line"] == 2
    assert told[0]["args"]["field"] == "temperature"
    listed = (await table.call("presets.list", kind="samplers"))["presets"]
    assert [p["id"] for p in listed if p["problem"]] == ["default"]
    assert str((await table.call("settings.get"))["problems"][0]["args"]["file"]) == "default.yaml"
    file.unlink()
    assert await temperature() not in (0.25, 0.75)


async def test_a_broken_setting_does_not_take_the_good_ones_with_it(table: Table, home: Path) -> None:
    file = table.core.settings._user
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('persona_name = "Robin"\nunload_minutes = "soon"\n', "utf-8")
    settings = await table.call("settings.get")
    assert settings["settings"]["persona_name"] == "Robin"
    assert settings["settings"]["unload_minutes"] == 30.0
    assert settings["problems"][0]["args"]["field"] == "unload_minutes"


async def test_a_greeting_says_the_persons_name(table: Table) -> None:
    await table.call("settings.set", name="persona_name", value="Robin")
    await table.call(
        "characters.edit", id="mira", fields={"first_mes": "Ah, {{user}}! {{char}} was waiting.",
                                              "alternate_greetings": ["", "Sit, {{user}}."]}
    )
    chat = await table.new_chat()
    nodes = sorted((await table.call("chats.open", id=chat))["nodes"], key=lambda n: n["seq"])
    texts = [n["revisions"][0]["text"] for n in nodes]
    assert texts == ["Ah, Robin! Mira was waiting.", "Sit, Robin."]


async def test_a_chats_own_profile_wins_over_the_default(table: Table, scripted_server: ScriptedServer) -> None:
    speaker = Speaker("From afar.")
    speaker.go_on.set()
    speaks(scripted_server, speaker)
    await table.use_server(scripted_server.url)
    await table.call("profiles.use", id="starter")
    near, far = await table.new_chat(), await table.new_chat(profile="server")
    await table.call("samplers.set", chat=near, values={"max_tokens": 8})
    _, here = await table.say(near, "Hello?")
    _, there = await table.say(far, "Hello?")
    assert (here["error"], there["error"]) == (None, None)
    assert here["model"] != there["model"] == "scripted"
    await table.call("chats.set", id=far, field="profile", value=None)
    await table.call("samplers.set", chat=far, values={"max_tokens": 8})
    assert (await table.say(far, "And now?"))[1]["model"] == here["model"]


async def test_hundreds_of_cards_are_read_without_holding_anybody_up(table: Table) -> None:
    folder, count = presets(table, "characters"), 300
    book = {"entries": [{"keys": [f"key {n}"], "content": "word " * 40, "extensions": {}} for n in range(30)]}
    for number in range(count):
        data = {"name": f"Guest {number}", "description": "word " * 500, "character_book": book}
        card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": data}
        (folder / f"guest-{number}.json").write_text(json.dumps(card), "utf-8")
    listing = asyncio.ensure_future(table.call("characters.list"))
    breaths, others = 0, 0
    while not listing.done():
        await asyncio.sleep(0.001)
        breaths += 1
        if breaths == 5:
            await table.call("connection.get")             # answered while the cards are being read
            others += not listing.done()
    assert len((await listing)["characters"]) >= count
    assert breaths > 20
    assert others == 1


async def test_what_is_wrong_is_told_when_somebody_comes(table: Table) -> None:
    (presets(table, "profiles") / "bad.yaml").write_text("backend:\n  kind: magic\n", "utf-8")
    await table.call("presets.list", kind="profiles")
    assert not [e for e in table.heard if e["type"] == "notice"]      # nobody there
    table.core.attached = 1
    await table.call("chats.list")
    await table.call("chats.list")
    told = [e["notice"]["args"] for e in table.heard if e["type"] == "notice"]
    assert [t["field"] for t in told] == ["backend.kind"]


async def test_a_reply_length_that_the_window_cannot_bear_is_said(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 5000})
    shown = await table.call("prompt.show", chat=chat)
    told = [n["args"] for n in shown["notices"] if n["args"].get("wanted") == 5000]
    assert [t["longest"] for t in told] == [341]


async def test_a_profile_that_is_gone_is_named_with_those_that_are_there(table: Table) -> None:
    await table.call("settings.set", name="profile", value="lost")
    chat = await table.new_chat()
    _, done = await table.say(chat, "Hello?")
    assert done["error"]["code"] == "not_found"
    assert done["error"]["what"]["args"]["name"] == "lost"
    assert "starter" in done["error"]["remedy"]["args"]["names"]
    await table.call("profiles.use", id="starter")
    assert (await table.say(chat, "Hello?"))[1]["error"] is None
