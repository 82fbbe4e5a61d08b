"""A sentence that was only begun goes; nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.sentences import trimmed


@pytest.mark.parametrize(("text", "left"), [
    ("She smiled. He went to the", "She smiled."),
    ("«Пора», — сказала она. И он пош", "«Пора», — сказала она."),
    ("«Уже пора…» Он встал и", "«Уже пора…»"),
    ('"Come in!" She held the', '"Come in!"'),
    ("*She nods.* And then *he", "*She nods.*"),
    ("*She nods. And then he", "*She nods.*"),
    ("Well… perhaps", "Well…"),
    ("Really?! No", "Really?!"),
    ("He saw Dr. Morrow and", "He saw Dr. Morrow and"),
    ("Жил на ул. Мира и", "Жил на ул. Мира и"),
    ("All is said.", "All is said."),
    ("All is said.  \n", "All is said."),
    ("no end at all", "no end at all"),
    ("It costs 3.50 and", "It costs 3.50 and"),
    ("雨が止んだ。 彼女は", "雨が止んだ。"),
    ("", ""),
])
def test_up_to_the_last_whole_sentence(text: str, left: str) -> None:
    assert trimmed(text) == left


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(alphabet="ab .!?…»*\"\n", max_size=60))
def test_nothing_but_the_end_goes_and_twice_is_once(text: str) -> None:
    once = trimmed(text)
    assert text.startswith(once.rstrip('*"')) or text.startswith(once)
    assert len(once) <= len(text) + 2
    assert trimmed(once) in (once, once.rstrip())
