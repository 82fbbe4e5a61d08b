"""Reading ahead: what the next prompt will begin with is put into the backend's cache while nobody waits for it.

After a reply, when a chat is opened, and while the person types. Mostly there is nothing to do; where the next prompt
begins differently (a cut, a note at a depth, another chat), its beginning is processed now. A cut that is due is made
now, and the next turn begins with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile

from tui.core.chats import Chats, new_node, now_ms
from tui.core.connection import Connection, Link
from tui.core.gathering import Ahead, Gatherer
from tui.core.pictures import Pictures
from tui.core.planning import Planner, Prepared
from tui.core.sent import SentPrompts
from tui.core.settings import Settings
from tui.domain.backend import Piece
from tui.domain.chat import Chat, Revision
from tui.domain.errors import TraktirError
from tui.domain.prompt.difference import common_length
from tui.domain.prompt.render import text_of
from tui.domain.prompt.types import PlanState
from tui.wire.ids import new_id

#: Seconds of quiet before anything is read ahead.
_PATIENCE = 0.4
#: Tokens that the person's next message is assumed to take, so that it does not make the cut that was put off; on a
#: small window less, a share of it.
_NEXT_MESSAGE, _NEXT_SHARE = 160, 64
#: Characters of the beginning that may be missing in the cache before reading ahead is worth a request.
_WORTH = 400
#: Stands for the text that the person has not written yet; what comes before it is known.
_UNWRITTEN = "\ue0f7"
_log = logging.getLogger(__name__)


class Warming:
    """Reads ahead, one chat at a time; gives way to every real request."""

    def __init__(
        self, chats: Chats, gatherer: Gatherer, planner: Planner, connection: Connection, sent: SentPrompts,
        settings: Settings, busy: Callable[[], bool], pictures: Pictures,
    ) -> None:
        self._pictures = pictures
        self._chats = chats
        self._gatherer = gatherer
        self._planner = planner
        self._connection = connection
        self._sent = sent
        self._settings = settings
        self._busy = busy
        self._task: asyncio.Task[None] | None = None
        self._reading = ""                        # the chat that is being read ahead for
        self._again = False
        self._done: tuple[str, str | None, int, str] | None = None

    def soon(self, chat: str) -> None:
        """Read ahead for `chat` when nothing else has been asked for a moment. What is being read for it already goes
        on: keys that are pressed meanwhile do not begin it anew."""
        if not self._settings.get("read_ahead"):
            return
        if self._reading == chat:
            self._again = True
            return
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._wait(chat))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _wait(self, chat: str) -> None:
        await asyncio.sleep(_PATIENCE)
        self._reading, self._again = chat, True
        try:
            while self._again and not self._busy():
                self._again = False
                await self._read_ahead(chat)
        except TraktirError as error:             # nobody waits for this; the turn itself will say what is wrong
            _log.info("reading ahead: %s", error)
        finally:
            self._reading = ""

    async def _read_ahead(self, chat: str) -> None:
        tree = self._gatherer.as_last_speaker(await self._chats.get(chat))
        if self._done == (chat, tree.head, tree.updated_ms, self._sent.held):
            return
        if not self._connection.is_ready(self._connection.chosen(tree.fields)):
            return
        async with self._connection.using(
            self._connection.chosen(tree.fields), template_id=tree.fields.get("template")
        ) as link:
            if not link.capabilities.warm:
                return
            prepared = await self._prepare(tree, link)
            state = _decided(prepared)
            if prepared.plan.rebase and tree.head is not None:
                self._gatherer.ahead[chat] = Ahead(tree.head, state, prepared.plan.cut)
            beginning = _before(prepared.pieces, _UNWRITTEN)
            text = text_of(beginning)
            if len(text) - common_length(self._sent.held, text) > _WORTH and not self._busy():
                request = prepared.request(f"{chat}/ahead")
                request = await self._pictures.fill(replace(request, pieces=beginning), prepared.shown)
                held = await link.backend.warm(request)
                if not held or self._busy():      # it gave way to a request, or was refused
                    return
                self._sent.held = text
                if tree.head is not None:
                    self._gatherer.ahead[chat] = Ahead(
                        tree.head, replace(state, rendered=_read(prepared)), prepared.plan.cut
                    )
            self._done = (chat, tree.head, tree.updated_ms, self._sent.held)

    async def _prepare(self, tree: Chat, link: Link) -> Prepared:
        path = tree.path()
        who = self._gatherer.user_name(tree)
        parent = path[-1].id if path else None
        revision = Revision(new_id(), _UNWRITTEN, now_ms())
        path.append(new_node(tree, new_id(), parent, "user", who, revision))
        clock = datetime.datetime.now().astimezone()
        spare = min(_NEXT_MESSAGE, link.context // _NEXT_SHARE)
        return await self._planner.prepare(tree, path, link, clock=clock, spare=spare, recall=False)


def _decided(prepared: Prepared) -> PlanState:
    """The state that the next turn begins with: that of the last reply, but for the cut, where one was made. What
    goes on by turns (timers, variables, what the unwritten message fired) is left to the turn itself."""
    kept, plan = prepared.turn.state, prepared.plan
    if not plan.rebase:
        return kept
    made, unwritten = plan.state, prepared.turn.path[-1].id
    return replace(
        kept, anchor=made.anchor, frozen=made.frozen, examples=made.examples, memory=made.memory,
        anchored=tuple(a for a in made.anchored if a.node != unwritten),
    )


def _read(prepared: Prepared) -> tuple[tuple[str, str], ...]:
    """What was read ahead, for the forecast: all segments before the unwritten message."""
    unwritten = f"message:{prepared.turn.path[-1].id}"
    return tuple(takewhile(lambda part: part[0] != unwritten, prepared.plan.state.rendered))


def _before(pieces: tuple[Piece, ...], mark: str) -> tuple[Piece, ...]:
    """The pieces up to the last `mark`."""
    for at in range(len(pieces) - 1, -1, -1):
        if mark in pieces[at].text:
            kept = replace(pieces[at], text=pieces[at].text.rpartition(mark)[0])
            return (*pieces[:at], kept) if kept.text else pieces[:at]
    return pieces
