"""What is done to the beginning of a reply, however it is cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.core.shaping import ReplyShaper


def shaped(pieces: list[str], *, continued: bool = False) -> str:
    shaper = ReplyShaper(["Mira"], continued=continued)
    return "".join(shaper.feed(piece) for piece in pieces) + shaper.finish()


def test_the_name_and_the_blanks_before_a_reply_go() -> None:
    assert shaped(["\n Mi", "ra", ":", "  Good", " evening."]) == "Good evening."
    assert shaped(["Miranda is here."]) == "Miranda is here."
    assert shaped(["Mira"]) == "Mira"
    assert shaped(["Mira: "]) == ""
    assert shaped([" ", "\n"]) == ""


def test_only_the_first_name_goes() -> None:
    assert shaped(["Mira: Mira: hm"]) == "Mira: hm"


def test_a_continuation_is_left_as_it_comes() -> None:
    assert shaped([" and", " so"], continued=True) == " and so"


def test_halves_of_a_character_are_joined_and_a_lone_half_is_replaced() -> None:
    assert shaped(["a\ud83d", "\ude00b"]) == "a\U0001f600b"
    assert shaped(["a\ud83d", "b"]) == "a\ufffdb"
    assert shaped(["a\ude00", "b\ud83d"]) == "a\ufffdb\ufffd"


_PARTS = st.sampled_from(["Mira", ":", " ", "\n", "M", "i", "ra:", "x", "\ud83d", "\ude00", "слово", "\u00a0"])


@given(st.lists(_PARTS, max_size=8), st.data())
def test_any_cut_into_pieces_gives_the_same_text(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts)
    places = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=len(whole))))
    pieces = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]
    result = shaped(pieces)
    assert result == shaped([whole])
    result.encode()
