"""Regex scripts in a chat: what is kept, shown and sent, and whose consent a card's own need."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from core_table import Speaker, Table, speaks
from scripted import ScriptedServer

from tui import paths
from tui.wire.ids import new_id


def script(find: str, replace: str, *placement: int, **more: Any) -> dict[str, Any]:
    return {"scriptName": find, "findRegex": find, "replaceString": replace, "placement": list(placement), **more}


def write(*scripts: dict[str, Any], name: str = "mine.json") -> None:
    folder = paths.config_dir() / "regex"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(list(scripts)), "utf-8")


async def connect(table: Table, server: ScriptedServer) -> None:
    speakers = [Speaker("Well said.") for _ in range(4)]
    for speaker in speakers:
        speaker.go_on.set()
    speaks(server, *speakers)
    await table.use_server(server.url)


async def path_of(table: Table, chat: str) -> list[dict[str, Any]]:
    opened = await table.call("chats.open", id=chat)
    nodes, at, out = {n["id"]: n for n in opened["nodes"]}, opened["chat"]["head"], []
    while at is not None:
        out.append(nodes[at])
        at = nodes[at]["parent"]
    return out[::-1]


async def test_a_script_changes_for_good_what_is_said_and_answered_and_keeps_what_it_was(
    table: Table, scripted_server: ScriptedServer
) -> None:
    write(script("/cat/g", "dog", 1), script(r"/\w+/", "<$0> {{user}}", 2))
    await connect(table, scripted_server)
    chat = await table.new_chat()
    reply, _ = await table.say(chat, "a cat, a cat")
    said, answered = (await path_of(table, chat))[-2:]
    assert [r["text"] for r in said["revisions"]] == ["a cat, a cat", "a dog, a dog"]
    assert said["current"] == said["revisions"][-1]["id"]
    first, second = answered["revisions"]
    word = first["text"].split()[0].strip(",.!?")
    assert second["text"].startswith(f"<{word}> Guest")
    assert answered["current"] == second["id"]
    undone = await table.call("chats.undo", id=chat)
    assert undone["label"]["id"] == "the regex scripts"
    assert (await path_of(table, chat))[-1]["current"] == first["id"]
    assert reply == answered["id"]


async def test_prompt_scripts_change_what_is_sent_and_display_scripts_what_is_shown(
    table: Table, scripted_server: ScriptedServer
) -> None:
    write(script("/secret/g", "S", 1, promptOnly=True), script("/secret/", "SHOWN", 1, markdownOnly=True))
    await connect(table, scripted_server)
    chat = await table.new_chat()
    await table.say(chat, "my secret word")
    said = (await path_of(table, chat))[-2]
    assert [r["text"] for r in said["revisions"]] == ["my secret word"]
    plan = await table.call("prompt.show", chat=chat)
    texts = [s["text"] for s in plan["segments"] if s["source"] == f"message:{said['id']}"]
    assert texts == ["my S word"]
    shown = await table.call("regex.display", chat=chat)
    assert shown == {"active": True, "texts": {said["current"]: "my SHOWN word"}}
    await table.call("regex.switch", id="mine:1", value=False)
    assert (await table.call("regex.display", chat=chat))["active"] is False


async def test_an_edit_is_changed_only_by_scripts_that_run_on_edits(
    table: Table, scripted_server: ScriptedServer
) -> None:
    write(script("/a/g", "b", 1), script("/x/g", "y", 1, runOnEdit=True))
    await connect(table, scripted_server)
    chat = await table.new_chat()
    await table.say(chat, "m")
    node = (await path_of(table, chat))[-2]
    await table.call("node.edit", chat=chat, node=node["id"], revision=new_id(), text="a x")
    assert (await path_of(table, chat))[-2]["revisions"][-1]["text"] == "a y"


async def test_a_cards_own_scripts_wait_for_consent_and_ask_again_when_they_change(table: Table) -> None:
    def card(replace: str) -> bytes:
        data = {"name": "Rex", "description": "d", "first_mes": "hi",
                "extensions": {"regex_scripts": [script("/a/g", replace, 1, markdownOnly=True)]}}
        return json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}).encode()

    folder: Path = paths.config_dir() / "characters"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rex.json").write_bytes(card("b"))
    chat = await table.new_chat("rex")
    assert (await table.call("regex.display", chat=chat))["active"] is False
    await table.call("regex.allow", chat=chat, value=True)
    assert (await table.call("regex.display", chat=chat))["active"] is True
    listed = await table.call("regex.list", chat=chat)
    assert listed["allowed"] is True
    assert [s["scope"] for s in listed["scripts"]] == ["card"]
    (folder / "rex.json").write_bytes(card("something else"))
    await table.core.library.refresh()
    assert (await table.call("regex.list", chat=chat))["allowed"] is False
    assert (await table.call("regex.display", chat=chat))["active"] is False


async def test_a_script_that_hangs_is_told_once_and_what_is_said_is_said(
    table: Table, scripted_server: ScriptedServer
) -> None:
    write(script("/^(a+)+$/g", "x", 1))
    await connect(table, scripted_server)
    chat = await table.new_chat()
    await table.say(chat, "a" * 50 + "b")
    assert (await path_of(table, chat))[-2]["revisions"][0]["text"] == "a" * 50 + "b"
    told = [e for e in table.heard if e["type"] == "notice" and "passed over" in e["notice"]["id"]]
    assert len(told) == 1
    tried = await table.call("regex.test", text="a" * 50 + "b")
    assert tried["text"] == "a" * 50 + "b"
    assert list(tried["troubles"]) == ["/^(a+)+$/g"]


async def test_a_file_of_scripts_is_imported_as_it_is(table: Table) -> None:
    data = json.dumps(script("/a/", "b", 2)).encode()
    got = await table.call("import", name="regex-x.json", data_base64=base64.b64encode(data).decode())
    assert [(f["kind"], f["name"], f["error"]) for f in got["files"]] == [("regex", "/a/", None)]
    assert [p.read_bytes() for p in (paths.config_dir() / "regex").iterdir()] == [data]
    assert [s["scriptName"] for s in (await table.call("regex.list"))["scripts"]] == ["/a/"]


KIT = Path(__file__).parents[2].parent / "shared" / "data" / "sillytavern" / "st_written" / "quick_reply_set_Kit.json"


@pytest.mark.skipif(not KIT.exists(), reason="no file of SillyTavern's here")
async def test_a_quick_reply_set_that_sillytavern_wrote_comes_in_as_it_is(table: Table) -> None:
    data = KIT.read_bytes()
    got = await table.call("import", name=KIT.name, data_base64=base64.b64encode(data).decode())
    assert [(f["kind"], f["name"], f["error"]) for f in got["files"]] == [("quick replies", "Kit", None)]
    (one,) = (await table.call("quick.list"))["sets"]
    assert one["fill_only"] is True
    assert [(r["label"], r["message"]) for r in one["replies"]] == [("Look", "/send *looks around*")]
