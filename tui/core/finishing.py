"""What the program does by itself with a reply that ended: goes on where it was too long, tries again where it is not
what the person wants, takes away a sentence that was only begun. All of it is told, and what was there stays."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import asdict
from typing import Any

from tui.core.chats import Chats, now_ms
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.settings import Settings
from tui.core.turns import Turns
from tui.core.writing import ReplyPlace
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import NotFound, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op
from tui.domain.sentences import trimmed
from tui.wire.ids import new_id

_log = logging.getLogger(__name__)


class Finishing:
    """Hears of every reply that ended; `node.trim`."""

    def __init__(self, chats: Chats, turns: Turns, events: EventHub, settings: Settings) -> None:
        self._chats = chats
        self._turns = turns
        self._events = events
        self._settings = settings
        #: How often a reply was gone on with, and how often another version of it was asked for, by node and parent.
        self._continued: Counter[str] = Counter()
        self._retried: Counter[tuple[str, str | None]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        events.subscribe(self._hear)

    def handlers(self) -> dict[str, Handler]:
        return {"node.trim": self.trim}

    async def trim(self, chat: str, node: str) -> None:
        """Take away a sentence at the end of a message that was only begun; the text before stays an earlier one.
        Raises NotFound, Refused."""
        tree = await self._chats.get(chat)
        found = tree.nodes.get(node)
        if found is None:
            raise NotFound("That message is not in this chat.")
        if not await self._trim(tree, found):
            raise Refused("It ends with a whole sentence.")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] != "turn" or event.get("state") != "done" or event.get("error") or not event.get("node"):
            return
        if event.get("finish") not in ("stop", "length"):
            return                                # one that was cut was stopped by somebody
        task = asyncio.ensure_future(self._after(str(event["chat"]), str(event["node"]), event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _after(self, chat: str, node: str, event: dict[str, Any]) -> None:
        try:
            tree = await self._chats.get(chat)
            found = tree.nodes.get(node)
            if found is None or found.role != "assistant" or (event.get("loop") or {}).get("alarm"):
                return
            if event["finish"] == "length" and self._goes_on(tree, found):
                return
            if not event.get("quiet") and self._tries_again(tree, found):
                return
            if event["finish"] == "length" and self._settings.get("trim_sentences"):
                await self._trim(tree, found)
        except TraktirError as error:
            _log.info("after a reply: %s", error)

    def _goes_on(self, tree: Chat, node: Node) -> bool:
        if self._continued[node.id] >= self._settings.get("auto_continue"):
            return False
        self._continued[node.id] += 1
        self._turns.begin(ReplyPlace(tree.id, node.id, new_id(), node.parent, base=node.text.rstrip()))
        return True

    def _tries_again(self, tree: Chat, node: Node) -> bool:
        why = self._unwanted(node.text)
        key = (tree.id, node.parent)
        if why is None or self._retried[key] >= self._settings.get("auto_swipe"):
            return False
        self._retried[key] += 1
        self._events.tell(why, chat=tree.id)
        self._turns.begin(ReplyPlace(tree.id, new_id(), new_id(), node.parent), instead=node.id)
        return True

    def _unwanted(self, text: str) -> Notice | None:
        """Why another version is wanted; None where this one will do."""
        least = int(self._settings.get("auto_swipe_least"))
        if len(text.strip()) < least:
            return notice("Another version is asked for: this one has fewer than {n} characters.", n=least)
        low = text.casefold()
        word = next((w for w in self._settings.get("auto_swipe_words") if w.strip() and w.casefold() in low), None)
        if word is not None:
            return notice("Another version is asked for: this one says “{words}”.", words=word[:60])
        return None

    async def _trim(self, tree: Chat, node: Node) -> bool:
        text = trimmed(node.text)
        if text == node.text.rstrip() or not text:
            return False
        revision = Revision(
            new_id(), text, now_ms(), kind="edit", finish=node.revision.finish, reasoning=node.revision.reasoning,
            generation={**node.revision.generation, "trimmed": len(node.text) - len(text)},
            images=node.revision.images,
        )
        op: Op = {"op": "add_revision", "node": node.id, "revision": asdict(revision)}
        await self._chats.commit(tree.id, [op], notice("trimming to the last sentence"))
        return True
