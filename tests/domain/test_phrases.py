"""A text is let through up to a phrase, however it is cut up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.phrases import PhraseWatch, folded

PHRASES = ("shivers down", "ёлка", "down, down", "a", "  ")


def let_through(watch: PhraseWatch, pieces: list[str]) -> tuple[str, str]:
    shown = ""
    for piece in pieces:
        free, met = watch.feed(piece)
        shown += free
        assert shown == shown.rstrip() or not free
        if met:
            return shown, met
    return shown + watch.rest(), ""


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(
    ["She ", "shivers", " down", ", ", "Down", " the", "Ё", "лка", "\n", "ел", "s", " ", "it", "'s a"]
), max_size=30), st.sets(st.sampled_from(PHRASES)))
def test_the_first_phrase_ends_it_and_nothing_of_it_was_shown(pieces: list[str], phrases: set[str]) -> None:
    text, wanted = folded("".join(pieces)), [p for p in phrases if p.strip()]
    places = [(text.find(p), p) for p in wanted if p in text]
    shown, met = let_through(PhraseWatch(phrases), pieces)
    if not places:
        assert (shown, met) == ("".join(pieces), "")
        return
    assert met
    assert not any(p in folded(shown) for p in wanted)
    assert "".join(pieces).startswith(shown)
    assert len(shown) <= max(at for at, _ in places)


def test_a_phrase_that_began_in_what_was_shown_is_met_all_the_same() -> None:
    watch = PhraseWatch(["never ever"])
    assert watch.feed("It was never") == ("It was", "")
    assert watch.feed(" ever so") == ("", "never ever")
    assert watch.feed(" quite the same") == (" quite the same", "")
    watch.open()
    assert watch.feed(" never ever") == (" never ever", "")
