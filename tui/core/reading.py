"""What opening a terminal asks first, answered from the store and the trees alone."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any

from tui.core.chats import Chats
from tui.domain.errors import StoreError
from tui.store import Store
from tui.wire.pace import paced_list

#: Lines of one list of chats or hits.
MOST_LINES = 10_000


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
