"""Summaries: made by the model of a range of messages, edited by the person, taken away and brought back."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.core.chats import Chats, now_ms
from tui.core.connection import Connection, Link
from tui.core.events import EventHub
from tui.core.library import Library
from tui.core.pictures import Pictures
from tui.core.planning import SIDE_JOB_TOKENS, Planner
from tui.core.sent import SentPrompts
from tui.core.shaping import WholeCharacters
from tui.domain.backend import SIDE, CompletionRequest, Finish, Progress, Text
from tui.domain.chat import Chat, Node, Summary
from tui.domain.errors import BackendError, BadInput, NotFound, PromptTooLong, Refused
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op, summary_to_json
from tui.domain.picture_marks import shown_on
from tui.domain.prompt.render import text_of
from tui.domain.prompt.summary import SideJob
from tui.domain.samplers import Samplers
from tui.domain.summaries import standing

_STOPPED = Notice("The summary was stopped; nothing has changed.")
#: Facts want little chance: a low temperature, nothing that distorts.
_SAMPLERS = Samplers(temperature=0.3, min_p=0.1, max_tokens=SIDE_JOB_TOKENS)


@dataclass
class _Job:
    """One summary being made."""

    task: asyncio.Task[Summary] | None = None
    link: Link | None = None
    stopped: bool = False


class Memory:
    """Use cases of summaries. One summary at a time in each chat."""

    def __init__(
        self, chats: Chats, planner: Planner, library: Library, connection: Connection, events: EventHub,
        sent: SentPrompts, pictures: Pictures,
    ) -> None:
        self._pictures = pictures
        self._chats = chats
        self._planner = planner
        self._library = library
        self._connection = connection
        self._events = events
        self._sent = sent
        self._making: dict[str, _Job] = {}

    def busy(self) -> bool:
        return bool(self._making)

    async def make(
        self, chat: str, id: str, first: str = "", last: str = "", by: str = "person",  # noqa: A002
        shorten: bool = False,
    ) -> dict[str, Any]:
        """Have the model summarise the visible messages from `first` to `last` (default: all but the last four).

        Without `last`, or to `shorten`, as many of them as the window holds. Summaries inside the range stand for what
        they cover. One that the program makes by itself enters the prompt with the next cut."""
        tree = await self._chats.get(chat)
        return await self._made(tree, id, first, last, by, shorten=shorten or not last)

    async def redo(self, chat: str, summary: str, id: str) -> dict[str, Any]:  # noqa: A002
        """Have a summary written anew, of its messages as they now are; the earlier one is taken away then."""
        tree = await self._chats.get(chat)
        old = tree.summaries.get(summary)
        if old is None:
            raise NotFound(notice("That summary is not in this chat."))
        shown = {n.id for n in tree.path() if not n.hidden}
        covers = [node for node, _ in old.covers if node in shown]
        if not covers:
            raise Refused("The messages of that summary are not on this path.")
        return await self._made(tree, id, covers[0], covers[-1], "person", shorten=False, instead=summary)

    async def fold(
        self, chat: str, id: str, summaries: list[str] | None = None, by: str = "person"  # noqa: A002
    ) -> dict[str, Any]:
        """Have several summaries (default: all that stand) and what lies between them summed up in one."""
        tree = await self._chats.get(chat)
        found = [s for s in standing(tree.summaries.values(), tree.path()) if not summaries or s.id in summaries]
        if len(found) < 2:
            raise Refused("There are no two summaries that one could stand for.")
        return await self._made(tree, id, found[0].covers[0][0], found[-1].covers[-1][0], by, shorten=False)

    async def _made(
        self, tree: Chat, id: str, first: str, last: str, by: str, *, shorten: bool, instead: str = ""  # noqa: A002
    ) -> dict[str, Any]:
        chat = tree.id
        if id in tree.summaries:
            return {"summary": summary_to_json(tree.summaries[id])}
        if chat in self._making:
            raise Refused("A summary of this chat is being written already.")
        nodes = _range(tree, first, last)
        job = self._making[chat] = _Job()
        job.task = asyncio.create_task(self._make(tree, nodes, id, job, by, shorten=shorten, instead=instead))
        try:
            return {"summary": summary_to_json(await job.task)}
        except asyncio.CancelledError:
            if not job.stopped:
                job.task.cancel()
                raise
            raise Refused(_STOPPED) from None
        finally:
            del self._making[chat]
            self._events.emit("turn", chat=chat, node=None, state="summarised")

    async def edit(self, chat: str, summary: str, text: str) -> None:
        if not text.strip():
            raise BadInput(notice("A summary cannot be empty; remove it instead."), field="text")
        await self._chats.commit(
            chat, [{"op": "edit_summary", "summary": summary, "text": text}], notice("the edit of a summary")
        )

    async def mark(self, chat: str, summary: str, *, removed: bool) -> None:
        label = notice("removing a summary") if removed else notice("restoring a summary")
        await self._chats.commit(chat, [{"op": "mark_summary", "summary": summary, "value": removed}], label)

    async def stop(self, chat: str) -> bool:
        """Stop the summary being written; nothing of it is kept."""
        job = self._making.get(chat)
        if job is None:
            return False
        job.stopped = True
        if job.link is not None:
            await job.link.backend.abort(_request_id(chat))
        elif job.task is not None:
            job.task.cancel()
        return True

    async def close(self) -> None:
        """Stop everything."""
        tasks = [job.task for job in self._making.values() if job.task is not None]
        for chat in list(self._making):
            await self.stop(chat)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(
        self, tree: Chat, nodes: Sequence[Node], summary_id: str, job: _Job, by: str, *, shorten: bool,
        instead: str = "",
    ) -> Summary:
        await self._library.refresh()
        profile, template = self._connection.for_summaries(tree.fields)
        async with self._connection.using(
            profile, lambda s: self._status(tree.id, notice=s.notice.to_json(), fraction=s.fraction),
            template_id=template,
        ) as link:
            others = {name: s for name, s in tree.summaries.items() if name != instead}
            plan = await self._plan(replace(tree, summaries=others), nodes, link, shorten=shorten)
            job.link = link
            text = await self._collect(tree, link, plan)
        made = {"by": by, "profile": link.profile.id, "model": link.capabilities.model}
        summary = Summary(summary_id, plan.covers, (text,), now_ms(), generation=made)
        ops: list[Op] = [{"op": "add_summary", "summary": summary_to_json(summary)}]
        if instead:
            ops.append({"op": "mark_summary", "summary": instead, "value": True})
        await self._chats.commit(tree.id, ops, notice("the summary"))
        return summary

    async def _plan(self, tree: Chat, nodes: Sequence[Node], link: Link, *, shorten: bool) -> SideJob:
        """The prompt for a summary of `nodes`; where they are too many and may be fewer, of those that fit."""
        clock = datetime.datetime.now().astimezone()
        try:
            return await self._planner.summary(tree, tree.path(), nodes[0].id, nodes[-1].id, link, clock=clock)
        except PromptTooLong as error:
            last = str(error.details.get("fits") or "")
            if not shorten or not last:
                raise
            return await self._planner.summary(tree, tree.path(), nodes[0].id, last, link, clock=clock)

    async def _collect(self, tree: Chat, link: Link, job: SideJob) -> str:
        chat = tree.id
        request = CompletionRequest(
            id=_request_id(chat), pieces=job.pieces, messages=job.messages, samplers=_SAMPLERS,
            max_tokens=SIDE_JOB_TOKENS, stop=job.stops, bos=job.bos, conversation=chat + SIDE,
        )
        request = await self._pictures.fill(request, shown_on(tree.path()))
        text, whole = "", WholeCharacters()
        own = link.place.embedded or link.profile.id == self._connection.profile_of(
            self._connection.chosen(tree.fields)).id
        if own:
            self._sent.held = ""                  # the chat's own prompt is in the backend's memory no more
        async for event in link.backend.complete(request):
            if isinstance(event, Text):
                text += whole.feed(event.text)
            elif isinstance(event, Progress):
                self._status(chat, processed=event.processed, total=event.total, cached=event.cached)
            elif isinstance(event, Finish):
                self._connection.judge(link, event)
                if event.error is not None:
                    raise event.error
                if event.reason == "cut":
                    raise Refused(_STOPPED)
        if own:
            self._sent.held = text_of(job.pieces) + text
        if not text.strip():
            raise BackendError(notice("The model wrote no summary."), notice("Write one yourself with /memory."))
        return text.strip()

    def _status(self, chat: str, **data: Any) -> None:
        self._events.emit("turn", chat=chat, node=None, state="summarising", **data)


def _request_id(chat: str) -> str:
    return f"{chat}/summary"


def _range(tree: Chat, first: str, last: str) -> list[Node]:
    """The visible messages of the stored path from `first` to `last`."""
    path = [n for n in tree.path() if not n.hidden]
    ids = [n.id for n in path]
    for wanted in (first, last):
        if wanted and wanted not in ids:
            raise NotFound(notice("That message is not on the visible path."), node=wanted[:40])
    start = ids.index(first) if first else 0
    end = ids.index(last) if last else len(ids) - 5
    if end < start or not path:
        raise Refused("There is too little to summarise yet.")
    return path[start : end + 1]
