"""Taking a turn: what the person said is stored, a reply is planned, streamed, stored and explained."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from tui.core.chats import Chats, new_node, now_ms
from tui.core.connection import Connection, Link
from tui.core.events import EventHub
from tui.core.outcome import outcome, plan_to_json, record
from tui.core.planning import Planner, Prepared
from tui.core.shaping import ReplyShaper
from tui.domain.backend import Finish, Progress, Reasoning, Status, Text, Usage
from tui.domain.chat import Chat, Revision
from tui.domain.errors import BackendError, BadInput, NotFound, TraktirError
from tui.domain.notice import notice
from tui.domain.operations import Op, node_to_json
from tui.store import Store

#: Seconds between two writes of a growing reply to disk.
WRITE_EVERY = 0.5


@dataclass
class _Reply:
    """One reply on its way."""

    chat: str
    node: str
    revision: str
    parent: str | None
    base: str = ""                                # continue: the text so far
    request: str = ""
    link: Link | None = None
    text: str = ""
    reasoning: str = ""
    stored: bool = False                          # the node or revision is in the tree
    dirty: bool = False
    stopping: bool = False
    started: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None

    @property
    def continues(self) -> bool:
        return bool(self.base)


class Turns:
    """Replies in progress, one at a time in each chat; a second one waits for the first."""

    def __init__(
        self, store: Store, chats: Chats, planner: Planner, connection: Connection, events: EventHub,
        attached: Callable[[], int],
    ) -> None:
        self._store = store
        self._chats = chats
        self._planner = planner
        self._connection = connection
        self._events = events
        self._attached = attached
        self._running: dict[str, _Reply] = {}
        self._order: dict[str, asyncio.Lock] = {}
        self.last: dict[str, dict[str, Any]] = {}

    def busy(self) -> bool:
        return bool(self._running)

    def writing_in(self) -> list[str]:
        return sorted({r.chat for r in self._running.values()})

    async def say(
        self, chat: str, node: str, revision: str, text: str, reply: str, reply_revision: str,
        parent: str | None = None, name: str = "",
    ) -> dict[str, Any]:
        """Store what the person said under `parent` and start the reply to it."""
        if not text.strip():
            raise BadInput(notice("There is nothing to send."), field="text")
        tree = await self._chats.get(chat)
        if node not in tree.nodes:
            who = self._planner.speakers(tree)
            said = new_node(tree, node, parent, "user", name or who.user, Revision(revision, text, now_ms()))
            ops: list[Op] = [{"op": "add_node", "node": node_to_json(said)}, {"op": "set_head", "head": node}]
            await self._chats.commit(chat, ops, notice("your message"))
            await self._store.set_draft(chat, "")
        self._start(_Reply(chat, reply, reply_revision, node))
        return {"node": node, "reply": reply}

    async def reply(self, chat: str, reply: str, reply_revision: str, parent: str | None = None) -> dict[str, Any]:
        """Another answer to `parent`: a new swipe beside those that are there."""
        tree = await self._chats.get(chat)
        if parent is not None and parent not in tree.nodes:
            raise NotFound(notice("The message to answer is not in this chat any more."))
        self._start(_Reply(chat, reply, reply_revision, parent))
        return {"reply": reply}

    async def continue_(self, chat: str, node: str, revision: str) -> dict[str, Any]:
        """Go on writing a reply: a new revision that begins with the present text."""
        tree = await self._chats.get(chat)
        target = tree.nodes.get(node)
        if target is None or target.role != "assistant":
            raise NotFound(notice("There is no reply to continue."))
        self._start(_Reply(chat, node, revision, target.parent, base=target.text.rstrip()))
        return {"reply": node}

    async def stop(self, chat: str) -> bool:
        """Stop what is written in a chat and wait until it is stored. What came stays."""
        replies = [r for r in self._running.values() if r.chat == chat]
        for reply in replies:
            reply.stopping = True
            if reply.link is not None and reply.request:
                await reply.link.backend.abort(reply.request)
            elif reply.task is not None:
                reply.task.cancel()
        tasks = [r.task for r in replies if r.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=10)
        return bool(replies)

    async def close(self) -> None:
        """Stop everything; each reply is stored as cut."""
        for chat in self.writing_in():
            await self.stop(chat)

    def _start(self, reply: _Reply) -> None:
        if reply.revision in self._running:
            return
        self._running[reply.revision] = reply
        reply.task = asyncio.create_task(self._run(reply))

    async def _run(self, reply: _Reply) -> None:
        self._status(reply, "waiting")
        try:
            async with self._order.setdefault(reply.chat, asyncio.Lock()):
                await self._take(reply)
        except TraktirError as error:
            self._status(reply, "done", finish="error", error=error.to_json())
        except asyncio.CancelledError:
            self._status(reply, "done", finish="cut")
        except Exception as error:  # the reply fails, the core stands: the last line of defence, said aloud
            failure = BackendError(notice("Something went wrong inside Traktir: {reason}.", reason=repr(error)[:300]))
            self._status(reply, "done", finish="error", error=failure.to_json())
        finally:
            self._running.pop(reply.revision, None)

    async def _take(self, reply: _Reply) -> None:
        tree = await self._chats.get(reply.chat)
        if any(r.id == reply.revision for n in tree.nodes.values() for r in n.revisions):
            return                                # a repeated request for a reply that is already there
        await self._refresh_card(tree)
        link = await self._connection.link(
            tree.fields.get("profile"),
            lambda s: self._status(reply, "loading", notice=s.notice.to_json(), fraction=s.fraction),
            template_id=tree.fields.get("template"),
        )
        path = tree.path(reply.parent) if reply.parent is not None else []
        clock = datetime.datetime.now().astimezone()
        prepared = await self._planner.prepare(tree, path, link, prefill=reply.base, clock=clock)
        reply.link, reply.request = link, f"{reply.chat}/{reply.revision}"
        writer = asyncio.create_task(self._write_down(reply))
        try:
            finish = await self._stream(reply, prepared)
        finally:
            writer.cancel()
        await self._finish(reply, prepared, finish)

    async def _refresh_card(self, tree: Chat) -> None:
        card = self._planner.card_change(tree)
        if card is not None:
            await self._chats.commit(
                tree.id, [{"op": "set_field", "field": "card", "value": card}], notice("the card"), undoable=False
            )

    async def _stream(self, reply: _Reply, prepared: Prepared) -> Finish:
        shaper = ReplyShaper([prepared.turn.card.display_name], continued=reply.continues)
        finish = Finish("cut")
        async for event in prepared.link.backend.complete(prepared.request(reply.request)):
            if isinstance(event, Text):
                await self._grow(reply, shaper.feed(event.text))
            elif isinstance(event, Reasoning):
                await self._grow(reply, "", event.text)
            elif isinstance(event, Progress):
                self._status(
                    reply, "prefill", processed=event.processed, total=event.total, cached=event.cached
                )
            elif isinstance(event, Status):
                self._status(reply, "loading", notice=event.notice.to_json(), fraction=event.fraction)
            elif isinstance(event, Finish):
                finish = event
            elif not isinstance(event, Usage):
                raise AssertionError(event)
            if reply.stopping and not isinstance(event, Finish):
                await prepared.link.backend.abort(reply.request)
        await self._grow(reply, shaper.finish())
        return finish

    async def _grow(self, reply: _Reply, text: str, reasoning: str = "") -> None:
        if not text and not reasoning:
            return
        offset = len(reply.base) + len(reply.text)
        reply.text += text
        reply.reasoning += reasoning
        reply.dirty = True
        whole = reply.base + reply.text
        if not reply.stored:
            await self._place(reply, whole)
            self._status(reply, "writing")
            return
        self._chats.growing(reply.chat, reply.node, reply.revision, whole, reply.reasoning)
        delta: dict[str, Any] = {"offset": offset, "text": text}
        if reasoning:
            delta["reasoning"] = reasoning
        self._events.emit("delta", chat=reply.chat, node=reply.node, revision=reply.revision, **delta)

    async def _place(self, reply: _Reply, whole: str) -> None:
        """Put the reply into the tree when its first text is there, so that a failure leaves nothing behind."""
        tree = await self._chats.get(reply.chat)
        revision = Revision(
            reply.revision, whole, now_ms(), kind="continue" if reply.continues else "original",
            base=len(reply.base), finish="streaming", reasoning=reply.reasoning,
        )
        if reply.continues:
            ops: list[Op] = [{"op": "add_revision", "node": reply.node, "revision": asdict(revision)}]
        else:
            name = self._planner.speakers(tree).card.display_name
            node = new_node(tree, reply.node, reply.parent, "assistant", name, revision)
            ops = [{"op": "add_node", "node": node_to_json(node)}, {"op": "set_head", "head": reply.node}]
        label = notice("the continuation") if reply.continues else notice("the reply")
        await self._chats.commit(reply.chat, ops, label, durable=False)
        reply.stored, reply.dirty = True, False

    async def _write_down(self, reply: _Reply) -> None:
        """Write the growing text to disk at least once a second, for as long as it grows."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            if reply.stored and reply.dirty:
                reply.dirty = False
                await self._store.stream_text(
                    reply.chat, reply.node, reply.revision, reply.base + reply.text, reply.reasoning
                )

    async def _finish(self, reply: _Reply, prepared: Prepared, finish: Finish) -> None:
        self._connection.touch(prepared.link)
        if reply.stored:
            made = record(prepared, finish, time.monotonic() - reply.started)
            closing: Op = {
                "op": "finish_revision", "node": reply.node, "revision": reply.revision,
                "text": (reply.base + reply.text).rstrip(), "finish": finish.reason, "reasoning": reply.reasoning,
                "generation": made,
            }
            await self._chats.commit(reply.chat, [closing], notice("the reply"), undoable=False)
            await self._store.set_plan_state(
                reply.chat, reply.node, prepared.plan.state.to_json(), plan_to_json(prepared.plan)
            )
            if not self._attached():
                tokens = finish.usage.completion_tokens or 0
                await self._store.set_value(f"away:{reply.chat}", {"node": reply.node, "tokens": tokens})
        error = finish.error
        if error is None and not reply.stored and not reply.stopping:
            error = BackendError(
                notice("The model ended its turn without a word."), notice("Press Ctrl+R to ask again.")
            )
        self._status(reply, "done", **outcome(prepared, finish, error, stored=reply.stored))

    def _status(self, reply: _Reply, state: str, **data: Any) -> None:
        status = {"chat": reply.chat, "node": reply.node, "state": state, **data}
        if state == "done":
            self.last[reply.chat] = {**self.last.get(reply.chat, {}), **status}
        self._events.emit("turn", **status)
