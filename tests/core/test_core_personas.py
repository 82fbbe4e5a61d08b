"""Personas: several, each where it holds, and what of them the model reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from core_table import Table

from tui import paths
from tui.domain.errors import BadInput, NotFound, StoreError

BACKUP = {
    "personas": {"user-default.png": "Alex", "knight.png": "Sir Oak", "1699.png": "Оля"},
    "persona_descriptions": {
        "user-default.png": {"description": "{{user}} is a courier.", "position": 0},
        "knight.png": {"description": "A knight of wood.", "position": 4, "depth": 3, "role": 1, "lorebook": "Gone",
                       "title": "the tall one", "connections": [{"type": "character", "id": "Mira.png"}]},
    },
    "default_persona": "1699.png",
}


async def persona(table: Table, name: str, description: str, **more: Any) -> str:
    got = await table.call("personas.save", values={"name": name, "description": description, **more})
    return str(got["persona"]["id"])


async def prompt(table: Table, chat: str) -> str:
    return str((await table.call("prompt.show", chat=chat, text="Well?"))["text"])


async def test_the_lock_to_the_chat_goes_before_the_characters_and_that_before_the_default(table: Table) -> None:
    pytest.importorskip("llama_cpp")
    oak, ash, elm = [await persona(table, n, f"{n} is made of wood.") for n in ("Oak", "Ash", "Elm")]
    chat = await table.new_chat()
    for use, name in (({"id": elm, "default": True}, "Elm"), ({"id": ash, "character": "mira"}, "Ash"),
                      ({"id": oak, "chat": chat}, "Oak")):
        await table.call("personas.use", **use)
        text = await prompt(table, chat)
        assert f"{name} is made of wood." in text
    listed = await table.call("personas.list", chat=chat)
    assert (listed["current"], listed["by"]) == (oak, "chat")
    await table.call("chats.undo", id=chat)
    assert (await table.call("personas.list", chat=chat))["by"] == "character"
    await table.call("personas.delete", id=ash)
    listed = await table.call("personas.list", chat=chat)
    assert (listed["current"], listed["by"], listed["characters"]) == (elm, "default", {})
    other = await table.new_chat("ansel")
    assert (await table.call("personas.list", chat=other))["current"] == elm
    await table.call("personas.use", default=True)
    assert (await table.call("personas.list", chat=other))["current"] is None
    with pytest.raises(NotFound):
        await table.call("personas.use", id=ash, chat=chat)


async def test_what_was_said_keeps_its_name_and_the_place_of_the_description_is_the_personas(table: Table) -> None:
    pytest.importorskip("llama_cpp")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 4})
    oak = await persona(table, "Oak", "Oak is tall.")
    ash = await persona(table, "Ash", "Ash is grey.", position="at_depth", depth=0)
    await table.call("personas.use", id=oak, chat=chat)
    await table.say(chat, "Hello.")
    await table.call("personas.use", id=ash, chat=chat)
    await table.say(chat, "Hello again.")
    opened = await table.call("chats.open", id=chat)
    assert [n["name"] for n in opened["nodes"] if n["role"] == "user"] == ["Oak", "Ash"]
    text = await prompt(table, chat)
    assert "Oak is tall." not in text
    assert text.index("Hello again.") < text.index("Ash is grey.")
    await table.call("chats.set", id=chat, field="persona_position", value="none")
    assert "Ash is grey." not in await prompt(table, chat)


async def test_a_backup_of_sillytavern_comes_in_once_and_goes_out_the_same(table: Table) -> None:
    text = json.dumps(BACKUP, ensure_ascii=False)
    came = await table.call("personas.import", text=text)
    assert came == {"added": 3, "known": 0, "missing_lorebooks": ["Gone"], "locked": 1}
    again = await table.call("personas.import", text=text)
    assert (again["added"], again["known"]) == (0, 3)
    listed = await table.call("personas.list")
    by_name = {p["name"]: p for p in listed["personas"]}
    knight = by_name["Sir Oak"]
    assert (knight["position"], knight["depth"], knight["role"]) == ("at_depth", 3, "user")
    assert knight["title"] == "the tall one"
    assert listed["default"] == by_name["Оля"]["id"]
    assert listed["characters"] == {"mira": knight["id"]}
    out = json.loads((await table.call("personas.export"))["text"])
    assert sorted(out["personas"].values()) == ["Alex", "Sir Oak", "Оля"]
    (described,) = [d for d in out["persona_descriptions"].values() if d["title"]]
    assert (described["position"], described["depth"], described["role"]) == (4, 3, 1)
    assert out["personas"][out["default_persona"]] == "Оля"
    for broken in ("", "[]", '{"personas": []}', "[" * 100_000, '{"personas": {}}'):
        with pytest.raises(BadInput):
            await table.call("personas.import", text=broken)


async def test_what_does_not_fit_is_refused_and_a_damaged_file_is_left_alone(table: Table) -> None:
    odd = {"personas": {"a": "A", "b": 7, "": " "}, "persona_descriptions": {"a": {"connections": 5, "position": "x"}}}
    assert (await table.call("personas.import", text=json.dumps(odd)))["added"] == 1
    odd = {"personas": {"c": "C"}, "persona_descriptions": [], "default_persona": 3}
    assert (await table.call("personas.import", text=json.dumps({"power_user": odd})))["added"] == 1
    oak = await persona(table, "Oak", "")
    for values in ({"name": " "}, {"depth": -1}, {"position": "nowhere"}, {"role": "king"}, {"colour": "red"}):
        with pytest.raises(BadInput):
            await table.call("personas.save", id=oak, values=values)
    with pytest.raises(NotFound):
        await table.call("personas.save", id=oak, values={"lorebooks": ["no such book"]})
    file = paths.config_dir() / "personas.json"
    file.write_text("{ half", "utf-8")
    with pytest.raises(StoreError, match="damaged"):
        await persona(table, "Ash", "")
    assert file.read_text("utf-8") == "{ half"
