"""Server-sent events, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends.sse import EventParser, ServerEvent, TooLong


def parse(*chunks: bytes, max_line: int = 1 << 20) -> list[ServerEvent]:
    parser = EventParser(max_line)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.close()


def feed_often(parser: EventParser, chunk: bytes) -> None:
    for _ in range(100):
        parser.feed(chunk)


def data(*chunks: bytes) -> list[str]:
    return [event.data for event in parse(*chunks)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_taken(newline: str) -> None:
    stream = newline.join([": hi", "event: message", "data: одна", "data:two", "", "data: {}", "", ""])
    assert parse(stream.encode()) == [ServerEvent("message", "одна\ntwo"), ServerEvent("message", "{}")]


def test_a_last_line_without_newline_counts() -> None:
    assert data(b'data: {"a":1}\n\ndata: [DONE]') == ['{"a":1}', "[DONE]"]


def test_named_events_comments_and_unknown_fields() -> None:
    stream = b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\nevent: error\ndata\ndata: x\n\n: ping\n"
    assert parse(stream) == [ServerEvent("error", "\nx")]


def test_only_real_line_ends_split_a_line() -> None:
    text = "a\u2028b\u0085c\x0bd"
    assert data(f"data: {text}\n\n".encode()) == [text]


def test_a_byte_order_mark_and_broken_utf8_do_no_harm() -> None:
    assert data(b"\xef\xbb\xbfdata: a\n\n", b"data: \xff\xd0\n\n") == ["a", "\ufffd\ufffd"]


def test_a_line_without_end_is_refused() -> None:
    parser = EventParser(max_line=1000)
    with pytest.raises(TooLong):
        feed_often(parser, b"data: " + b"x" * 90)


def test_an_event_without_end_is_refused() -> None:
    parser = EventParser(max_line=1000)
    with pytest.raises(TooLong):
        feed_often(parser, b"data: " + b"x" * 90 + b"\n")


_LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "", ":", ": ping", "data: [DONE]", "event: error", "data", "id: 3", "data:{}"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12).map(
            "data: {}".format
        ),
    ),
    max_size=12,
)


@given(_LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 400), max_size=12))
def test_any_cutting_gives_the_same_events(lines: list[str], newline: str, cuts: list[int]) -> None:
    stream = newline.join(lines).encode()
    places = [0, *sorted(c for c in cuts if c < len(stream)), len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(places)]
    assert parse(*chunks) == parse(stream) == parse(*(stream[i : i + 1] for i in range(len(stream))))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20), max_size=5))
def test_what_is_written_is_read(texts: list[str]) -> None:
    stream = "".join(f"data: {t}\n\n" for t in texts).encode()
    assert data(stream) == texts
