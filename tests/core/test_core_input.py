"""What callers may send: everything else is refused with a sentence that names the field."""

from __future__ import annotations

from typing import Any

import pytest
from core_table import Table

from tui.domain.errors import BadInput, NotFound, TraktirError
from tui.wire.ids import new_id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 7), ("title", ["a"]), ("note", {"a": 1}), ("note_depth", "4"), ("note_depth", -1),
        ("note_depth", 10_000), ("note_depth", True), ("note_depth", 1.5), ("note_role", "narrator"),
        ("samplers", ["temperature"]), ("samplers", {"warmth": 1}), ("samplers", {"temperature": "hot"}),
        ("samplers", {"top_p": 2}), ("lorebooks", "town"), ("lorebooks", [1]), ("card", {}), ("deleted", True),
        ("nonsense", 1), pytest.param("persona_text", "x" * 300_000, id="long"),
    ],
)
async def test_a_field_of_a_chat_takes_only_what_fits(table: Table, field: str, value: Any) -> None:
    chat = await table.new_chat()
    with pytest.raises(BadInput) as caught:
        await table.call("chats.set", id=chat, field=field, value=value)
    assert caught.value.details["field"] in (field, *(value if isinstance(value, dict) else ()))
    assert (await table.call("prompt.show", chat=chat))["tokens"] > 0    # and nothing is harmed


@pytest.mark.parametrize(
    ("field", "value"), [("profile", "nowhere"), ("template", "nowhere"), ("lorebooks", ["nowhere"])]
)
async def test_what_does_not_exist_cannot_be_chosen(table: Table, field: str, value: Any) -> None:
    chat = await table.new_chat()
    with pytest.raises(NotFound, match=r"nowhere|none"):
        await table.call("chats.set", id=chat, field=field, value=value)


async def test_a_note_at_depth_zero_stands_last(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("chats.set", id=chat, field="note", value="Be brief.")
    await table.call("chats.set", id=chat, field="note_depth", value=0)
    shown = await table.call("prompt.show", chat=chat, text="Hello?")
    sources = [s["source"] for s in shown["segments"] if s["included"]]
    assert sources[-1] == "note"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("chats.list", {"limit": "many"}), ("chats.list", {"query": 7}), ("chats.search", {}),
        ("node.delete", {"chat": "c", "nodes": [["a"]]}), ("node.delete", {"chat": "c", "nodes": "n"}),
        ("node.hide", {"chat": "c", "nodes": ["n"], "value": 1}), ("chats.create", {"id": 1, "character": "mira"}),
        ("samplers.set", {"chat": "c", "values": []}), ("import", {"name": "a", "data_base64": "%%%"}),
        ("import", {"name": "a", "data_base64": "é"}), ("characters.export", {"id": "mira", "format": "exe"}),
        ("connection.use", {"kind": "auto"}), ("connection.use", {"kind": "auto", "url": "x", "context_length": -1}),
        ("connection.use", {"kind": "magic", "url": "http://localhost:1"}), ("settings.set", {"name": "x", "value": 1}),
        ("settings.set", {"name": "unload_minutes", "value": -1}), ("presets.list", {"kind": "hats"}),
        ("settings.set", {"name": "template_pins", "value": {"model": None}}),
        ("presets.save", {"kind": "profiles", "id": "x", "text": "backend:\n  kind: embedded\n  gpu_layer: 3\n"}),
        ("chats.open", {"id": "x", "unheard": 1}),
    ],
)
async def test_a_call_that_is_off_is_refused_with_a_sentence(table: Table, method: str, params: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        await table.call(method, **params)
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("chats.open", {"id": "x"}), ("turn.say", {"text": "a"}), ("turn.reply", {}), ("turn.continue", {"node": "n"}),
        ("node.edit", {"node": "n", "text": "a"}), ("node.delete", {"nodes": ["n"]}), ("chats.undo", {"id": "x"}),
        ("summary.make", {"id": "s"}), ("summary.edit", {"summary": "s", "text": "a"}), ("prompt.show", {}),
        ("chats.create", {"id": "y", "character": "nobody"}), ("no.such.method", {}), ("profiles.use", {"id": "z"}),
        ("templates.pin", {"template": "z"}), ("connection.use", {"kind": "embedded", "model": "/nowhere.gguf"}),
    ],
)
async def test_what_is_not_there_is_named_not_stumbled_over(table: Table, method: str, params: dict[str, Any]) -> None:
    ids: dict[str, Any] = {}
    if method.startswith(("turn.", "node.", "summary.", "prompt.")):
        ids = {"chat": "x"}
    if method in ("turn.say", "turn.reply"):
        ids |= {"reply": "r", "reply_revision": "rr"}
    if method in ("turn.say", "node.edit", "turn.continue"):
        ids |= {"node": "n", "revision": "v"}
    with pytest.raises(TraktirError) as caught:
        await table.call(method, **{**ids, **params})
    assert caught.value.code == "not_found"


async def test_lists_are_bounded_whatever_is_asked_for(table: Table) -> None:
    await table.new_chat()
    for limit in (0, -5, 10**30):
        assert len((await table.call("chats.list", limit=limit))["chats"]) == 1
        await table.call("chats.search", query="a", limit=limit)


async def test_text_that_is_no_unicode_is_the_same_in_memory_and_on_disk(table: Table) -> None:
    chat = await table.new_chat()
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    broken = "one \ud83d two \ud83d\ude00 \x00\x1b[2J"
    await table.call("node.edit", chat=chat, node=head, revision=new_id(), text=broken)
    tree = await table.core.chats.get(chat)
    assert tree.nodes[head].text == "one \ufffd two \U0001f600 \x00\x1b[2J"
    await table.settled(chat)


async def test_a_message_cannot_be_edited_to_nothing(table: Table) -> None:
    chat = await table.new_chat()
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    with pytest.raises(BadInput, match="delete it instead"):
        await table.call("node.edit", chat=chat, node=head, revision=new_id(), text="  ")
