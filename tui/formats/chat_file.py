"""What a chat in a file comes to: names, messages with their swipes, times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tui.domain.chat import Role
from tui.domain.notice import Notice
from tui.formats.coerce import plain_text

_LATEST_MS = 4_102_444_800_000                     # the year 2100


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """One message. `created_ms` is 0 where the file does not tell. `swipes` holds all versions, `text` among them at
    `swipe_index`, or is empty where there is only one. `reasoning` is what was thought before it, `thoughts` that of
    each of the swipes (empty where none has any)."""

    role: Role
    name: str
    text: str
    created_ms: int = 0
    swipes: tuple[str, ...] = ()
    swipe_index: int = 0
    hidden: bool = False
    reasoning: str = ""
    thoughts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatFile:
    """A chat as it stood in a file. `character` and `user` are names, "" where the file has none. `fields` are chat
    fields that its header asks for, `lorebook` is the name of the book it is linked to."""

    title: str
    character: str
    user: str
    messages: tuple[ImportedMessage, ...]
    notes: tuple[Notice, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    lorebook: str = ""


_MONTHS = {m: n for n, m in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}
_AT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\s*@\s*(\d{1,2})h\s*(\d{1,2})m\s*(\d{1,2})s(?:\s*(\d{1,3})ms)?")
_WORDS = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}), (\d{4}) (\d{1,2}):(\d{2})\s*([AaPp][Mm])?")


def when(value: Any) -> int:
    """Unix milliseconds of a date as chats write it (numbers, ISO, SillyTavern's two forms, taken as UTC); 0 where it
    is none or lies outside 1970 to 2100."""
    if isinstance(value, str) and re.fullmatch(r"\d{9,14}(\.\d+)?", value.strip()):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        stamp = value * 1000 if 0 < value < 1e11 else value
        return int(stamp) if 0 < stamp < _LATEST_MS else 0
    if not isinstance(value, str):
        return 0
    try:
        moment = _moment(plain_text(value[:80]).strip())
    except (ValueError, OverflowError):
        return 0
    stamp = int(moment.timestamp() * 1000) if moment is not None else 0
    return stamp if 0 < stamp < _LATEST_MS else 0


def _moment(text: str) -> datetime | None:
    if match := _AT.match(text):
        year, month, day, hour, minute, second, ms = (int(g or 0) for g in match.groups())
        return datetime(year, month, day, hour, minute, second, ms * 1000, UTC)
    if match := _WORDS.match(text):
        hour = int(match[4])
        if match[6]:
            hour = hour % 12 + (12 if match[6].lower() == "pm" else 0)
        return datetime(int(match[3]), _MONTHS.get(match[1].lower(), 0), int(match[2]), hour, int(match[5]), tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
