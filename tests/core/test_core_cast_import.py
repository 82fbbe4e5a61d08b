"""Groups of SillyTavern: their files, and the chats that belong to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from core_table import Table

from tui.core.cast_import import in_group
from tui.core.importing import Importer
from tui.domain.errors import BadInput
from tui.formats.chat_read import read_chat
from tui.formats.groups import is_group, read_group

FIXTURES = Path(__file__).parents[2].parent / "shared" / "data" / "sillytavern" / "fixtures"


def test_a_group_file_is_read_whole_and_what_does_not_fit_takes_the_defaults() -> None:
    group = read_group({
        "id": "1", "name": "The pier", "members": ["Nell.png", "Bob.png", 7, "Nell.png"],
        "disabled_members": ["Bob.png"],
        "activation_strategy": 3, "generation_mode": 2, "allow_self_responses": True, "auto_mode_delay": 9,
        "generation_mode_join_prefix": "<FIELDNAME>:", "chat_id": "b", "chats": ["a", "b"], "fav": True,
    })
    cast = group.cast
    assert [(m.id, m.muted) for m in cast.members] == [("Nell", False), ("Bob", True)]
    assert (cast.strategy, cast.joining, cast.self_replies, cast.delay) == ("pooled", "join_all", True, 9.0)
    assert (cast.prefix, group.chats, group.favourite) == ("<FIELDNAME>:", ("b", "a"), True)
    odd = read_group({"members": [], "chat_id": None, "activation_strategy": "x", "auto_mode_delay": -1}).cast
    assert (odd.strategy, odd.joining, odd.delay) == ("natural", "swap", 5.0)
    for broken in (None, [], {}, {"members": "Nell"}, {"members": []}):
        assert not is_group(broken)
        with pytest.raises(BadInput):
            read_group(broken)


@pytest.mark.skipif(not FIXTURES.exists(), reason="the shared data are not here")
async def test_chats_of_groups_that_sillytavern_wrote_play_on_as_groups(table: Table) -> None:
    core = table.core
    for card in ("Mira", "Bob"):
        data = (FIXTURES / "characters" / f"{card}.png").read_bytes()
        await Importer(core.library, core.chats, core.events).take(f"characters/{card}.png", data)
    ids = {i.value.card.name: i.id for i in core.library.items("characters") if i.source == "own"}
    importer = Importer(core.library, core.chats, core.events)
    for file in sorted((FIXTURES / "groups").glob("*.json")):
        group = read_group(json.loads(file.read_text("utf-8")))
        for name in group.chats:
            data = (FIXTURES / "group chats" / f"{name}.jsonl").read_bytes()
            (read,) = read_chat(data, f"{name}.jsonl")
            chat, missing = in_group(importer.chat(read, ""), group, core.library, lambda stem: ids.get(stem, ""))
            assert not missing
            await core.chats.add(chat)
            told = await table.call("cast.get", chat=chat.id)
            assert [m["name"] for m in told["cast"]["members"]] == ["Mira", "Bob"]
            said = [n for n in chat.path() if n.role == "assistant"]
            assert said
            assert {n.extra["speaker"] for n in said} <= set(ids.values())
            gone, missing = in_group(importer.chat(read, ""), group, core.library, lambda stem: "")
            assert (missing, "cast" in gone.fields) == (("Mira", "Bob"), False)
