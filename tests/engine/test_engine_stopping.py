"""Stop strings over a stream, and bytes that become characters late."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tui.engine.shown import Writer
from tui.engine.stopping import StopScanner

LETTERS = st.text("ab\n:", max_size=40)
STOPS = st.lists(st.text("ab\n:", min_size=1, max_size=5), max_size=4)


def chunks(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(places)]


@given(text=LETTERS, stops=STOPS, cuts=st.lists(st.integers(0, 40), max_size=10))
def test_however_it_is_cut_the_text_ends_where_the_first_stop_string_is_complete(
    text: str, stops: list[str], cuts: list[int],
) -> None:
    scanner = StopScanner(stops)
    shown = []
    for chunk in chunks(text, cuts):
        shown.append(scanner.feed(chunk))
    shown.append(scanner.rest())
    given_out = "".join(shown)
    assert text.startswith(given_out)
    assert not any(stop in given_out for stop in stops)
    if scanner.hit:
        assert text.startswith(given_out + scanner.hit)
    else:
        assert given_out == text


@given(text=LETTERS, stops=STOPS)
def test_letter_by_letter_nothing_is_held_longer_than_need_be(text: str, stops: list[str]) -> None:
    scanner, shown = StopScanner(stops), ""
    for number, letter in enumerate(text, 1):
        shown += scanner.feed(letter)
        if scanner.hit:
            return
        held = text[len(shown):number]
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)
    assert shown + scanner.rest() == text


def test_a_longer_stop_string_wins_over_a_shorter_with_the_same_start() -> None:
    scanner = StopScanner(["Alex", "Alex:"])
    assert scanner.feed("Hi\nAlex: yes") == "Hi\n"
    assert scanner.hit == "Alex:"
    assert scanner.feed("more") == ""


def written(data: list[bytes], stops: list[str]) -> list[str]:
    out: list[str] = []
    writer = Writer(stops, out.append, lambda _: None)
    for piece in data:
        if writer.write(piece):
            break
    writer.close()
    return out


@given(st.text(max_size=30), st.integers(1, 4))
def test_bytes_arrive_as_whole_characters(text: str, size: int) -> None:
    data = text.encode("utf-8", "replace")
    out = written([data[at:at + size] for at in range(0, len(data), size)], [])
    assert "".join(out) == data.decode()
    assert all(out)


def test_a_stop_string_of_characters_that_come_in_bytes() -> None:
    data = "Да.\nАлекс: нет".encode()
    assert written([data[at:at + 1] for at in range(len(data))], ["\nАлекс:"]) == ["Д", "а", "."]


def test_a_character_that_never_came_whole_is_dropped_and_a_wrong_byte_is_marked() -> None:
    assert "".join(written([b"ok ", "🦙".encode()[:2]], [])) == "ok "
    assert "".join(written([b"ok \xff!"], [])) == "ok \ufffd!"
