"""Foreign text can do nothing to the terminal, and loses nothing that a reader would miss."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.cleantext import clean, clean_line

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e0fff]"
)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://example.invalid\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\x", "x"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
        ("tab\tstays\nso does this", "tab\tstays\nso does this"),
        ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("invoice\u202egnp.exe", "invoice<U+202E>gnp.exe"),
        ("seen\U000e0041\U000e0042", "seen"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("Привет, «мир» 👩‍👩‍👧", "Привет, «мир» 👩‍👩‍👧"),
    ],
)
def test_what_could_steer_a_terminal_goes(given_text: str, expected: str) -> None:
    assert clean(given_text) == expected


def test_a_sequence_without_an_end_does_not_swallow_the_message() -> None:
    assert clean("\x1b]52;c;secret and then the reply") == "52;c;secret and then the reply"
    assert clean("â€\x9d she said, and left") == "â€ she said, and left"


def test_a_line_is_one_line_and_a_limit_is_kept() -> None:
    assert clean("a\n\n b\tc", multiline=False) == "a b c" == clean_line("a\n\n b\tc")
    assert clean("x" * 50, limit=10) == "x" * 9 + "…"
    assert len(clean_line("слово " * 1000, 20)) <= 20


@given(st.text(alphabet=st.characters(), max_size=200), st.one_of(st.none(), st.integers(1, 50)), st.booleans())
def test_nothing_dangerous_survives(text: str, limit: int | None, multiline: bool) -> None:
    out = clean(text, limit, multiline)
    assert not FORBIDDEN.search(out)
    assert clean(out, limit, multiline) == out
    assert limit is None or len(out) <= limit
    out.encode()


def test_joining_pieces_makes_no_new_sequence() -> None:
    assert "\x1b" not in clean("\x1b\x1b[31m[31m" + "\x1b")
