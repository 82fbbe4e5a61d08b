"""Changes of chats that the disk refused: kept in memory, in order, until they can be written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tui.core.events import EventHub
from tui.domain.errors import StoreError, TraktirError
from tui.domain.notice import Notice
from tui.domain.operations import Op
from tui.store import ChangeKind, Store


@dataclass(frozen=True, slots=True)
class ChatChange:
    """One change as the store takes it."""

    ops: Sequence[Op]
    inverses: Sequence[Op]
    label: Notice
    undoable: bool = True
    kind: ChangeKind = "do"
    target: int | None = None
    durable: bool = True


class HeldChanges:
    """What is not on disk yet, by chat. Nothing later of a chat is written before it, so that the log stays whole."""

    def __init__(self, store: Store, events: EventHub) -> None:
        self._store = store
        self._events = events
        self._waiting: dict[str, list[ChatChange]] = {}
        self._troubled = False
        self._writing = asyncio.Lock()

    def __contains__(self, chat_id: str) -> bool:
        return chat_id in self._waiting

    async def write(self, chat_id: str, change: ChatChange) -> None:
        """Write what waits for this chat, then `change`. Raises StoreError (and what the store raises)."""
        await self.catch_up(chat_id)
        await self._commit(chat_id, change)
        self._troubled = False

    def hold(self, chat_id: str, change: ChatChange, error: StoreError) -> None:
        """Keep a change that could not be written."""
        self._waiting.setdefault(chat_id, []).append(change)
        self.trouble(error)

    def trouble(self, error: StoreError) -> None:
        """Tell everybody that the disk refuses, once until it works again."""
        if not self._troubled:
            self._troubled = True
            self._events.tell(error.what, "error")

    async def catch_up(self, chat_id: str) -> None:
        """Write what waits for this chat. Raises StoreError when the disk still refuses."""
        if chat_id not in self._waiting:
            return
        async with self._writing:
            await self._write_waiting(chat_id)


    async def catch_up_all(self) -> None:
        """Write everything that waits. Raises StoreError when the disk still refuses."""
        for chat_id in list(self._waiting):
            await self.catch_up(chat_id)

    async def _write_waiting(self, chat_id: str) -> None:
        waiting = self._waiting.get(chat_id, [])
        while waiting:
            try:
                await self._commit(chat_id, waiting[0])
            except StoreError:
                raise
            except TraktirError as error:         # not the disk: it will never be taken, and must not block the rest
                self._events.tell(error.what, "error")
            del waiting[0]
        if self._waiting.pop(chat_id, None) is not None:
            self._troubled = False
            self._events.tell(Notice("The disk takes writes again; everything is saved."))

    async def _commit(self, chat_id: str, change: ChatChange) -> None:
        await self._store.commit(
            chat_id, change.ops, change.inverses, label=change.label, undoable=change.undoable, kind=change.kind,
            target=change.target, durable=change.durable,
        )
