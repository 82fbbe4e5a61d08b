"""What the embedded engine has read of chats, kept on disk: where it lies, how much it may be, and how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tui import paths
from tui.core.dispatch import Handler
from tui.core.settings import Settings

#: Called with the name of a conversation, or with "" for all: what models in memory hold of it is let go as well.
Forget = Callable[[str], Awaitable[None]]


def folder() -> Path:
    """Where the states lie."""
    return paths.data_dir() / "states"


class KeptStates:
    """`states.get`, `states.clear`."""

    def __init__(self, settings: Settings, forget: Forget) -> None:
        self._settings = settings
        self._forget = forget

    def handlers(self) -> dict[str, Handler]:
        return {"states.get": self.get, "states.clear": self.clear}

    def quota(self) -> int:
        """Bytes that all of them together may take; 0: nothing is kept."""
        return int(self._settings.get("kv_quota_mb") * 1_000_000)

    def describe(self) -> dict[str, Any]:
        """How many chats are kept, and their bytes, beside the quota."""
        from tui.engine.state_files import overview

        found = overview(folder())
        return {"files": found.files, "bytes": found.bytes, "quota": self.quota()}

    async def get(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.describe)

    async def clear(self) -> dict[str, Any]:
        """Remove all; chats are read again when they are opened."""
        from tui.engine.state_files import clear

        await self._forget("")
        gone = await asyncio.to_thread(clear, folder())
        return {"files": gone.files, "bytes": gone.bytes}

    async def drop(self, chat: str) -> None:
        """Remove what is kept of one chat, and let go of it in memory, lest it be written again."""
        from tui.engine.state_files import drop

        await self._forget(chat)
        await asyncio.to_thread(drop, folder(), chat)
