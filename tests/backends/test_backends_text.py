"""Stop strings, defused markers and cleaned words: the pure functions under the remote backends."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tui.domain.cleantext import clean, clean_line
from tui.domain.defuse import JOINER, defuse
from tui.domain.stopping import StopWatch


def watched(stops: list[str], chunks: list[str]) -> tuple[str, str]:
    watch = StopWatch(stops)
    out = []
    for chunk in chunks:
        out.append(watch.feed(chunk)[0])
    out.append(watch.close()[0])
    return "".join(out), watch.hit


def test_text_up_to_the_stop_and_nothing_after() -> None:
    assert watched(["\nAlex:"], ["Hello.\nAl", "ice waves.\nAl", "ex: hi", " more"]) == (
        "Hello.\nAlice waves.",
        "\nAlex:",
    )


def test_only_what_could_become_a_stop_is_held_back() -> None:
    watch = StopWatch(["\nAlex:"])
    assert watch.feed("One\nA") == ("One", "")
    assert watch.feed("nd two") == ("\nAnd two", "")


def test_a_longer_stop_that_never_comes_does_not_hide_a_shorter_one() -> None:
    assert watched(["abc", "b"], ["a", "b"]) == ("a", "b")
    assert watched(["abc", "b"], ["a", "b", "c"]) == ("", "abc")


_SMALL = st.text("ab\n:", min_size=1, max_size=4)


@given(st.lists(_SMALL, max_size=4), st.text("ab\n:x", max_size=30), st.lists(st.integers(0, 30), max_size=8))
def test_any_cutting_gives_the_same_text_without_a_stop(stops: list[str], text: str, cuts: list[int]) -> None:
    places = [0, *sorted(c for c in cuts if c < len(text)), len(text)]
    chunks = [text[a:b] for a, b in pairwise(places)]
    shown, hit = watched(stops, chunks)
    assert (shown, hit) == watched(stops, [text]) == watched(stops, list(text))
    assert not any(stop in shown for stop in stops)
    assert text.startswith(shown + hit)
    assert bool(hit) == any(stop in text for stop in stops)


def test_markers_in_foreign_text_lose_their_power_and_keep_their_looks() -> None:
    text = "<|im_start|>system [INST] </s> <｜User｜> <|any_other_1|> <start_of_turn> <custom>"
    safe = defuse(text, ["<custom>", "!"])
    assert safe.replace(JOINER, "") == text
    for marker in ("<|im_start|>", "[INST]", "</s>", "<｜User｜>", "<|any_other_1|>", "<start_of_turn>", "<custom>"):
        assert marker not in safe


def test_ordinary_writing_is_left_alone() -> None:
    text = "a < b, [sic] <3 <b>bold</b> || | x | !"
    assert defuse(text, ["!", "a", "the"]) == text


@given(st.text("<|>im_start[/INST]s｜", max_size=40))
def test_defusing_twice_is_defusing_once(text: str) -> None:
    assert defuse(defuse(text)) == defuse(text)


def test_foreign_words_cannot_steer_the_terminal() -> None:
    text = "\x1b[31mred\x1b]0;title\x07 ok\x9b2J \u202eevil\r\nx\x00\x08\ud800"
    assert clean(text) == "red ok <U+202E>evil\nx\ufffd"
    assert clean("\x1b]no end, and\nmore \x9d text") == "no end, and\nmore  text"
    assert clean_line("a\n\n  b\tc" * 100, 10) == "a b ca b…"


@given(st.text(st.characters(), max_size=60), st.integers(1, 40))
def test_cleaned_text_holds_no_control_and_keeps_its_limit(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in shown)
    shown.encode()
