"""Cards of every make come in, and go out again with nothing lost."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.domain.errors import BadInput
from tui.formats import png
from tui.formats.card_read import CardFile, read_card
from tui.formats.card_write import card_json, card_png
from tui.formats.detect import detect_kind

CARDS = Path(__file__).parents[2].parent / "shared" / "data" / "cards"
#: Files without a card that anything could read; everything else in the folder must be read.
UNREADABLE = {
    "backyard_3.byaf",
    "broken_bad_escapes.json",
    "broken_charx_no_card.charx",
    "broken_charx_truncated.charx",
    "broken_html_error_page.png",
    "broken_truncated_in_chunk.png",
    "cfg_itxt_sample.png",
    "cfg_ztxt_sample.png",
    "cfg_plain_image.png",
    "cfg_quack_export.json",
    "vt_base.png",
}
V3 = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "unknown_top": {"keep": [1, 2.50, 9007199254740993]},
    "name": "Old mirror",
    "data": {
        "name": "Keeper",
        "description": "{{char}} keeps the lamp.\r\nÄ — ж",
        "personality": "patient",
        "scenario": "s",
        "first_mes": "*nods*",
        "mes_example": "",
        "creator_notes": "n",
        "system_prompt": "",
        "tags": ["lamp"],
        "post_history_instructions": "",
        "alternate_greetings": ["Two.", "Three."],
        "creator": "c",
        "character_version": "1",
        "group_only_greetings": [],
        "nickname": "Kip",
        "unknown_data": None,
        "extensions": {"my_app": {"x": 1e2}, "depth_prompt": {"prompt": "note", "depth": 3, "role": "user"}},
        "character_book": {
            "name": "b",
            "x_book": 1,
            "entries": [
                {
                    "id": 7,
                    "keys": ["Lamp"],
                    "content": "@@depth 3\n@@role user\n\nBright.",
                    "enabled": True,
                    "insertion_order": 5,
                    "extensions": {"x_entry": [1]},
                    "use_regex": True,
                    "x_own": "y",
                },
                {
                    "id": 8,
                    "keys": ["/ha.*r/i"],
                    "content": "West.",
                    "enabled": False,
                    "insertion_order": 6,
                    "extensions": {},
                    "use_regex": True,
                },
            ],
        },
    },
}


def jsn(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def picture(*texts: tuple[bytes, bytes], after: bool = False) -> bytes:
    chunks = png.plain_picture(b"x", 2, 2)
    extra = [png.Chunk(kind, data) for kind, data in texts]
    return png.write_png([chunks[0], *(chunks[1:2] + extra if after else extra + chunks[1:2]), chunks[2]])


def chara(value: Any, word: bytes = b"chara") -> tuple[bytes, bytes]:
    return b"tEXt", word + b"\0" + base64.b64encode(jsn(value))


def payloads(data: bytes) -> dict[str, Any]:
    image = png.read_png(data)
    return {
        word: json.loads(base64.b64decode(png.text_of(c) or b"")) for word, c in png.texts(image, ("chara", "ccv3"))
    }


@pytest.mark.skipif(not CARDS.is_dir(), reason="the shared data are not here")
def test_every_real_card_is_read_and_every_other_file_is_explained() -> None:
    for path in sorted(CARDS.iterdir()):
        data = path.read_bytes()
        if path.name in UNREADABLE:
            with pytest.raises(BadInput) as caught:
                read_card(data, path.name)
            assert path.name in str(caught.value)
            continue
        file = read_card(data, path.name)
        assert file.card.name
        assert file.card.description or file.card.first_mes or file.card.name in {"V3", "Second"}
        assert "\r" not in file.card.description
        assert detect_kind(data, path.name) == "card"


@pytest.mark.skipif(not CARDS.is_dir(), reason="the shared data are not here")
def test_import_export_import_is_a_fixed_point() -> None:
    for path in sorted(CARDS.iterdir()):
        if path.name in UNREADABLE or path.stat().st_size > 400_000:
            continue
        first = read_card(path.read_bytes(), path.name)
        if first.container == "json":
            assert card_json(first) == path.read_bytes()
        once = card_png(first)
        again = read_card(once, path.name)
        assert without_raw(again) == without_raw(first), path.name
        twice = card_png(again)
        assert payloads(twice) == payloads(once), path.name
        assert card_png(read_card(twice, path.name)) == twice, path.name


def without_raw(file: CardFile) -> dict[str, Any]:
    card = file.card
    fields = {n: getattr(card, n) for n in card.__slots__ if n not in {"raw", "spec", "book"}}
    return {**fields, "entries": card.book.entries if card.book else None}


def test_what_a_program_does_not_know_survives_an_edit() -> None:
    source = jsn(V3).replace(b"2.5,", b"2.50,").replace(b"100.0", b"1e2")
    file = read_card(
        picture((b"tEXt", b"ccv3\0" + base64.b64encode(source)), (b"tEXt", b"Comment\0mine"), after=True), "k.png"
    )
    out = card_png(file, {"description": "New.", "depth_prompt": "other"})
    ccv3, v2 = payloads(out)["ccv3"], payloads(out)["chara"]
    assert ccv3["data"]["description"] == "New."
    assert ccv3["data"]["extensions"]["my_app"] == {"x": 100.0}
    assert ccv3["data"]["extensions"]["depth_prompt"] == {"prompt": "other", "depth": 3, "role": "user"}
    assert ccv3["data"]["character_book"] == V3["data"]["character_book"]
    assert ccv3["unknown_top"]["keep"] == [1, 2.5, 9007199254740993]
    assert "unknown_data" in ccv3["data"]
    assert (v2["spec"], v2["spec_version"]) == ("chara_card_v2", "2.0")
    assert v2["data"]["character_book"]["entries"][0]["content"] == "Bright."
    assert any(c.data == b"Comment\0mine" for c in png.read_png(out).chunks)
    text = base64.b64decode(png.text_of(next(c for w, c in png.texts(png.read_png(out), ("ccv3",)))) or b"").decode()
    assert "2.50" in text
    assert "1e2" in text


def test_an_edited_name_reaches_the_old_mirror_too() -> None:
    out = json.loads(card_json(read_card(jsn(V3), "k.json"), {"name": "Warden", "tags": ["a"]}))
    assert (out["name"], out["data"]["name"], out["data"]["tags"]) == ("Warden", "Warden", ["a"])
    with pytest.raises(BadInput, match="nme"):
        card_json(read_card(jsn(V3), "k.json"), {"nme": "x"})


def test_a_v1_card_becomes_v2_when_it_is_edited() -> None:
    flat = {
        "name": "A",
        "description": "d",
        "personality": "",
        "scenario": "",
        "first_mes": "hi",
        "mes_example": "",
        "fav": "x",
    }
    file = read_card(jsn(flat), "a.json")
    assert (file.spec, card_json(file)) == ("v1", jsn(flat))
    out = json.loads(card_json(file, {"alternate_greetings": ["two"]}))
    assert out["fav"] == "x"
    assert out["spec"] == "chara_card_v2"
    assert read_card(jsn(out), "a.json").card.greetings == ("hi", "two")


def test_fields_of_a_v3_card_arrive() -> None:
    card = read_card(jsn(V3), "k.json").card
    assert (card.display_name, card.name) == ("Kip", "Keeper")
    assert card.description == "{{char}} keeps the lamp.\nÄ — ж"
    assert card.greetings == ("*nods*", "Two.", "Three.")
    assert (card.depth_prompt, card.depth_prompt_depth, card.depth_prompt_role) == ("note", 3, "user")
    assert card.book is not None
    lamp, west = card.book.entries
    assert (lamp.keys, lamp.content, lamp.order) == (("Lamp",), "@@depth 3\n@@role user\n\nBright.", 5)
    assert (west.enabled, west.use_regex) == (False, True)


def test_an_edited_book_keeps_what_it_does_not_know() -> None:
    from dataclasses import replace

    file = read_card(jsn(V3), "k.json")
    book = file.card.book
    assert book is not None
    changed = replace(book, entries=(replace(book.entries[0], content="@@depth 3\nDim.", order=9), book.entries[1]))
    out = json.loads(card_json(file, {"book": changed}))["data"]["character_book"]
    assert out["x_book"] == 1
    assert out["entries"][0]["content"] == "@@depth 3\nDim."
    assert out["entries"][0]["insertion_order"] == 9
    assert (out["entries"][0]["x_own"], out["entries"][0]["extensions"]["x_entry"]) == ("y", [1])
    assert out["entries"][1] == V3["data"]["character_book"]["entries"][1]


@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"chara\0" + base64.b64encode(jsn(V3))),
        (b"tEXt", b"Chara\0" + base64.urlsafe_b64encode(jsn(V3)).rstrip(b"=")),
        (b"tEXt", b"chara\0" + base64.encodebytes(jsn(V3))),
        (b"tEXt", b"chara\0" + base64.b64encode(base64.b64encode(jsn(V3)))),
        (b"tEXt", b"ccv3\0" + jsn(V3)),
        (b"zTXt", b"chara\0\0" + zlib.compress(base64.b64encode(jsn(V3)))),
        (b"iTXt", b"ccv3\0\0\0\0\0" + base64.b64encode(jsn(V3))),
        (b"iTXt", b"ccv3\0\1\0en\0x\0" + zlib.compress(base64.b64encode(jsn(V3)))),
    ],
)
def test_a_card_is_found_in_any_kind_of_text_chunk(chunk: tuple[bytes, bytes]) -> None:
    for after in (False, True):
        assert read_card(picture(chunk, after=after), "x.png").card.name == "Keeper"


def test_ccv3_is_preferred_and_chara_is_the_way_back() -> None:
    other = {**V3, "data": {**V3["data"], "name": "Second"}}
    assert read_card(picture(chara(other), chara(V3, b"ccv3")), "x.png").card.name == "Keeper"
    assert read_card(picture(chara(other), (b"tEXt", b"ccv3\0bm90IGpzb24=")), "x.png").card.name == "Second"
    last = read_card(picture(chara(V3), chara(other)), "x.png")
    assert last.card.name == "Second"
    assert any("last one counts" in str(n) for n in last.notes)


def test_damage_to_the_picture_does_not_cost_the_card() -> None:
    good = picture(chara(V3))
    assert read_card(good[:-20], "x.png").card.name == "Keeper"
    at = good.index(b"tEXt")
    length = struct.unpack(">I", good[at - 4 : at])[0]
    wrong = good[: at + 4 + length] + b"\0\0\0\0" + good[at + 8 + length :]
    assert any("checksums" in str(n) for n in read_card(wrong, "x.png").notes)
    assert read_card(good + b"after the end", "x.png").card.name == "Keeper"


def test_a_card_without_a_picture_gets_one() -> None:
    out = card_png(read_card(jsn(V3), "k.json"))
    assert png.read_png(out).drawable
    assert read_card(out, "k.png").card.name == "Keeper"


def test_wrong_types_are_repaired_and_said() -> None:
    data = {
        "name": 7,
        "description": None,
        "first_mes": ["a", "b"],
        "tags": "x, y",
        "alternate_greetings": "hey",
        "character_version": 2,
        "extensions": None,
        "character_book": [],
    }
    file = read_card(jsn({"spec": "chara_card_v2", "spec_version": 2, "data": data}), "x.json")
    card = file.card
    assert (card.name, card.first_mes, card.tags, card.alternate_greetings) == ("7", "a\nb", ("x", "y"), ("hey",))
    assert (card.character_version, card.book) == ("2", None)
    assert file.notes


def test_a_name_that_cannot_be_seen_becomes_the_files() -> None:
    assert read_card(jsn({"name": "\u200b \u3164", "first_mes": "x"}), "lamp keeper.json").card.name == "lamp keeper"


GOOD = picture(chara(V3), chara(V3, b"ccv3"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=4), st.integers(0, 40)), min_size=1, max_size=4
    )
)
def test_a_mutated_png_is_a_card_or_an_explanation(edits: list[tuple[int, bytes, int]]) -> None:
    data = GOOD
    for at, put, cut in edits:
        data = data[:at] + put + data[at + cut :]
    try:
        file = read_card(data, "x.png")
    except BadInput:
        return
    read_card(card_png(file), "x.png")
    read_card(card_json(file, {"creator": "me"}), "x.json")


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "data",
                        "spec",
                        "tags",
                        "first_mes",
                        "character_book",
                        "entries",
                        "keys",
                        "key",
                        "content",
                        "extensions",
                        "position",
                        "depth",
                        "alternate_greetings",
                        "description",
                        "depth_prompt",
                        "prompt",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=30,
    )
)
def test_any_json_is_a_card_or_an_explanation(value: Any) -> None:
    try:
        file = read_card(json.dumps(value).encode(), "x.json")
    except BadInput:
        return
    changed = read_card(card_json(file, {"scenario": "new"}), "x.json")
    assert changed.card.scenario == "new"
    assert changed.card.name == file.card.name


def test_damaged_json_is_not_handed_on() -> None:
    broken = jsn(V3).replace(b'"patient"', b"NaN") + b"\n\0}"
    file = read_card(picture((b"tEXt", b"ccv3\0" + base64.b64encode(broken))), "x.png")
    assert len(file.notes) >= 2
    assert json.loads(card_json(file))["data"]["personality"] is None
    assert payloads(card_png(file))["ccv3"]["data"]["name"] == "Keeper"
