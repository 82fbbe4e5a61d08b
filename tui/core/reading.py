"""What opening a terminal asks first, answered from the store and the trees alone."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from tui.core.chats import Chats
from tui.domain.errors import StoreError
from tui.store import Store
from tui.wire.pace import paced_list

#: Lines of one list of chats or hits.
MOST_LINES = 10_000


def days(text: str) -> tuple[int, int] | None:
    """The first instant of a day, month or year of this machine's calendar and that of the next one, in milliseconds
    since 1970. None for what is no date."""
    parts = text.split("-")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() and part.isascii() for part in parts):
        return None
    year, month, day = (*map(int, parts), *[1] * (3 - len(parts)))
    try:
        start = datetime(year, month, day)
        if len(parts) == 3:
            end = start + timedelta(days=1)
        else:
            end = start.replace(year=year + 1) if len(parts) == 1 or month == 12 else start.replace(month=month + 1)
            end = end.replace(month=1) if len(parts) == 2 and month == 12 else end
        return int(start.timestamp() * 1000), int(end.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None


def bounded(limit: int) -> int:
    """A number of lines that may be asked for."""
    return max(1, min(limit, MOST_LINES))


async def list_chats(
    store: Store, query: str = "", character: str | None = None, trashed: bool = False, limit: int = 200
) -> dict[str, Any]:
    """The chats, the one that changed last first."""
    found = await store.list_chats(query=query, character=character, trashed=trashed, limit=bounded(limit))
    return {"chats": await paced_list(asdict, found)}


async def open_chat(store: Store, chats: Chats, chat_id: str, last: int) -> dict[str, Any]:
    """The whole chat, or (`last`) the end of its path; `away` says what was finished while nobody looked, once."""
    snapshot = await chats.snapshot(chat_id, last)
    away = await store.get_value(f"away:{chat_id}")
    if away:
        with contextlib.suppress(StoreError):      # then it is told once more; reading must work on a full disk too
            await store.set_value(f"away:{chat_id}", None)
    return snapshot | {"away": away}
