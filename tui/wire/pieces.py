"""Large JSON in pieces. One call of the interpreter's own coder holds its lock to the end: 70 ms for a chat of 5,000
messages, 160 for a file of 30 MB. Here no call takes more than about a millisecond; see `tui.wire.pace` for its use.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tui.wire.codec import encode
from tui.wire.pace import Steps

#: Octets of a JSON text from which on it is worth the trouble.
LARGE = 1 << 18
_CHUNK = 1 << 18
#: What is written or read at one go, in octets.
_GROUP = 1 << 14
#: Objects are taken apart down to this depth. What lies deeper, and each item of a long list, is read in one go.
_DEPTH = 5
_FEW = 4
_SPACE = re.compile(r"[ \t\n\r]*")
#: Whole characters and escapes of a string; a pair of surrogates is one.
_INSIDE = re.compile(
    r'(?:[^"\\]++|\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4})*+', re.DOTALL
)
_scan = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]


def encode_steps(value: Any) -> Steps[list[bytes]]:
    """As `codec.encode`; the pieces are to be joined, or sent one after the other."""
    out: list[bytes] = []
    pending = bytearray()
    for piece in _written(value, 0):
        pending += piece
        if len(pending) >= _CHUNK:
            out.append(bytes(pending))
            pending.clear()
        yield
    return [*out, bytes(pending)]


def _written(value: Any, depth: int) -> Iterator[bytes]:
    if isinstance(value, str) and len(value) > _CHUNK:
        yield b'"'
        for start in range(0, len(value), _CHUNK):
            yield encode(value[start : start + _CHUNK])[1:-1]
        yield b'"'
    elif isinstance(value, dict) and depth < _DEPTH:
        yield from _object(value, depth)
    elif isinstance(value, (list, tuple)) and depth < _DEPTH:
        yield from _few(value, depth) if len(value) <= _FEW else _many(value)
    else:
        yield encode(value)


def _object(value: dict[Any, Any], depth: int) -> Iterator[bytes]:
    mark = b"{"
    if len(value) > 64:
        for group in _grouped(list(value.items())):
            piece = encode(dict(group))
            yield mark + piece[1:-1]
            mark = b","
    else:
        for key, item in value.items():
            yield mark + (encode({key: 0})[1:-2])
            yield from _written(item, depth + 1)
            mark = b","
    yield b"}" if value else b"{}"


def _few(value: Sequence[Any], depth: int) -> Iterator[bytes]:
    mark = b"["
    for item in value:
        yield mark
        yield from _written(item, depth + 1)
        mark = b","
    yield b"]" if value else b"[]"


def _many(value: Sequence[Any]) -> Iterator[bytes]:
    mark = b"["
    for group in _grouped(value):
        yield mark + encode(group)[1:-1]
        mark = b","
    yield b"]"


def _grouped(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """As many at a time as make a piece of the wanted size, judged by one of the last group."""
    at, count = 0, 1
    while at < len(items):
        group = items[at : at + count]
        yield group
        at += len(group)
        size = len(encode(group[-1]))
        count = max(1, min(2 * count, _GROUP // (size + 1)))


def decode_steps(data: bytes | bytearray) -> Steps[Any]:
    """As `codec.decode`; also raises ValueError."""
    text = yield from _text(data)
    try:
        value, end = yield from _value(text, _after_space(text, 0), 0)
    except RecursionError:                            # a RuntimeError too, so it comes first
        raise ValueError("nested too deeply") from None
    except (StopIteration, RuntimeError, IndexError):
        raise ValueError("the JSON text is cut off") from None
    if _after_space(text, end) != len(text):
        raise ValueError("there is something after the JSON text")
    return value


def _text(data: bytes | bytearray) -> Steps[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    parts: list[str] = []
    with memoryview(data) as view:
        for start in range(0, len(view), _CHUNK):
            parts.append(decoder.decode(bytes(view[start : start + _CHUNK])))
            yield
    parts.append(decoder.decode(b"", True))
    return "".join(parts)


def _value(text: str, at: int, depth: int) -> Steps[tuple[Any, int]]:
    first = text[at]
    if first == "{" and depth < _DEPTH:
        return (yield from _read_object(text, at + 1, depth))
    if first == "[" and depth < _DEPTH:
        return (yield from _read_list(text, at + 1, depth))
    if first == '"' and text.find('"', at + 1, at + 1 + _CHUNK) < 0:
        return (yield from _read_string(text, at + 1))
    yield
    return _scanned(text, at)


def _read_object(text: str, at: int, depth: int) -> Steps[tuple[dict[str, Any], int]]:
    out: dict[str, Any] = {}
    at = _after_space(text, at)
    if text[at] == "}":
        return out, at + 1
    while True:
        if text[at] != '"':
            raise ValueError(f"a name is missing at {at}")
        key, at = _scanned(text, at)
        at = _expect(text, _after_space(text, at), ":")
        out[key], at = yield from _value(text, _after_space(text, at), depth + 1)
        at = _after_space(text, at)
        if text[at] == "}":
            return out, at + 1
        at = _after_space(text, _expect(text, at, ","))


def _read_list(text: str, at: int, depth: int) -> Steps[tuple[list[Any], int]]:
    out: list[Any] = []
    at = _after_space(text, at)
    if text[at] == "]":
        return out, at + 1
    while True:
        if len(out) < _FEW:
            item, at = yield from _value(text, at, depth + 1)
        else:
            item, at = _scanned(text, at)
            yield
        out.append(item)
        at = _after_space(text, at)
        if text[at] == "]":
            return out, at + 1
        at = _after_space(text, _expect(text, at, ","))


def _read_string(text: str, at: int) -> Steps[tuple[str, int]]:
    """The rest of a string whose end is far."""
    parts: list[str] = []
    while True:
        found = _INSIDE.match(text, at, at + _CHUNK)
        assert found is not None
        end = found.end()
        if end < at + _CHUNK and text[end] == '"':
            parts.append(_scanned(f'"{text[at:end]}"', 0)[0])
            return "".join(parts), end + 1
        if end == at:
            raise ValueError(f"there is no such escape at {at}")
        part = _scanned(f'"{text[at:end]}"', 0)[0]
        if "\ud800" <= part[-1] <= "\udbff" and end - at > 6:      # its other half may follow
            part, end = part[:-1], end - 6
        parts.append(part)
        at = end
        yield


def _scanned(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _scan(text, at)
    except StopIteration as stop:
        raise ValueError(f"a value is missing at {stop.value}") from None
    return value, end


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _expect(text: str, at: int, mark: str) -> int:
    if text[at] != mark:
        raise ValueError(f"{mark!r} is missing at {at}")
    return at + 1

