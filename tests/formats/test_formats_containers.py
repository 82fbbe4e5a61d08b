"""Cards in other containers than PNG and JSON: CHARX, JPEG with a CHARX behind it, WebP, YAML."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.errors import BadInput
from tui.formats import png
from tui.formats.card_read import read_card
from tui.formats.card_write import card_json, card_png

PICTURE = png.write_png(png.plain_picture(b"other", 3, 3))
CARD = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        "name": "Keeper",
        "first_mes": "hi",
        "assets": [
            {"type": "icon", "uri": "https://example.invalid/x.png", "name": "other", "ext": "png"},
            {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"},
        ],
    },
}


def charx(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


SOUND = charx({"assets/icon/images/main.png": PICTURE, "card.json": json.dumps(CARD).encode(), "module.risum": b"o\0"})


def webp(comment: bytes, order: str = "<") -> bytes:
    """A WebP file whose EXIF holds `comment`."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = struct.pack(order + "IH", 8, 1) + struct.pack(order + "HHII", 0x8769, 4, 1, 26) + struct.pack(order + "I", 0)
    inner = struct.pack(order + "H", 1) + struct.pack(order + "HHII", 0x9286, 7, len(comment), 44) + b"\0" * 4
    exif = head + body + inner + comment
    chunk = b"EXIF" + struct.pack("<I", len(exif)) + exif
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def test_a_charx_brings_its_card_and_its_portrait() -> None:
    for data in (SOUND, b"\xff\xd8\xff\xe0 a picture" + SOUND):
        file = read_card(data, "keeper.charx")
        assert (file.card.name, file.picture) == ("Keeper", PICTURE)
        assert json.loads(card_json(file)) == CARD
        assert [c for c in png.read_png(card_png(file)).chunks if c.kind == b"IDAT"] == [
            c for c in png.read_png(PICTURE).chunks if c.kind == b"IDAT"
        ]


def test_an_archive_is_never_trusted() -> None:
    with pytest.raises(BadInput, match=r"without card\.json"):
        read_card(charx({"x.txt": b""}), "x.charx")
    with pytest.raises(BadInput, match="unpacks to more than"):
        read_card(charx({"card.json": b" " * (17 << 20)}), "x.charx")
    with pytest.raises(BadInput, match="more than 4096"):
        read_card(charx({f"{n}": b"" for n in range(4097)}), "x.charx")
    outside = {
        **CARD,
        "data": {**CARD["data"], "assets": [{"type": "icon", "uri": "embeded:///etc/passwd", "name": "main"}]},
    }
    assert read_card(charx({"card.json": json.dumps(outside).encode()}), "x.charx").picture is None


def test_cards_in_webp_as_bytes_and_as_text() -> None:
    text = json.dumps({"name": "Ольга", "first_mes": "x"}, ensure_ascii=False).encode()
    for comment in (b"ASCII\0\0\0" + ",".join(map(str, text)).encode(), text, b"\0" * 8 + base64.b64encode(text)):
        for order in "<>":
            assert read_card(webp(comment, order), "o.webp").card.name == "Ольга"
    with pytest.raises(BadInput):
        read_card(webp(b"999,-5,1e9"), "o.webp")


def test_an_encrypted_card_is_named_as_such() -> None:
    chunks = png.plain_picture(b"", 2, 2)
    secret = png.Chunk(b"tEXt", b"chara\0rcc||rccv1||AAAA||00||e30=")
    with pytest.raises(BadInput, match="encrypted by RisuAI"):
        read_card(png.write_png([chunks[0], secret, *chunks[1:]]), "x.png")


def test_a_yaml_card_has_its_types_and_leaves_as_json() -> None:
    text = """\
name: Нет
description: no
alternate_greetings: [1, yes]
tags: [a]
nickname: Nyet
extensions: {mine: [x], depth_prompt: {prompt: stay, depth: 2, role: system}}
character_book:
  entries:
    - {keys: [лампа], content: 010, insertion_order: 7, enabled: false, constant: true,
       extensions: {match_whole_words: false}}
"""
    file = read_card(text.encode(), "нет.yaml")
    card = file.card
    assert (card.name, card.description, card.alternate_greetings) == ("Нет", "no", ("1", "yes"))
    assert (card.depth_prompt, card.depth_prompt_depth) == ("stay", 2)
    assert card.book is not None
    (entry,) = card.book.entries
    assert (entry.content, entry.order, entry.enabled, entry.constant, entry.whole_words) == (
        "010",
        7,
        False,
        True,
        False,
    )
    again = read_card(card_json(file), "x.json").card
    assert again.book is not None
    assert (again.book.entries[0].order, again.book.entries[0].enabled, again.nickname) == (7, False, "Nyet")
    raw = json.loads(card_json(file))["data"]["character_book"]["entries"][0]
    assert (raw["insertion_order"], raw["enabled"]) == (7, False)
    assert json.loads(card_json(file))["data"]["extensions"]["mine"] == ["x"]
    with pytest.raises(BadInput, match=r"x\.yaml, line [23]"):
        read_card(b"name: x\ntags: [a\nfirst_mes: b\n", "x.yaml")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([SOUND, webp(b'{"name": "x", "first_mes": "y"}'), b"\xff\xd8\xff" + SOUND]),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4), st.integers(0, 30)), min_size=1, max_size=4),
)
def test_mutated_containers_are_cards_or_explanations(data: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    for at, put, cut in edits:
        at %= len(data) + 1
        data = data[:at] + put + data[at + cut :]
    try:
        file = read_card(data, "x.charx")
    except BadInput:
        return
    read_card(card_png(file), "x.png")
