"""Variables that macros read and write: of the chat (local) and of all chats (shared, SillyTavern's global).

Values keep their text form. Arithmetic and number texts are those of JavaScript, because cards were written for it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MAX_NAME = 200
MAX_VALUE = 65_536
MAX_NAMES = 1000
MAX_INDEX = 1000
MAX_DIGITS = 1000
MAX_DEPTH = 50
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_RADIX = re.compile(r"0(?:x[0-9a-f]{1,16}|o[0-7]{1,20}|b[01]{1,64})", re.IGNORECASE | re.ASCII)
_BRACKET = re.compile(r"[\[\]{}]")
_FALSE = frozenset({"", "false", "off", "0"})


def to_number(text: str) -> float | None:
    """The number that JavaScript sees in `text` (nothing is 0), or None."""
    text = text.strip()
    if not text:
        return 0.0
    if len(text) > MAX_DIGITS:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    if _RADIX.fullmatch(text):
        return float(int(text, 0))
    return {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}.get(text)


def number_text(value: float) -> str:
    """`value` as JavaScript writes it: whole numbers below 1e21 without a point, small ones down to 1e-6 in full."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    if "e-" not in text:
        return text
    mantissa, exponent = text.split("e-")
    return format(Decimal(text), "f") if int(exponent) <= 6 else f"{mantissa}e-{int(exponent)}"


def is_true(text: str) -> bool:
    """Whether a condition holds: anything but nothing, `false`, `off` and `0`."""
    return text.strip().casefold() not in _FALSE


def compared(left: str, operator: str, right: str) -> bool:
    """`==` and `!=` compare numbers as numbers and all else as text; order is between numbers only."""
    first, second = to_number(left), to_number(right)
    numbers = first is not None and second is not None and bool(left.strip()) and bool(right.strip())
    if operator in ("==", "!="):
        same = first == second if numbers else left == right
        return same is (operator == "==")
    if first is None or second is None:
        return False
    return {">": first > second, ">=": first >= second, "<": first < second, "<=": first <= second}[operator]


class Variables:
    """Both kinds of variables, with what was changed. Names and values have limits; what exceeds them is refused."""

    def __init__(self, local: Mapping[str, str] | None = None, shared: Mapping[str, str] | None = None) -> None:
        self._before = (dict(local or {}), dict(shared or {}))
        self._now = (dict(self._before[0]), dict(self._before[1]))

    @property
    def local(self) -> dict[str, str]:
        """The chat's variables as they are now."""
        return dict(self._now[0])

    @property
    def shared(self) -> dict[str, str]:
        """The variables of all chats as they are now."""
        return dict(self._now[1])

    def changed(self, shared: bool = False) -> dict[str, str | None]:
        """What differs from the beginning: new values by name, None for those that were deleted."""
        before, now = self._before[shared], self._now[shared]
        new: dict[str, str | None] = {name: value for name, value in now.items() if before.get(name) != value}
        return new | {name: None for name in before if name not in now}

    def copy(self) -> Variables:
        """The same values for a trial: writing to the copy changes nothing here, and counts as a change there."""
        return Variables(*self._now)

    def get(self, name: str, shared: bool = False) -> str | None:
        return self._now[shared].get(name)

    def set(self, name: str, value: str, shared: bool = False) -> bool:
        """False if the name or the value is too long, or there are too many."""
        values = self._now[shared]
        fits = 0 < len(name) <= MAX_NAME and len(value) <= MAX_VALUE
        if not fits or (name not in values and len(values) >= MAX_NAMES):
            return False
        values[name] = value
        return True

    def delete(self, name: str, shared: bool = False) -> None:
        self._now[shared].pop(name, None)

    def add(self, name: str, value: str, shared: bool = False) -> str | None:
        """Adds numbers, appends to a JSON list, joins texts; the new value, or None if it is refused."""
        present = self.get(name, shared) or ""
        new = _sum(present, value)
        return new if self.set(name, new, shared) else None

    def subtract(self, name: str, value: str, shared: bool = False) -> str | None:
        """Takes a number away; None if either is not one."""
        first, second = to_number(self.get(name, shared) or ""), to_number(value)
        if first is None or second is None:
            return None
        new = number_text(first - second)
        return new if self.set(name, new, shared) else None

    def get_key(self, name: str, key: str, shared: bool = False) -> str:
        """An element of a JSON list or object, as text. Of a text that is not JSON, the text itself."""
        present = self.get(name, shared) or ""
        found, readable = _loaded(present)
        if not readable:
            return present
        index = to_number(key)
        if isinstance(found, dict):
            element = found.get(key)
        elif isinstance(found, (list, str)) and index is not None and index.is_integer() and 0 <= index < len(found):
            element = found[int(index)]
        else:
            element = None
        return "" if element is None else _element_text(element)

    def set_key(self, name: str, key: str, value: str, shared: bool = False) -> bool:
        """Sets an element; a number as key makes a list of nothing, any other an object. False if it cannot be."""
        present = self.get(name, shared)
        found, readable = _loaded(present) if present is not None else (None, True)
        index = to_number(key) if key.strip() else None
        if not readable or isinstance(found, (str, int, float, bool)):
            return False
        if found is None:
            found = {} if index is None else []
        if isinstance(found, dict):
            found[key] = value
        elif index is None or not index.is_integer() or not 0 <= index < MAX_INDEX:
            return False
        else:
            found.extend([None] * (int(index) + 1 - len(found)))
            found[int(index)] = value
        return self.set(name, _dumped(found), shared)


def _sum(present: str, value: str) -> str:
    found, _ = _loaded(present) if present.lstrip().startswith("[") else (None, False)
    if isinstance(found, list):
        return _dumped([*found, value])
    first, second = to_number(present), to_number(value)
    return present + value if first is None or second is None else number_text(first + second)


def _loaded(text: str) -> tuple[Any, bool]:
    """What a JSON text holds, and whether it is one (of bounded depth)."""
    depth = deepest = 0
    for mark in _BRACKET.findall(text):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        return None, False
    try:
        return json.loads(text, parse_int=float), True
    except (ValueError, RecursionError):
        return None, False


def _dumped(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Whole numbers as such again: JSON numbers are read as floats, whose size has a bound. What is no number in
    JSON becomes null."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value == int(value) and abs(value) < 1e21 else value
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _element_text(element: Any) -> str:
    if isinstance(element, str):
        return element
    if isinstance(element, bool):
        return "true" if element else "false"
    return number_text(element) if isinstance(element, float) else _dumped(element)
