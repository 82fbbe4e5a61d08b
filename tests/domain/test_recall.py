"""Finding what was said long ago: passages, ranks, and why."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.core.stems import stem_word
from tui.domain.recall import (
    LONGEST_PASSAGE,
    PassageIndex,
    Query,
    cut_text,
    document_passages,
    message_passages,
    recollect,
)

_TALK = (
    "We walked along the river until dark.", "The inn was full, so we slept in the barn.",
    "Doctor Hale warned me never to touch the blue mushrooms.", "It rained, and the fire would not catch.",
    "You laughed at my hat again.", "A cart of apples had lost its wheel.", "Бабушка Аграфена пекла пироги с рыбой.",
    "Мы долго спорили о цене лодки.",
)


def _index(texts: Sequence[str]) -> tuple[PassageIndex, list[tuple[str, str]]]:
    index = PassageIndex(stem_word)
    for at, text in enumerate(texts):
        index.add(f"n{at}", "r", message_passages(f"n{at}", "r", "Mira", text))
    return index, [(f"n{at}", "r") for at in range(len(texts))]


def _ask(text: str, texts: Sequence[str] = _TALK) -> list[str]:
    index, there = _index(texts)
    return [found.passage.source for found in recollect(index, Query(((text, 1.0),)), there)]


def test_other_forms_of_a_word_find_what_was_said_in_both_languages() -> None:
    assert _ask("Which mushroom did the doctors warn about?")[0] == "n2"
    assert _ask("С чем был пирог у бабушки?")[0] == "n6"
    assert _ask("Спор о лодках чем кончился?")[0] == "n7"


def test_small_words_call_up_nothing() -> None:
    assert _ask("And what would you do then?") == []
    assert _ask("") == []


def test_what_is_said_all_the_time_calls_up_nothing() -> None:
    assert _ask("The rain again?", [f"The rain falls on roof number {n}." for n in range(100)]) == []


def test_what_was_edited_or_is_on_another_branch_is_not_found() -> None:
    index, there = _index(_TALK)
    query = Query((("mushrooms", 1.0),))
    assert recollect(index, query, [(source, "other") for source, _ in there]) == []
    assert recollect(index, query, there[:2]) == []


def test_why_a_passage_was_found_names_the_words_as_they_were_typed() -> None:
    index, there = _index(_TALK)
    found = recollect(index, Query((("Did DOCTORS mention mushrooms?", 1.0),)), there)[0]
    assert found.words == ("DOCTORS", "mushrooms")
    assert found.score == 1.0


def test_what_was_said_before_the_question_only_helps() -> None:
    index, there = _index(_TALK)
    long = " ".join(text for text in _TALK if "mushroom" not in text)
    found = recollect(index, Query((("Those mushrooms?", 1.0), (long, 0.1))), there)
    assert found[0].passage.source == "n2"


def test_words_and_meaning_are_fused_and_each_is_told() -> None:
    index, there = _index(_TALK)
    near = {("n3", "r", 0): 0.9, ("n2", "r", 0): 0.8, ("n4", "r", 0): 0.1, ("n5", "zz", 0): 0.99}
    found = recollect(index, Query((("mushrooms", 1.0),)), there, near)
    assert [f.passage.source for f in found] == ["n2", "n3"]       # by both; by its meaning alone
    assert found[0].words
    assert found[0].likeness == 0.8
    assert found[1].words == ()


def test_the_same_text_is_recalled_once() -> None:
    assert _ask("mushrooms", ["Blue mushrooms.", "Nothing.", "Blue mushrooms."]) == ["n0"]


def test_passages_of_a_document_know_their_heading() -> None:
    text = "Preface.\n\n# The harbour\n\nShips lie there.\n\n## Customs\n\nThree silver a barrel.\n"
    found = document_passages("d", "x", "notes.md", text)
    assert [(p.heading, p.text) for p in found] == [
        ("", "Preface."), ("The harbour", "Ships lie there."), ("Customs", "Three silver a barrel."),
    ]
    index = PassageIndex(stem_word)
    index.add("d", "x", found)
    assert [f.passage.at for f in recollect(index, Query((("the harbour?", 1.0),)), [("d", "x")])] == [1]


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.text(alphabet="ab .!?\n«»яё", max_size=3000))
def test_no_word_is_lost_where_a_text_is_cut_and_no_piece_is_too_long(text: str) -> None:
    pieces = cut_text(text, 100)
    assert all(0 < len(piece) <= 100 + 34 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_message_of_usual_length_is_one_passage() -> None:
    assert len(cut_text("word " * (LONGEST_PASSAGE // 10))) == 1
