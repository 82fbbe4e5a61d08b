"""Values of the wrong type made into the right one, and a list of what was repaired (cards.md 5.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tui.domain.cleantext import clean_line
from tui.domain.notice import Notice, notice
from tui.formats.jsontext import NumberText, dump_json

NOTE_LIMIT = 40

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)


def plain_text(text: str) -> str:
    """Line ends as `\\n`, without control characters (tab stays) and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", _CONTROLS.sub("", text))


def plain_name(text: str, limit: int = 100) -> str:
    """A name on one line, without invisible characters; "" where nothing can be seen."""
    name = " ".join(_UNSEEN.sub("", plain_text(text[: limit * 20])).split())
    return name[:limit].strip()


class Repairs:
    """Collects notes while a file is read; at most `NOTE_LIMIT`, then only their number."""

    def __init__(self, notes: Iterable[Notice] = ()) -> None:
        self._notes = list(notes)
        self._more = 0

    def add(self, sentence: str, **args: Any) -> None:
        item = notice(sentence, **{k: clean_line(v, 80) if isinstance(v, str) else v for k, v in args.items()})
        if len(self._notes) < NOTE_LIMIT:
            if item not in self._notes:
                self._notes.append(item)
        else:
            self._more += 1

    def done(self) -> tuple[Notice, ...]:
        more = (notice("More repairs than are listed here: {count}.", count=self._more),) if self._more else ()
        return (*self._notes, *more)

    def text(self, value: Any, field: str) -> str:
        """null -> "", numbers -> text, lists -> lines, objects -> JSON text, each but null with a note."""
        if isinstance(value, str):
            return plain_text(value)
        if value is None:
            return ""
        self.add("{field} was not a text; it was turned into one.", field=field)
        if isinstance(value, NumberText):
            return value.text
        if isinstance(value, list) and all(isinstance(v, (str, int, float)) for v in value):
            return plain_text("\n".join(str(v) for v in value))
        return plain_text(dump_json(value)) if isinstance(value, (dict, list)) else str(value)

    def texts(self, value: Any, field: str, split: bool = False) -> tuple[str, ...]:
        """A list of texts, empty ones left out; `split` cuts a single text at commas."""
        if value is None:
            return ()
        if isinstance(value, str):
            items: list[Any] = re.split(r"[,;，]", value) if split else [value]
            if value.strip():
                self.add("{field} was one text; it was read as a list.", field=field)
        elif isinstance(value, Mapping):
            items = list(value.values())
            self.add("{field} was an object; its values were taken.", field=field)
        elif isinstance(value, list):
            items = value
        else:
            items = [str(value)]
        return tuple(t for t in (self._item(v, field) for v in items) if t.strip())

    def _item(self, value: Any, field: str) -> str:
        if isinstance(value, dict):
            for key in ("name", "text", "content", "message"):
                if isinstance(value.get(key), str):
                    self.add("{field} holds objects; their texts were taken.", field=field)
                    return plain_text(value[key])
            self.add("{field} holds something that is no text; it was left out.", field=field)
            return ""
        if isinstance(value, list):
            self.add("{field} holds something that is no text; it was left out.", field=field)
            return ""
        return self.text(value, field)


def flag(value: Any, default: bool) -> bool:
    """true/"true"/"yes"/1 and their opposites; anything else the default."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value != 0
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0", ""}:
            return False
    return default


def maybe_flag(value: Any) -> bool | None:
    """As `flag`, None where nothing usable stands."""
    return None if value is None or flag(value, True) != flag(value, False) else flag(value, False)


def number(value: Any, default: float, low: float, high: float) -> float:
    """A number or numeric text, cut to the range; the default where it is none."""
    if isinstance(value, (bool, Mapping, list)) or value is None:
        return default
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    if math.isnan(found):
        return default
    return min(max(found, low), high)


def whole(value: Any, default: int, low: int = -(2**31), high: int = 2**31) -> int:
    return int(number(value, default, low, high))


def maybe_whole(value: Any, low: int = -(2**31), high: int = 2**31) -> int | None:
    """None where no number stands."""
    marker = 0.5                                   # no whole number, so it can only be the default
    found = number(value, marker, low, high)
    return None if found == marker else int(found)


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
