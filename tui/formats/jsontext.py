"""JSON from strangers: tolerant where real files need it, bounded, exact on the way out.

Follows cards.md 1 (rules 6 and 7) and 9: strict first, then control characters, then trailing bytes; NaN and
Infinity become null; number text and key order are kept; lone surrogates become U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice

JSON_LIMIT = 16 << 20
DEPTH_LIMIT = 200

_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_INT_DIGITS = 4000                                 # CPython refuses more than 4300


class NumberText(float):
    """A number whose text Python would not give back as it was read (`1.0e5`, `1.10`, 5000 digits)."""

    text: str

    def __new__(cls, text: str) -> NumberText:
        value = float(text)
        number = super().__new__(cls, value if math.isfinite(value) else 0.0)
        number.text = text
        return number

    def __deepcopy__(self, memo: object) -> NumberText:
        return self

    def __reduce__(self) -> tuple[type[NumberText], tuple[str]]:
        return NumberText, (self.text,)


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A parsed file: the value, what had to be repaired, and how the text was laid out."""

    value: Any
    notes: tuple[Notice, ...]
    indent: str = ""                               # "" where everything stood on one line
    ascii_only: bool = False


def decode_text(data: bytes) -> tuple[str, list[Notice]]:
    """UTF-8, UTF-16 or UTF-32 by their marks, else cp1252 with a note. Never fails."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), []
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        return text, [notice("The text is not UTF-8; it was read as Windows-1252, so odd letters may be wrong.")]


def parse_json(data: bytes | str, name: str, limit: int = JSON_LIMIT) -> JsonFile:
    """Parse one JSON value. Raises BadInput with file, line and column where nothing can be made of it."""
    if len(data) > limit:
        raise BadInput(
            notice("{file} holds more than {limit} bytes of JSON, the most that is read.", file=name, limit=limit),
            file=name,
        )
    text, notes = (data, []) if isinstance(data, str) else decode_text(data)
    text = text.lstrip("\ufeff \t\r\n")
    if not text:
        raise BadInput(notice("{file} is empty.", file=name), file=name)
    _check_depth(text, name)
    value = _load(text, name, notes)
    if re.search(r"\\u[dD][89a-fA-F]", text):
        value = _mend_surrogates(value)
    layout = re.match(r"[\[{]\r?\n([ \t]+)", text)
    return JsonFile(value, tuple(notes), layout[1] if layout else "", text.isascii())


def _check_depth(text: str, name: str) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        first = match[0][0]
        if first in "[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                sentence = "{file} is nested deeper than {limit} levels, so it was not read."
                raise BadInput(notice(sentence, file=name, limit=DEPTH_LIMIT), file=name)
        elif first in "]}":
            depth -= 1


def _load(text: str, name: str, notes: list[Notice]) -> Any:
    seen: set[str] = set()
    decoder = json.JSONDecoder(**_hooks(seen))
    loose = json.JSONDecoder(strict=False, **_hooks(seen))
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError:
        try:
            value, end = loose.raw_decode(text)
        except json.JSONDecodeError as error:
            raise _broken(error, text, name) from None
        rest = text[end:].strip("\0 \t\r\n")
        notes.append(
            notice("Text after the end of the JSON was ignored.") if rest
            else notice("Control characters that JSON does not allow were taken as they stand.")
        )
    except RecursionError:
        raise BadInput(notice("{file} is nested too deeply, so it was not read.", file=name), file=name) from None
    if "duplicate" in seen:
        notes.append(notice("Some keys occur twice; the last value counts."))
    if "number" in seen:
        notes.append(notice("Numbers that are none (NaN, Infinity) were left empty."))
    return value


def _hooks(seen: set[str]) -> dict[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(items)
        if len(out) != len(items):
            seen.add("duplicate")
        return out

    def constant(_: str) -> None:
        seen.add("number")

    def real(text: str) -> float | None:
        value = float(text)
        if not math.isfinite(value):
            seen.add("number")
            return None
        return value if repr(value) == text else NumberText(text)

    def whole(text: str) -> int | float:
        return int(text) if len(text) <= _INT_DIGITS and text != "-0" else NumberText(text)

    return {"object_pairs_hook": pairs, "parse_constant": constant, "parse_float": real, "parse_int": whole}


def _broken(error: json.JSONDecodeError, text: str, name: str) -> BadInput:
    if text.lstrip()[:1] == "<":
        return BadInput(
            notice("{file} is a web page, not a card or preset. A download probably failed.", file=name),
            "Download it again.",
            file=name,
        )
    return BadInput(
        notice("{file} is not valid JSON: {reason}, line {line}.", file=name, reason=error.msg, line=error.lineno),
        "The file may be damaged or cut off. Get it again, or mend that line.",
        file=name, line=error.lineno,
    )


def _mend_surrogates(value: Any) -> Any:
    """Depth is limited before, so plain recursion is safe."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", k): _mend_surrogates(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_mend_surrogates(v) for v in value]
    return value


def dump_json(value: Any, indent: str = "", ascii_only: bool = False) -> str:
    """JSON text with numbers as they were read. `indent` "" writes one line."""
    return "".join(_write(value, indent, "\n" if indent else "", ascii_only))


def _write(value: Any, indent: str, line: str, ascii_only: bool) -> list[str]:
    if isinstance(value, NumberText):
        return [value.text]
    if isinstance(value, Mapping):
        parts = [
            [json.dumps(str(key), ensure_ascii=ascii_only), ": ", *_write(item, indent, line + indent, ascii_only)]
            for key, item in value.items()
        ]
        return _wrap("{", parts, "}", indent, line)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return _wrap("[", [_write(item, indent, line + indent, ascii_only) for item in value], "]", indent, line)
    if isinstance(value, float) and not math.isfinite(value):
        return ["null"]
    return [json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)]


def _wrap(start: str, parts: list[list[str]], end: str, indent: str, line: str) -> list[str]:
    if not parts:
        return [start + end]
    inner = line + indent if indent else ""
    out = [start, inner]
    for position, part in enumerate(parts):
        if position:
            out.append("," + inner if indent else ", ")
        out.extend(part)
    return [*out, line, end]
