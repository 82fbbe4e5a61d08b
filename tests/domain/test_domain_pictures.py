"""Heads of picture files, and pictures as marks inside texts."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.domain.backend import ChatMessage, CompletionRequest, Image, Piece
from tui.domain.errors import BadInput
from tui.domain.picture_marks import Mark, cut, keys_in, labelled, mark_of, requested, without_marks
from tui.domain.pictures import MAX_BYTES, Picture, measure, picture_name
from tui.domain.samplers import Samplers

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", 640, 480) + b"\x08\2\0\0\0"
JPEG = (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x04\0\0\xff\xff\xc2\0\x11\x08"
        + struct.pack(">HH", 480, 640) + b"\3\1\x22\0\2\x11\1\3\x11\1")
GIF = b"GIF89a" + struct.pack("<HH", 640, 480) + b"\0\0\0"
BMP = b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, -480) + bytes(20)
BMP_OLD = b"BM" + bytes(12) + struct.pack("<IHH", 12, 640, 480) + bytes(20)
WEBP_X = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")
WEBP_L = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14)
WEBP = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480)
LAMP = Picture("0123456789abcdef" * 4, "lamp.png", "image/png", 640, 480, 10)


@pytest.mark.parametrize(("data", "mime"), [
    (PNG, "png"), (JPEG, "jpeg"), (GIF, "gif"), (BMP, "bmp"), (BMP_OLD, "bmp"), (WEBP_X, "webp"), (WEBP_L, "webp"),
    (WEBP, "webp"),
])
def test_the_kind_and_size_of_each(data: bytes, mime: str) -> None:
    found = measure(data)
    assert (found.mime, found.width, found.height) == (f"image/{mime}", 640, 480)


@pytest.mark.parametrize("data", [
    PNG[:16] + struct.pack(">II", 100_000, 1), PNG[:16] + struct.pack(">II", 13_000, 13_000),
    PNG[:16] + struct.pack(">II", 0, 5), PNG[:20], b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"P6 1 1 255 aaa", b"8BPS" + bytes(40), JPEG[:-14], b"\xff\xd8" + b"\xff\xe0\0\0" * 10, PNG + bytes(MAX_BYTES),
])
def test_what_is_none_or_too_large_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(BadInput):
        measure(data)


@settings(derandomize=True, max_examples=300)
@given(st.sampled_from([PNG, JPEG, GIF, BMP, WEBP_X, WEBP_L, WEBP]), st.data())
def test_no_bytes_do_harm(start: bytes, data: st.DataObject) -> None:
    broken = bytearray(start[:data.draw(st.integers(0, len(start)))] + data.draw(st.binary(max_size=60)))
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = measure(bytes(broken))
    except BadInput:
        return
    assert 0 < found.width * found.height <= 40_000_000


@settings(derandomize=True, max_examples=100)
@given(st.text(max_size=300))
@example("../../etc/passwd")
@example("C:\\x\\y\u202e.png")
def test_a_name_is_one_line_that_can_be_shown(name: str) -> None:
    shown = picture_name(name)
    assert 0 < len(shown) <= 80
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert "/" not in shown


def test_a_mark_is_found_again_and_nothing_else_is() -> None:
    text = f"before {mark_of(LAMP)}\nbehind"
    assert cut(text) == ["before ", Mark(LAMP.id[:16], 640, 480), "\nbehind"]
    assert cut("plain") == ["plain"]
    assert cut("\ufdd0broken\ufdd1") == ["\ufdd0broken\ufdd1"]
    assert without_marks(text) == "before \nbehind"
    assert labelled({"a": [text]}, {LAMP.id[:16]: LAMP}) == {"a": ["before ▣ lamp.png · 640×480\nbehind"]}


def test_a_request_has_its_pictures_where_they_stood() -> None:
    image = Image(LAMP.id, "image/png", b"x")
    text = f"{mark_of(LAMP)}\nLook!"
    request = CompletionRequest(
        "r", (Piece("<user>", True), Piece(text), Piece("</user>", True)), Samplers(), 5,
        messages=(ChatMessage("user", text), ChatMessage("assistant", "Yes.")))
    shown = {LAMP.id[:16]: LAMP}
    assert keys_in(request) == [LAMP.id[:16]]
    made = requested(request, shown, [image])
    assert made.pieces == (
        Piece("<user>", True), Piece("[image: lamp.png]", image=LAMP.id), Piece("\nLook!"), Piece("</user>", True))
    assert made.messages[0] == ChatMessage("user", "Look!", images=(LAMP.id,))
    assert made.images == (image,)
    lost = requested(request, shown, [])
    assert lost.images == ()
    assert lost.messages[0].content == "[image: lamp.png]\nLook!"
