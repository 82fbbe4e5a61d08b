"""Lorebooks of every dialect come in, and leave as they came."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.domain.errors import BadInput
from tui.domain.lore import Lorebook, LoreEntry
from tui.formats.detect import detect_kind
from tui.formats.lore_read import book_from_card, read_lore_file, read_lorebook
from tui.formats.lore_write import card_book_object, lorebook_json

BOOKS = Path(__file__).parents[2].parent / "shared" / "data" / "lorebooks"
UNREADABLE = {"cfg_quack_lorebook.json", "nai_Ripple_a.lorebook", "nai_gen_d.lorebook", "nai_gen_zero.lorebook"}


def jsn(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.skipif(not BOOKS.is_dir(), reason="the shared data are not here")
def test_every_real_book_is_read_and_leaves_unchanged() -> None:
    for path in sorted(BOOKS.iterdir()):
        data = path.read_bytes()
        if path.name in UNREADABLE:
            with pytest.raises(BadInput, match=path.name.replace(".", r"\.")):
                read_lorebook(data, path.name)
            continue
        book = read_lorebook(data, path.name)
        assert book.entries, path.name
        assert all(k.strip() for e in book.entries for k in e.keys)
        assert len({e.uid for e in book.entries}) == len(book.entries)
        assert detect_kind(data, path.name) == "lorebook"
        if path.suffix != ".story":  # which has more in it than its book
            out = lorebook_json(book)
            assert json.loads(out) == json.loads(data), path.name
            assert read_lorebook(out, path.name).entries == book.entries


WORLD = {
    "entries": {
        "0": {
            "uid": 0,
            "key": ["lamp", "  ", ""],
            "keysecondary": ["oil"],
            "content": "Bright.",
            "comment": "Lamp",
            "order": 7,
            "position": 4,
            "depth": 2,
            "role": 2,
            "disable": False,
            "selective": True,
            "selectiveLogic": 3,
            "constant": False,
            "probability": 40,
            "useProbability": True,
            "caseSensitive": None,
            "matchWholeWords": True,
            "scanDepth": 9,
            "sticky": 3,
            "group": "g",
            "x_mine": 1,
        },
        "5": {
            "uid": 5,
            "key": ["/h[ae]rbour/i"],
            "content": "West.",
            "disable": True,
            "constant": True,
            "probability": 10,
            "useProbability": False,
        },
    },
    "x_top": [1.50],
}


def test_the_fields_of_a_world_arrive() -> None:
    lamp, harbour = read_lorebook(jsn(WORLD), "w.json").entries
    assert lamp == LoreEntry(
        uid="0",
        keys=("lamp",),
        secondary_keys=("oil",),
        content="Bright.",
        comment="Lamp",
        order=7,
        position="at_depth",
        depth=2,
        role="assistant",
        selective=True,
        logic=3,
        probability=40,
        whole_words=True,
        scan_depth=9,
        sticky=3,
        groups=("g",),
    )
    assert (harbour.enabled, harbour.constant, harbour.use_regex, harbour.probability) == (False, True, True, 100)
    assert harbour.position == "before_char"


def test_a_changed_entry_changes_alone() -> None:
    book = read_lorebook(jsn(WORLD), "w.json")
    new = LoreEntry(uid="new", keys=("salt",), content="White.", position="after_char")
    changed = replace(book, entries=(replace(book.entries[0], content="Dim.", enabled=False), book.entries[1], new))
    out = json.loads(lorebook_json(changed))
    assert out["x_top"] == [1.5]
    assert out["entries"]["0"] == {**WORLD["entries"]["0"], "content": "Dim.", "disable": True}
    assert out["entries"]["5"] == WORLD["entries"]["5"]
    again = read_lorebook(lorebook_json(changed), "w.json")
    assert [e.content for e in again.entries] == ["Dim.", "West.", "White."]
    assert again.entries[2].position == "after_char"
    removed = json.loads(lorebook_json(replace(book, entries=book.entries[1:])))
    assert list(removed["entries"]) == ["5"]


def test_a_new_book_becomes_a_world() -> None:
    book = Lorebook(
        "b", "Mine", (LoreEntry("a", ("k",), content="c", role="user", position="at_depth", logic=2, selective=True),)
    )
    again = read_lorebook(lorebook_json(book), "mine.json")
    assert again.name == "Mine"
    assert replace(again.entries[0], uid="a") == book.entries[0]


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        (
            "lorebook_v3",
            {
                "spec": "lorebook_v3",
                "data": {
                    "entries": [
                        {
                            "keys": ["k"],
                            "content": "c",
                            "enabled": True,
                            "insertion_order": 3,
                            "use_regex": False,
                            "extensions": {},
                        }
                    ]
                },
            },
        ),
        (
            "novelai",
            {
                "lorebookVersion": 4,
                "entries": [{"text": "c", "keys": ["k"], "enabled": True, "contextConfig": {"budgetPriority": 3}}],
            },
        ),
        (
            "agnai",
            {
                "kind": "memory",
                "entries": [{"name": "n", "keywords": ["k"], "entry": "c", "weight": 3, "enabled": True}],
            },
        ),
        (
            "risu",
            {"type": "risu", "ver": 1, "data": [{"key": "k", "content": "c", "insertorder": 3, "mode": "normal"}]},
        ),
        (
            "card",
            {
                "spec": "chara_card_v2",
                "data": {
                    "name": "n",
                    "first_mes": "x",
                    "character_book": {
                        "entries": [{"keys": ["k"], "content": "c", "enabled": True, "insertion_order": 3}]
                    },
                },
            },
        ),
    ],
)
def test_each_dialect_says_the_same(dialect: str, value: Any) -> None:
    file = read_lore_file(jsn(value), "b.json")
    (entry,) = file.book.entries
    assert (entry.keys, entry.content, entry.order, entry.enabled) == (("k",), "c", 3, True)
    changed = replace(file.book, entries=(replace(entry, content="new"),))
    assert read_lorebook(lorebook_json(changed), "b.json").entries[0].content == "new"


def test_ai_dungeon_keys_stand_in_one_text() -> None:
    (entry,) = read_lorebook(jsn([{"keys": "a, b", "value": "c"}]), "b.json").entries
    assert (entry.keys, entry.content) == (("a", "b"), "c")


SILLY = Path(__file__).parents[2].parent / "shared" / "data" / "sillytavern"


@pytest.mark.skipif(not SILLY.is_dir(), reason="the shared data are not here")
def test_sillytaverns_own_world_and_card_book_say_the_same() -> None:
    world = read_lore_file((SILLY / "fixtures" / "worlds" / "AllPos.json").read_bytes(), "AllPos.json")
    card = read_lore_file((SILLY / "st_written" / "BookAllPos.png").read_bytes(), "BookAllPos.png")
    assert (world.dialect, card.dialect) == ("world", "card_book")
    seen = {e.position for e in world.book.entries}
    assert seen >= {"before_char", "after_char", "note_top", "note_bottom", "at_depth", "examples_top"}
    for ours, theirs in zip(world.book.entries, card.book.entries, strict=True):
        for field in ("uid", "keys", "content", "position", "depth", "role", "constant", "order", "enabled", "logic"):
            assert getattr(ours, field) == getattr(theirs, field)


FIELDS: dict[str, tuple[Any, Any]] = {
    "groups": (("g", "h"), {"group": "g, h,,"}), "group_override": (True, {"groupOverride": True}),
    "group_weight": (7, {"groupWeight": "7"}), "group_scoring": (False, {"useGroupScoring": False}),
    "sticky": (3, {"sticky": 3}), "cooldown": (4, {"cooldown": 4}), "delay": (5, {"delay": 5}),
    "exclude_recursion": (True, {"excludeRecursion": True}), "prevent_recursion": (True, {"preventRecursion": True}),
    "delay_until_recursion": (2, {"delayUntilRecursion": 2}), "triggers": (("swipe",), {"triggers": ["swipe"]}),
    "match_fields": (frozenset({"persona", "scenario"}), {"matchPersonaDescription": True, "matchScenario": True}),
    "characters": (("Mira",), {"characterFilter": {"isExclude": False, "names": ["Mira"], "tags": []}}),
    "character_tags": (("t1",), {"characterFilter": {"isExclude": False, "names": [], "tags": ["t1"]}}),
    "characters_exclude": (True, {"characterFilter": {"isExclude": True, "names": [], "tags": []}}),
    "outlet": ("out", {"outletName": "out"}), "stem": (True, {"extensions": {"traktir": {"stem": True}}}),
    "anchored": (False, {"extensions": {"traktir": {"anchored": False}}}),
}


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_world_arrives_and_leaves(field: str) -> None:
    value, item = FIELDS[field]
    data = {"entries": {"0": {"uid": 0, "key": ["k"], "content": "c", "x": 1, **item}}}
    book = read_lorebook(jsn(data), "w.json")
    assert getattr(book.entries[0], field) == value
    assert json.loads(lorebook_json(book)) == data
    plain = LoreEntry("0", ("k",), content="c")
    for dialect in (data | {"entries": {"0": {"uid": 0, "key": ["k"], "content": "c", "x": 1}}}, {
        "entries": [{"id": 0, "keys": ["k"], "content": "c", "enabled": True, "insertion_order": 100, "x": 1}]
    }):
        bare = read_lorebook(jsn(dialect), "w.json")
        assert getattr(bare.entries[0], field) == getattr(plain, field)
        changed = replace(bare, entries=(replace(bare.entries[0], **{field: value}),))
        again = read_lorebook(lorebook_json(changed), "w.json")
        assert again.entries == changed.entries
        assert json.loads(lorebook_json(replace(again, entries=bare.entries)))["entries"]
    fresh = Lorebook("b", "B", (replace(plain, **{field: value}),))
    assert read_lorebook(lorebook_json(fresh), "w.json").entries == fresh.entries
    assert book_from_card(card_book_object(fresh), "B").entries == fresh.entries


def test_an_old_yes_for_the_delay_is_the_first_level() -> None:
    data = {"entries": {"0": {"key": ["k"], "content": "c", "delayUntilRecursion": True, "useGroupScoring": None}}}
    book = read_lorebook(jsn(data), "w.json")
    assert (book.entries[0].delay_until_recursion, book.entries[0].group_scoring) == (1, None)
    changed = replace(book, entries=(replace(book.entries[0], content="d"),))
    assert json.loads(lorebook_json(changed))["entries"]["0"] == {**data["entries"]["0"], "content": "d"}


def test_a_book_keeps_what_only_this_program_knows() -> None:
    book = read_lorebook(jsn({"entries": {"0": {"key": ["k"], "content": "c"}}, "extensions": {"x": 1}}), "w.json")
    again = read_lorebook(lorebook_json(replace(book, stem=True, anchored=False)), "w.json")
    assert (again.stem, again.anchored, again.raw["extensions"]["x"]) == (True, False, 1)
    back = json.loads(lorebook_json(replace(again, stem=None, anchored=None)))
    assert back["extensions"] == {"x": 1}


def test_an_entry_for_an_outlet_keeps_its_place() -> None:
    file = read_lore_file(
        jsn({"entries": {"0": {"key": ["k"], "content": "c", "position": 7, "outletName": "x"}}}), "w.json"
    )
    assert (file.book.entries[0].position, file.book.entries[0].outlet) == ("outlet", "x")
    assert json.loads(lorebook_json(file.book))["entries"]["0"]["position"] == 7


def test_decorators_stay_in_the_text_for_the_scan_to_read() -> None:
    content = "@@depth 0\n@@role assistant\n\nSaid."
    book = {"entries": [{"keys": ["k"], "content": content, "enabled": True, "insertion_order": 0, "extensions": {}}]}
    assert read_lorebook(jsn(book), "b.json").entries[0].content == content


def test_a_folder_is_no_entry_and_a_bad_entry_costs_only_itself() -> None:
    book = {
        "entries": [
            {"keys": ["\uf000folder:1"], "content": "", "mode": "folder"},
            None,
            7,
            {"keys": None, "content": None},
            {"keys": {"a": "x"}, "content": ["l", "m"], "insertion_order": "nine"},
        ]
    }
    entries = read_lorebook(jsn(book), "b.json").entries
    assert [(e.keys, e.content, e.order) for e in entries] == [((), "", 100), (("x",), "l\nm", 100)]
