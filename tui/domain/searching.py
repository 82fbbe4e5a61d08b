"""What a person types to find messages: words and phrases, and conditions such as `with:mira after:2026-05-01`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

#: The first instant of a day and that of the day after it, in milliseconds since 1970, from `2026-05-17`, `2026-05` or
#: `2026`; None for what is no date.
Days = Callable[[str], tuple[int, int] | None]

_PART = re.compile(r"(?<!\S)(\w+):(\"[^\"]*\"|«[^»]*»|[^\s\"«]+)")
_KEYS = {
    "chat": "chat", "чат": "chat", "with": "character", "персонаж": "character", "by": "by", "от": "by",
    "after": "after", "после": "after", "before": "before", "до": "before", "is": "state", "это": "state",
}
_ME = frozenset({"me", "user", "я", "меня"})
_MODEL = frozenset({"model", "assistant", "модель", "модели"})
_THIS = frozenset({"this", "here", "этот", "тут"})
_DELETED = frozenset({"deleted", "удалено", "удалённое", "удаленное"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search taken apart. `text` is what is left of it: words and quoted phrases. `chat` and `character` are words of
    a chat's title, and of its character's name or id; `here` only the chat in front; `speaker` the beginning of the
    name of who said it; `role` the person's or the model's; `since_ms` <= made < `until_ms`; `deleted` what was
    deleted, and that alone."""

    text: str = ""
    chat: str = ""
    here: bool = False
    character: str = ""
    role: str = ""
    speaker: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    deleted: bool = False

    @property
    def narrowed(self) -> bool:
        """Whether there is any condition beside the text."""
        return replace(self, text="") != Wanted()


def read_query(query: str, days: Days) -> Wanted:
    """Take a query apart. What looks like a condition and is none stays text."""
    wanted = Wanted()
    rest: list[str] = []
    at = 0
    for match in _PART.finditer(query):
        narrowed = _narrowed(wanted, _KEYS.get(match[1].casefold(), ""), match[2].strip("\"«»"), days)
        if narrowed is not None:
            wanted = narrowed
            rest.append(query[at:match.start()])
            at = match.end()
    return replace(wanted, text="".join([*rest, query[at:]]).strip())


def _narrowed(wanted: Wanted, key: str, value: str, days: Days) -> Wanted | None:
    low = value.casefold()
    span = days(value) if key in ("after", "before") else None
    match key:
        case "chat":
            return replace(wanted, here=True) if low in _THIS else replace(wanted, chat=value)
        case "character":
            return replace(wanted, character=value)
        case "by" if low in _ME:
            return replace(wanted, role="user")
        case "by" if low in _MODEL:
            return replace(wanted, role="assistant")
        case "by":
            return replace(wanted, speaker=value)
        case "after" if span is not None:
            return replace(wanted, since_ms=span[0])
        case "before" if span is not None:
            return replace(wanted, until_ms=span[0])
        case "state" if low in _DELETED:
            return replace(wanted, deleted=True)
        case _:
            return None
