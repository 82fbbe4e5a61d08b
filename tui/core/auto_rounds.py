"""Auto mode of group chats: when a round is over, another begins a little later, until the person stops it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.core.cast_fields import cast_of
from tui.core.casting import spoken_by
from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.library import Library
from tui.core.writing import ReplyPlace
from tui.domain.cast import CastSettings
from tui.domain.chat import Chat
from tui.domain.errors import Refused, TraktirError
from tui.domain.notice import notice
from tui.wire.ids import new_id

if TYPE_CHECKING:
    from tui.core.turns import Turns

#: Replies that come by themselves since the person spoke last; then auto mode stops.
MOST_REPLIES = 40
_log = logging.getLogger(__name__)


class AutoRounds:
    """`cast.auto`. A round that failed or was stopped ends it; so do forty replies without a word of the person. While
    nobody is attached, nothing begins."""

    def __init__(
        self, chats: Chats, library: Library, turns: Turns, events: EventHub, attached: Callable[[], int]
    ) -> None:
        self._chats = chats
        self._library = library
        self._turns = turns
        self._events = events
        self._attached = attached
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        events.subscribe(self._hear)

    def handlers(self) -> dict[str, Handler]:
        return {"cast.auto": self.auto}

    async def auto(self, chat: str, value: bool) -> dict[str, Any]:
        """Switch auto mode; on, a round begins at once unless one is under way. Raises Refused without a cast."""
        tree = await self._chats.get(chat)
        if not tree.fields.get("cast"):
            raise Refused("One character plays here alone.", "/cast lets others join.")
        await self._switch(tree, value)
        if value and chat not in self._turns.writing_in():
            self._wait(chat, 0.0)
        return {"auto": value}

    async def stop(self, chat: str) -> bool:
        """Switch auto mode off, for the person has stopped everything. Returns whether it was on."""
        tree = await self._chats.get(chat)
        if not (tree.fields.get("cast") or {}).get("auto"):
            return False
        await self._switch(tree, False)
        return True

    async def close(self) -> None:
        tasks = [*self._waiting.values(), *self._looking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _switch(self, tree: Chat, value: bool) -> None:
        self._call_off(tree.id)
        cast = {**tree.fields["cast"], "auto": value}
        await self._chats.commit(
            tree.id, [{"op": "set_field", "field": "cast", "value": cast}], notice("auto mode"), undoable=False
        )

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("type") != "turn" or not event.get("node"):
            return
        chat = str(event["chat"])
        if event["state"] == "waiting":            # somebody speaks already
            self._call_off(chat)
        elif event["state"] == "done":
            task = asyncio.ensure_future(self._after(chat, event))
            self._looking.add(task)
            task.add_done_callback(self._looked)

    async def _after(self, chat: str, event: dict[str, Any]) -> None:
        tree = await self._chats.get(chat)
        cast = cast_of(tree.fields, self._library)
        if cast is None or not cast.auto:
            return
        if event.get("error") or event.get("finish") not in ("stop", "length"):
            await self._switch(tree, False)
            self._events.tell(notice("Auto mode is off."))
        elif _alone(tree) >= MOST_REPLIES:
            await self._switch(tree, False)
            self._events.tell(notice("Auto mode is off: {n} replies came without a word of yours.", n=MOST_REPLIES))
        elif chat not in self._turns.writing_in():
            self._wait(chat, cast.delay)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("auto mode: %s", error)      # a chat that is gone has no next round

    def _wait(self, chat: str, seconds: float) -> None:
        self._call_off(chat)
        self._waiting[chat] = asyncio.create_task(self._begin(chat, seconds))

    def _call_off(self, chat: str) -> None:
        task = self._waiting.pop(chat, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _begin(self, chat: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not self._attached():
            return
        tree = await self._chats.get(chat)
        cast: CastSettings | None = cast_of(tree.fields, self._library)
        if cast is None or not cast.auto or chat in self._turns.writing_in():
            return
        try:
            path = tree.path()
            place = ReplyPlace(chat, new_id(), new_id(), path[-1].id if path else None)
            self._turns.begin(spoken_by(tree, self._library, place, ""))
        except TraktirError as error:
            await self._switch(tree, False)
            self._events.tell(error.what, "warning")


def _alone(tree: Chat) -> int:
    """Replies since the person spoke last."""
    path = tree.path()
    return next((at for at, node in enumerate(reversed(path)) if node.role == "user"), len(path))
