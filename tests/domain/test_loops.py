"""Loops are told from text that only has its habits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.loops import BACK, LoopWatch, words_of

STORY = (
    "The rain had stopped by the time they reached the mill. Somebody had left a lamp in the window, and its light lay "
    "across the yard like spilled milk. Anna shook the water from her sleeves. She did not like the silence, nor the "
    "way the door stood open by a hand's breadth. Behind her the mule blew through its nose and would not move. "
    "There were boots on the step, small ones, wet through, and beside them a basket of eggs that nobody had broken."
)
RUSSIAN = (
    "Ёлка стояла у окна, и снег за ней шёл так густо, что фонаря не было видно. Домовой сидел на печи и вязал носок. "
    "Он никогда не признавался, для кого вяжет. Кошка смотрела на клубок и думала о своём; за стеной бормотало радио, "
    "и кто-то на лестнице долго искал ключи. Хозяйка пришла поздно, принесла мандарины и новости, а носок так и "
    "остался недовязанным до самой весны."
)


@pytest.mark.parametrize("text", [STORY, RUSSIAN])
def test_a_story_is_no_loop_however_much_of_it_there_is(text: str) -> None:
    watch = LoopWatch([text[:200], "Something else altogether."])
    assert not any(LoopWatch([]).measure(text[:end]).alarm for end in range(0, len(text), 7))
    assert not watch.measure(text[200:]).alarm


@pytest.mark.parametrize(("said", "again"), [
    (STORY, "She looked at the door again. "),
    (RUSSIAN, "И снова посмотрел на дверь. "),
    (STORY, "no, "),
    (RUSSIAN, "ха-ха "),
])
def test_what_goes_round_is_found_and_cut_where_it_began(said: str, again: str) -> None:
    text = said + " " + again * 30
    loop = LoopWatch([]).measure(text)
    assert loop.alarm
    assert loop.kind == "within"
    assert text[:loop.start].startswith(said[:-2])
    assert text[:loop.start].count(again) <= 6 if len(again) < 8 else text[:loop.start].count(again) <= 1


def test_a_reply_that_was_given_before_is_a_loop_from_its_beginning() -> None:
    loop = LoopWatch(["Well?", STORY, "Other."]).measure(STORY.upper().replace(",", ""))
    assert (loop.kind, loop.alarm, loop.start) == ("message", True, 0)
    assert LoopWatch(["I do not know."]).measure("I do not know!").alarm
    assert not LoopWatch(["Yes."]).measure("Yes.").alarm
    assert not LoopWatch([STORY, *["And now for something else."] * BACK]).measure(STORY).alarm


def test_a_new_beginning_before_what_was_said_is_kept() -> None:
    new = "He laughed at that, for he had heard it in another town. "
    loop = LoopWatch([STORY]).measure(new + STORY)
    assert loop.alarm
    assert loop.start == len(new)


def test_sentences_that_all_begin_as_before_are_a_loop() -> None:
    before = "She smiles and pours the tea. He looks at her. Outside it rains again. They say nothing at all."
    now = "She smiles and waits for snow. He looks at boats. Outside it rains on goats. They say nothing new."
    loop = LoopWatch([before]).measure(now)
    assert (loop.kind, loop.alarm) == ("openings", True)
    assert not LoopWatch([before]).measure(now.replace("She smiles and", "Mira puts down")
                                           .replace("He looks at", "The old clerk")).alarm


def test_languages_without_blanks_are_compared_by_their_characters() -> None:
    once = "雨はもう止んでいた。誰かが窓辺に灯りを置いていった。彼女は静けさが好きではなかった。"
    assert not LoopWatch([]).measure(once).alarm
    assert LoopWatch([]).measure(once * 4).alarm
    assert [w.text for w in words_of("Ёж’s «дом-2»")] == ["еж's", "дом-2"]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(max_size=300), st.lists(st.text(max_size=200), max_size=8))
def test_any_text_can_be_measured(text: str, before: list[str]) -> None:
    loop = LoopWatch(before).measure(text)
    assert 0 <= loop.share <= 1
    assert 0 <= loop.start <= len(text)
    assert loop.alarm or loop.start == len(text)
