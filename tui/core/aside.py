"""What the model writes for the person and not into the chat: their next message, to be finished and sent by
themselves, and suggestions of what it might be. Both go on from the prompt that the backend has in its cache."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
from dataclasses import dataclass
from typing import Any

from tui.core.chats import Chats
from tui.core.connection import Connection, Link
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.gathering import Asked, Gatherer
from tui.core.library import Library
from tui.core.pictures import Pictures
from tui.core.planning import Planner
from tui.core.sent import SentPrompts
from tui.core.shaping import ReplyShaper
from tui.domain.backend import Finish, Progress, Text
from tui.domain.chat import Chat
from tui.domain.errors import BackendError, NotFound, Refused, StoreError
from tui.domain.notice import notice
from tui.store import Store

#: Seconds between two stretches of a growing text that are told.
TELL_EVERY = 0.1

#: How many suggestions are asked for, and the longest that is taken, in characters.
SUGGESTIONS, LONGEST = 3, 300

_SUGGEST = (
    "Pause the roleplay. Suggest {count} different things that {{{{user}}}} could say or do next, each on a line of "
    "its own, numbered, in {{{{user}}}}'s own words and in the language of the chat, one sentence each. Write nothing "
    "else."
)
_NUMBERED = re.compile(r"^\s*(?:\d+\s*[.):\]-]|[-*\u2022\u2013\u2014])\s*")


@dataclass
class _Job:
    """One text on its way."""

    request: str
    link: Link | None = None
    stopped: bool = False


class Aside:
    """`turn.impersonate` and `turn.suggest`; one at a time in each chat."""

    def __init__(
        self, store: Store, chats: Chats, gatherer: Gatherer, planner: Planner, library: Library,
        connection: Connection, events: EventHub, pictures: Pictures, sent: SentPrompts,
    ) -> None:
        self._store = store
        self._chats = chats
        self._gatherer = gatherer
        self._planner = planner
        self._library = library
        self._connection = connection
        self._events = events
        self._pictures = pictures
        self._sent = sent
        self._jobs: dict[str, _Job] = {}

    def handlers(self) -> dict[str, Handler]:
        return {"turn.impersonate": self.impersonate, "turn.suggest": self.suggest, "turn.quiet": self.quiet}

    def busy(self) -> bool:
        return bool(self._jobs)

    async def impersonate(
        self, chat: str, id: str, parent: str | None = None, begun: str = "", guidance: str = "",  # noqa: A002
    ) -> dict[str, Any]:
        """Write the person's next message after `parent`, going on from what they have typed (`begun`); `guidance`
        tells what it shall be about. What came is told as it grows (`aside` events with the request's `id`), and kept
        as the chat's draft. Raises Refused, BackendError."""
        tree, head = await self._place(chat, parent)
        asked = Asked("impersonate", prefill=begun.rstrip(), instruction=guidance)
        text = await self._write(tree, head, id, asked, keep=True)
        if not text.strip():
            told = notice("The model wrote nothing for you.")
            raise BackendError(told, notice("Try again, or with a few words to begin."))
        return {"text": _joined(begun, text)}

    async def suggest(self, chat: str, id: str, parent: str | None = None) -> dict[str, Any]:  # noqa: A002
        """A few things that the person might say next. Raises Refused, BackendError."""
        tree, head = await self._place(chat, parent)
        asked = Asked("quiet", instruction=_SUGGEST.format(count=SUGGESTIONS))
        text = await self._write(tree, head, id, asked, keep=False)
        found = suggestions(text)
        if not found:
            raise BackendError(notice("The model suggested nothing."), notice("Try again."))
        return {"suggestions": found}

    async def quiet(
        self, chat: str, id: str, instruction: str, parent: str | None = None,  # noqa: A002
    ) -> dict[str, Any]:
        """What the model answers to an instruction beside the story; nothing of it is kept. Raises Refused."""
        tree, head = await self._place(chat, parent)
        text = await self._write(tree, head, id, Asked("quiet", instruction=instruction), keep=False)
        return {"text": text.strip()}

    async def stop(self, chat: str) -> bool:
        """Stop what is being written for the person; what came of their message stays."""
        job = self._jobs.get(chat)
        if job is None:
            return False
        job.stopped = True
        if job.link is not None:
            await job.link.backend.abort(job.request)
        return True

    async def close(self) -> None:
        for chat in list(self._jobs):
            await self.stop(chat)

    async def _place(self, chat: str, parent: str | None) -> tuple[Chat, str | None]:
        tree = await self._chats.get(chat)
        head = parent if parent is not None else tree.head
        if head is not None and head not in tree.nodes:
            raise NotFound("That message is not in this chat.")
        if chat in self._jobs:
            raise Refused("Something is being written for you already.", "Esc stops it.")
        return tree, head

    async def _write(self, tree: Chat, head: str | None, request_id: str, asked: Asked, *, keep: bool) -> str:
        job = self._jobs[tree.id] = _Job(f"{tree.id}/aside/{request_id}")
        telling = _Telling(self._events, tree.id, request_id)
        try:
            await self._library.refresh()
            async with self._connection.using(
                self._connection.chosen(tree.fields), template_id=tree.fields.get("template"),
            ) as link:
                path = tree.path(head) if head is not None else []
                clock = datetime.datetime.now().astimezone()
                prepared = await self._planner.prepare(tree, path, link, asked=asked, clock=clock)
                if job.stopped:
                    return ""
                job.link = link
                shaper = ReplyShaper([prepared.turn.user], continued=bool(asked.prefill))
                request = await self._pictures.fill(prepared.request(job.request), prepared.shown)
                self._sent.held = ""              # for the next reply: the backend has more than the chat's last prompt
                async for event in link.backend.complete(request):
                    if isinstance(event, Text):
                        telling.add(shaper.feed(event.text))
                    elif isinstance(event, Progress):
                        telling.reading(event)
                    elif isinstance(event, Finish):
                        self._connection.judge(link, event)
                        telling.add(shaper.finish())
                        if event.error is not None:
                            raise event.error
        finally:
            del self._jobs[tree.id]
            telling.close()
            if keep and telling.text.strip():
                with contextlib.suppress(StoreError):    # the terminal has it too
                    await asyncio.shield(self._store.set_draft(tree.id, _joined(asked.prefill, telling.text)))
        return telling.text


class _Telling:
    """Tells a growing text a few times a second."""

    def __init__(self, events: EventHub, chat: str, request_id: str) -> None:
        self._events = events
        self._about = {"chat": chat, "id": request_id}
        self._told = 0
        self._next = 0.0
        self.text = ""
        self._emit("writing", text="")

    def add(self, text: str) -> None:
        self.text += text
        now = asyncio.get_running_loop().time()
        if now >= self._next and len(self.text) > self._told:
            self._next = now + TELL_EVERY
            self._told = len(self.text)
            self._emit("writing", text=self.text)

    def reading(self, progress: Progress) -> None:
        self._emit("reading", processed=progress.processed, total=progress.total)

    def close(self) -> None:
        self._emit("done", text=self.text)

    def _emit(self, state: str, **more: Any) -> None:
        self._events.emit("aside", **self._about, state=state, **more)


def suggestions(text: str) -> list[str]:
    """The lines of an answer without their numbers, each once; at most as many as were asked for."""
    lines = (_NUMBERED.sub("", line).strip().strip("\"“”«»").strip() for line in text.splitlines())
    return [line[:LONGEST] for line in dict.fromkeys(lines) if line][:SUGGESTIONS]


def _joined(begun: str, text: str) -> str:
    """What was typed and what follows it."""
    head = begun.rstrip()
    return head + text if head else text.lstrip()
