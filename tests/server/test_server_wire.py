"""What travels: deltas, frames, JSON, the build id."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.wire import build
from tui.wire.codec import decode, encode
from tui.wire.deltas import apply_delta, coalesce, join_deltas
from tui.wire.sse import PING, Frame, FrameReader, frame


@st.composite
def _deliveries(draw: st.DrawFn) -> tuple[str, list[tuple[int, str]]]:
    """A text in pieces, each delivered at least once, in any order, some again and some joined."""
    pieces = draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8))
    offsets = [sum(map(len, pieces[:i])) for i in range(len(pieces))]
    deltas = list(zip(offsets, pieces, strict=True))
    spans = draw(st.lists(st.tuples(st.integers(0, len(pieces) - 1), st.integers(1, 3)), max_size=5))
    joined = [(offsets[i], "".join(pieces[i:i + n])) for i, n in spans]
    return "".join(pieces), draw(st.permutations(deltas + joined + draw(st.lists(st.sampled_from(deltas), max_size=5))))


@given(_deliveries())
def test_any_order_and_repetition_gives_the_same_text(case: tuple[str, list[tuple[int, str]]]) -> None:
    whole, deliveries = case
    text, waiting = "", list(deliveries)
    while waiting:
        offset, piece = waiting.pop(0)
        applied = apply_delta(text, offset, piece)
        if applied is None:
            waiting.append((offset, piece))         # a gap: it comes again later
        else:
            text = applied
    assert text == whole
    for offset, piece in deliveries:
        assert apply_delta(text, offset, piece) == whole


def test_a_delta_that_would_leave_a_gap_is_refused() -> None:
    assert apply_delta("ab", 3, "x") is None
    assert apply_delta("ab", -1, "x") is None
    assert apply_delta("ab", 2, "x") == "abx"


def _delta(offset: int, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "delta", "chat": "c", "node": "n", "revision": "r", "offset": offset, "text": text, **more}


def test_only_neighbours_in_the_same_text_are_joined() -> None:
    assert join_deltas(_delta(0, "ab"), _delta(2, "c")) == _delta(0, "abc")
    assert join_deltas(_delta(0, "ab"), _delta(3, "c")) is None
    assert join_deltas(_delta(0, "ab"), _delta(2, "c", node="other")) is None
    assert join_deltas(_delta(0, "ab"), _delta(2, "c", reasoning="thought")) is None
    assert join_deltas(_delta(0, "", reasoning="a"), _delta(0, "", reasoning="a")) == _delta(0, "", reasoning="aa")
    more = _delta(0, "", reasoning_offset=4, reasoning="b")
    assert join_deltas(_delta(0, "", reasoning_offset=3, reasoning="a"), more) == _delta(
        0, "", reasoning_offset=3, reasoning="ab"
    )
    assert join_deltas(_delta(0, "", reasoning_offset=2, reasoning="a"), more) is None
    assert join_deltas(_delta(0, "ab"), {"type": "turn"}) is None


def test_a_joined_delta_has_the_number_of_its_last_part() -> None:
    events = [(1, _delta(0, "a")), (2, _delta(1, "b")), (3, {"type": "turn"}), (4, _delta(2, "c"))]
    assert coalesce(events) == [(2, _delta(0, "ab")), (3, {"type": "turn"}), (4, _delta(2, "c"))]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.text())), st.data())
def test_frames_survive_any_cut(events: list[tuple[int, str]], data: st.DataObject) -> None:
    stream = b"".join(frame(f"E:{n}", encode({"t": text})) + PING for n, text in events)
    reader, got = FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += reader.feed(stream[:size])
        stream = stream[size:]
    assert [(f.id, decode(f.data)) for f in got] == [(f"E:{n}", {"t": text}) for n, text in events]


def test_a_frame_may_hold_only_an_id() -> None:
    assert list(FrameReader().feed(frame("E:7"))) == [Frame("E:7", b"")]


@given(st.text(st.characters()))
def test_json_keeps_every_text_in_one_line(text: str) -> None:
    packed = encode({"t": text})
    assert decode(packed) == {"t": text}
    assert b"\n" not in packed
    assert b"\r" not in packed


def test_json_too_deep_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="deep"):
        decode(b"[" * 200_000)


def test_the_build_id_changes_with_the_sources(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_ROOT", tmp_path)
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "one.py").write_text("x = 1")
    before = build.build_id()
    assert build.build_id() == before
    (tmp_path / "part" / "one.py").write_text("x = 12")
    assert build.build_id() != before
