"""JSON in pieces is the JSON of the interpreter's own coder, and no step of it takes long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.wire.codec import decode, encode
from tui.wire.pace import at_once
from tui.wire.pieces import decode_steps, encode_steps

_text = st.text(st.characters(), max_size=9)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=9), st.dictionaries(_text, inner, max_size=9),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: some * 40),
        st.dictionaries(_text, inner, max_size=3).map(lambda some: {f"{n}": some for n in range(70)}),
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(_values)
def test_what_is_written_in_pieces_is_read_in_pieces_and_whole(value: Any) -> None:
    written = b"".join(at_once(encode_steps(value)))
    assert decode(written) == value
    assert at_once(decode_steps(written)) == value
    spread = json.dumps(value, indent=1).encode()
    assert at_once(decode_steps(spread)) == value


@settings(derandomize=True, max_examples=120, deadline=None)
@given(_values, st.data())
def test_a_damaged_text_is_refused_where_the_whole_coder_refuses_it(value: Any, data: st.DataObject) -> None:
    text = bytearray(encode({"a": value, "b": [value]}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from(b'{}[]",:\\u0 n1-'))
    try:
        wanted: Any = json.loads(bytes(text), strict=False)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 (whichever: its kind is what callers look at)
            at_once(decode_steps(bytes(text)))
        return
    assert at_once(decode_steps(bytes(text))) == wanted


_LONG = ["x" * 2_000_000, 'я"\\\n' * 300_000, "\U0001f600" * 200_000, "\ud83d\ude00x" * 99_999]


@pytest.mark.parametrize("text", _LONG, ids=["plain", "escapes", "faces", "halves"])
def test_long_texts_are_cut_nowhere_that_shows(text: str) -> None:
    for whole in (encode({"a": text}), json.dumps({"a": text}).encode()):
        assert at_once(decode_steps(whole)) == json.loads(whole)
    assert json.loads(b"".join(at_once(encode_steps([text])))) == json.loads(encode([text]))


def test_a_list_of_thousands_is_many_steps() -> None:
    nodes = [{"id": str(n), "text": "слово " * 80} for n in range(5000)]
    written = b"".join(at_once(encode_steps({"ok": {"nodes": nodes}})))
    assert sum(1 for _ in encode_steps({"ok": {"nodes": nodes}})) > 200
    assert sum(1 for _ in decode_steps(written)) > 2000


def test_what_is_nested_too_deeply_is_called_so() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        at_once(decode_steps(b"[" * 1_000_000))
