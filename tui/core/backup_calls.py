"""The calls of the API about backups. Whole homes are restored without a core: `traktir restore`."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice
from tui.store import Store, copies, making, staging

#: A folder that `staging.stage` made; clients name it, and it must lead nowhere else.
_STAGE = re.compile(re.escape(staging.PREFIX) + r"[a-z0-9_]{1,20}")


class BackupCalls:
    """`backup.*`."""

    def __init__(self, store: Store, config: Path, events: EventHub) -> None:
        self._store = store
        self._config = config
        self._events = events
        self._making = asyncio.Lock()

    def handlers(self) -> dict[str, Handler]:
        return {"backup.make": self.make, "backup.list": self.list_copies, "backup.take_chat": self.take_chat}

    async def make(self) -> dict[str, Any]:
        """Back up the whole home into a new file beside the other copies."""
        async with self._making:
            made = await asyncio.to_thread(making.home, self._store.path, self._config)
        return made_to_json(made)

    async def list_copies(self) -> dict[str, Any]:
        """All copies, newest first."""
        return {"copies": [copy_to_json(c) for c in await asyncio.to_thread(copies.listed, self._store.path)]}

    async def take_chat(self, stage: str, chat: str) -> dict[str, Any]:
        """Take in the chat that a client on this machine staged, beside one of the same id."""
        if not _STAGE.fullmatch(stage):
            raise BadInput(notice("{field} must be {kind}.", field="stage", kind="a text"), field="stage")
        file = self._store.path.parent / stage / staging.CHAT_FILE
        if not file.is_file():
            raise NotFound(notice("There is no backup called {name}.", name=stage))
        await asyncio.to_thread(staging.check_single, file, chat)
        new = await self._store.take_chat(file, chat)
        self._events.emit("chats")
        return {"chat": new}


def made_to_json(made: making.Made) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "file": str(made.file), "name": made.file.name, "kind": manifest.kind, "bytes": made.bytes,
        "schema": manifest.schema, "chats": manifest.chats, "messages": manifest.messages,
        "files": len(manifest.members), "verified": True,
    }


def copy_to_json(copy: copies.Copy) -> dict[str, Any]:
    """A copy as lists show it; `verified` tells whether what was found when it was made is on record."""
    record = copy.record
    data = {"name": copy.path.name, "kind": copy.kind, "made": copy.made, "bytes": copy.bytes}
    return data | {
        "verified": record is not None, "schema": record.schema if record else None,
        "chats": record.rows.get("chats") if record else None,
        "messages": record.rows.get("nodes") if record else None,
        "record": asdict(record) if record else None,
    }
