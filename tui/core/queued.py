"""Versions of a reply that are written one after another while the person reads on: they take no place on the screen,
wait for replies that somebody waits for, and go on when every terminal is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.turns import Turns
from tui.core.writing import ReplyPlace
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice

#: Versions that may wait in a chat.
MOST = 50


@dataclass
class _Queue:
    """The versions that wait in one chat. `asked` and `failed` count those of this run of the queue."""

    waiting: deque[ReplyPlace] = field(default_factory=deque)
    asked: int = 0
    failed: int = 0
    task: asyncio.Task[None] | None = None


class QueuedSwipes:
    """`turn.swipes`, and how many are to come."""

    def __init__(self, chats: Chats, turns: Turns, events: EventHub) -> None:
        self._chats = chats
        self._turns = turns
        self._events = events
        self._queues: dict[str, _Queue] = {}
        self._quiet = asyncio.Condition()
        self._waking: set[asyncio.Future[None]] = set()
        events.subscribe(self._hear)

    def handlers(self) -> dict[str, Handler]:
        return {"turn.swipes": self.swipes}

    def left(self, chat: str) -> int:
        """Versions that are still to come in a chat, the one being written included."""
        queue = self._queues.get(chat)
        return len(queue.waiting) + 1 if queue is not None else 0

    def busy(self) -> bool:
        return bool(self._queues)

    async def swipes(self, chat: str, replies: list[dict[str, Any]], parent: str | None = None) -> dict[str, Any]:
        """Have so many answers to `parent` written in the background; `replies` are their ids, as the client made
        them: objects with `reply` and `reply_revision`. Raises NotFound, BadInput."""
        tree = await self._chats.get(chat)
        if parent is not None and parent not in tree.nodes:
            raise NotFound(notice("The message to answer is not in this chat any more."))
        queue = self._queues.get(chat) or _Queue()
        known = {place.node for place in queue.waiting} | tree.nodes.keys()
        new = [r for r in replies if str(r["reply"]) not in known]
        if len(queue.waiting) + len(new) > MOST:
            raise BadInput(notice("At most {n} versions can wait.", n=MOST), field="replies")
        for one in new:
            queue.waiting.append(
                ReplyPlace(chat, str(one["reply"]), str(one["reply_revision"]), parent, quiet=True)
            )
        queue.asked += len(new)
        if new and queue.task is None:
            self._queues[chat] = queue
            queue.task = asyncio.create_task(self._work(chat, queue))
        return {"left": self.left(chat)}

    def drop(self, chat: str) -> bool:
        """Forget the versions that have not been begun. Returns whether there were any."""
        queue = self._queues.get(chat)
        if queue is None or not queue.waiting:
            return False
        queue.waiting.clear()
        return True

    async def close(self) -> None:
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, chat: str, queue: _Queue) -> None:
        try:
            while queue.waiting:
                await self._until(lambda: chat not in self._turns.writing_in())
                if not queue.waiting:
                    break                         # called off meanwhile
                place = queue.waiting.popleft()
                self._tell(chat, queue, len(queue.waiting) + 1)
                self._turns.begin(place)
                await self._until(lambda: chat not in self._turns.writing_in())
                if not await self._made(place):
                    queue.failed += 1
                    queue.waiting.clear()         # what failed once fails again, or was stopped
        finally:
            del self._queues[chat]
            self._tell(chat, queue, 0, await self._chats.title(chat))

    async def _made(self, place: ReplyPlace) -> bool:
        node = (await self._chats.get(place.chat)).nodes.get(place.node)
        return node is not None and node.revision.finish in ("stop", "length")

    async def _until(self, true: Callable[[], bool]) -> None:
        async with self._quiet:
            await self._quiet.wait_for(true)

    def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] == "turn" and event.get("state") == "done" and self._queues:
            task = asyncio.ensure_future(self._wake())
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

    async def _wake(self) -> None:
        async with self._quiet:
            self._quiet.notify_all()

    def _tell(self, chat: str, queue: _Queue, left: int, title: str = "") -> None:
        self._events.emit("queue", chat=chat, left=left, asked=queue.asked, failed=queue.failed, title=title)
