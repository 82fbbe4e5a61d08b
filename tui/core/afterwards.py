"""What follows a reply: the prompt is remembered, macro variables are kept, the next prompt is read ahead, and where
the person wants it, what will soon be cut is summed up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from tui.core.gathering import Gatherer, fresh_key
from tui.core.memory import Memory
from tui.core.outcome import OFFER_SHARE, crowd, offer
from tui.core.planning import Prepared
from tui.core.sent import SentPrompts
from tui.core.settings import Settings
from tui.core.warming import Warming
from tui.domain.backend import Finish
from tui.domain.errors import StoreError, TraktirError
from tui.domain.picture_marks import labelled
from tui.domain.prompt.difference import difference
from tui.domain.prompt.head import WAITING
from tui.domain.prompt.render import text_of
from tui.store import Store
from tui.wire.ids import new_id

_log = logging.getLogger(__name__)


class Afterwards:
    """Keeps what later turns need of this one; nothing here can fail a reply."""

    def __init__(
        self, store: Store, gatherer: Gatherer, memory: Memory, sent: SentPrompts, warming: Warming,
        settings: Settings,
    ) -> None:
        self._store = store
        self._gatherer = gatherer
        self._memory = memory
        self._sent = sent
        self._warming = warming
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    async def compared(self, chat: str, prepared: Prepared) -> dict[str, Any] | None:
        """How the prompt that is about to be sent departs from the last one; None when it only goes on."""
        last = await self._sent.last(chat)
        if last is None:
            return None
        new = text_of(prepared.pieces)
        found = await asyncio.to_thread(difference, last, new, prepared.plan, prepared.turn.state)
        told: dict[str, Any] | None = labelled(found.to_json(), prepared.shown) if found is not None else None
        return told

    async def reply(self, chat: str, prepared: Prepared, said: str, finish: Finish) -> None:
        """A reply was stored: `said` is what the model wrote."""
        if finish.usage.prompt_tokens:
            await prepared.link.counts.reported(prepared.pieces, finish.usage.prompt_tokens)
        await self._sent.keep(chat, text_of(prepared.pieces), said, prepared.plan.state.rendered)
        with contextlib.suppress(StoreError):     # told by then; variables of the chat lie with the reply's own state
            if prepared.plan.globals is not None:
                await self._gatherer.share(prepared.turn.globals, prepared.plan.globals)
            if prepared.turn.fresh_macros:
                await self._store.set_value(fresh_key(chat), None)
        if finish.reason in ("stop", "length"):
            self._warming.soon(chat)
            self._sum_up(chat, prepared, finish)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._warming.close()

    def _sum_up(self, chat: str, prepared: Prepared, finish: Finish) -> None:
        """Have what the next cut takes summed up, when that cut is near and the person has asked for it; before that,
        the older half of the summaries in one, where they have used up their share."""
        used = prepared.prompt_tokens + (finish.usage.completion_tokens or 0)
        near = used > OFFER_SHARE * (prepared.link.context - prepared.turn.budget.reserve)
        waiting = any(s.why == WAITING for s in prepared.plan.segments)
        found = offer(prepared)
        crowded = crowd(prepared)
        if not self._settings.get("auto_summary") or waiting or not (crowded or (near and found is not None)):
            return
        task = asyncio.create_task(self._make_summary(chat, found or {}, crowded))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make_summary(self, chat: str, found: dict[str, Any], crowded: list[str]) -> None:
        try:
            if crowded:
                await self._memory.fold(chat, new_id(), crowded, by="program")
            else:
                await self._memory.make(chat, new_id(), found["first"], found["last"], by="program")
        except TraktirError as error:             # the status line still offers it
            _log.info("the summary of what will be cut: %s", error)
        self._warming.soon(chat)
