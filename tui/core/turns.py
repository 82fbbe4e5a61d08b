"""Taking a turn: what the person said is stored, a reply is planned, streamed, stored and explained."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tui.core.afterwards import Afterwards
from tui.core.avoiding import Detours, must_be_watched
from tui.core.casting import (
    heard_by,
    next_in_round,
    other_voices,
    placed,
    spoke_for_another,
    told_of_cast,
)
from tui.core.chat_overrides import opening_of
from tui.core.chats import Chats, new_node, now_ms
from tui.core.connection import Connection, Link
from tui.core.events import EventHub
from tui.core.gathering import Asked, Gatherer
from tui.core.library import Library
from tui.core.looping import MOST_CURES, LoopGuard, cure, said_before
from tui.core.outcome import outcome, prepared_to_json, record
from tui.core.pictures import Pictures
from tui.core.planning import Planner, Prepared
from tui.core.regexes import Regexes
from tui.core.settings import Settings
from tui.core.shaping import ReplyShaper, WholeCharacters
from tui.core.token_trace import other_way, traced
from tui.core.translating import Translations
from tui.core.writing import GrowingReply, ReplyPlace
from tui.domain.backend import CompletionRequest, Event, Finish, Progress, Reasoning, Status, Text, Tokens
from tui.domain.chat import Chat, Revision
from tui.domain.errors import BackendError, BadInput, NotFound, StoreError, TraktirError
from tui.domain.notice import notice
from tui.domain.operations import Op, node_to_json
from tui.domain.picture_marks import without_marks
from tui.domain.voices import VoiceCut
from tui.store import Store
from tui.wire.ids import new_id

#: Seconds that a reply has to stop by itself before its task is ended.
STOP_PATIENCE = 10.0
_log = logging.getLogger(__name__)


@dataclass
class _Reply:
    """One reply on its way."""

    place: ReplyPlace
    request: str
    link: Link | None = None                      # set from the moment on when the backend is asked
    voices: VoiceCut = field(default_factory=lambda: VoiceCut(()))
    hushed: bool = False                          # it spoke for another, and was stopped there
    stopping: bool = False
    difference: dict[str, Any] | None = None      # to the prompt before
    replan: Callable[[str], Awaitable[Prepared]] | None = None     # the same reply, begun with a text
    guard: LoopGuard = field(default_factory=lambda: LoopGuard(()))
    started: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None


class Turns:
    """Replies in progress, one at a time in each chat; a second one waits for the first."""

    def __init__(
        self, store: Store, chats: Chats, gatherer: Gatherer, planner: Planner, library: Library,
        connection: Connection, events: EventHub, afterwards: Afterwards, attached: Callable[[], int],
        pictures: Pictures, settings: Settings, translations: Translations, rewriting: Regexes,
    ) -> None:
        self.rewriting = rewriting
        self._translations = translations
        self._pictures = pictures
        self._settings = settings
        self._store = store
        self._chats = chats
        self._gatherer = gatherer
        self._planner = planner
        self._library = library
        self._connection = connection
        self._events = events
        self._afterwards = afterwards
        self._attached = attached
        self._running: dict[str, _Reply] = {}
        self._order: dict[str, asyncio.Lock] = {}
        self.last: dict[str, dict[str, Any]] = {}
        self.pausing: Callable[[str], Awaitable[bool]] = _nothing_to_pause     # what begins replies by itself

    def busy(self) -> bool:
        return bool(self._running)

    def replying_in(self, chat: str) -> bool:
        """Whether a reply that is waited for is on its way in a chat."""
        return any(r.place.chat == chat and not r.place.quiet for r in self._running.values())

    def writing_in(self) -> list[str]:
        return sorted({r.place.chat for r in self._running.values()})

    async def say(
        self, chat: str, node: str, revision: str, text: str, reply: str, reply_revision: str,
        parent: str | None = None, name: str = "", images: list[dict[str, Any]] | None = None,
        to: list[str] | None = None,
    ) -> dict[str, Any]:
        """Store what the person said under `parent`, with pictures (`name`, and `data` in base64) where there are some,
        and start the reply to it. In a group, it may be whispered `to` some members: the others do not know of it."""
        if not text.strip() and not images:
            raise BadInput(notice("There is nothing to send."), field="text")
        tree = await self._chats.get(chat)
        if node not in tree.nodes:
            there = await self._pictures.take(chat, images or [])
            await self._say(tree, parent, node, Revision(revision, without_marks(text), now_ms(), images=there), name,
                            heard_by(tree, self._library, to))
        self._start(ReplyPlace(chat, reply, reply_revision, node))
        return {"node": node, "reply": reply}

    async def _say(
        self, tree: Chat, parent: str | None, node: str, written: Revision, name: str, heard: dict[str, Any]
    ) -> None:
        """Store a message as it reads with its macros filled, and the variables that it set."""
        path = tree.path(parent) if parent is not None else []
        filled = await self._gatherer.filled(tree, path, written.text, f"said:{node}")
        if not filled.text.strip() and not written.images:
            raise BadInput(notice("Nothing is left of this message when its macros are filled."), field="text")
        who = name or self._gatherer.user_name(tree)
        revisions = await self.rewriting.said(tree, replace(written, text=filled.text))
        said = replace(new_node(tree, node, parent, "user", who, revisions[-1]), extra=heard, revisions=revisions)
        ops: list[Op] = [{"op": "add_node", "node": node_to_json(said)}, {"op": "set_head", "head": node}]
        await self._chats.commit(tree.id, ops, notice("your message"))
        with contextlib.suppress(StoreError):  # the message is safe; that its draft stays harms nothing
            await self._gatherer.keep(tree, said, path, filled)
            await self._store.set_draft(tree.id, "")

    async def reply(self, chat: str, reply: str, reply_revision: str, parent: str | None = None) -> dict[str, Any]:
        """Another answer to `parent`: a new swipe beside those that are there."""
        tree = await self._chats.get(chat)
        if parent is not None and parent not in tree.nodes:
            raise NotFound(notice("The message to answer is not in this chat any more."))
        self._start(ReplyPlace(chat, reply, reply_revision, parent))
        return {"reply": reply}

    async def continue_(self, chat: str, node: str, revision: str) -> dict[str, Any]:
        """Go on writing a reply: a new revision that begins with the present text."""
        tree = await self._chats.get(chat)
        target = tree.nodes.get(node)
        if target is None or target.role != "assistant":
            raise NotFound(notice("There is no reply to continue."))
        base = target.text.rstrip()
        known = (await traced(self._store, tree, node, "")).tokens.known(base)
        self._start(ReplyPlace(chat, node, revision, target.parent, base=base, known=known))
        return {"reply": node}

    async def rival(
        self, chat: str, node: str, token: int, rival: int, reply: str, reply_revision: str, revision: str = "",
    ) -> dict[str, Any]:
        """Go on from another token than came: a version beside `node` that is as it was before `token`, has that
        one's `rival` there, and is continued by the model."""
        tree = await self._chats.get(chat)
        found = await traced(self._store, tree, node, revision)
        if found.node.role != "assistant":
            raise NotFound(notice("There is no reply to continue."))
        other = other_way(found.revision.text, found.tokens, token, rival)
        place = ReplyPlace(chat, reply, reply_revision, found.node.parent, begun=other.text, known=other.known)
        self._start(place)
        return {"reply": reply}

    def begin(self, place: ReplyPlace, **told: Any) -> None:
        """Start a reply where `place` says; `told` goes with the first word of it."""
        self._start(place, **told)

    async def stop(self, chat: str, nodes: Collection[str] | None = None) -> bool:
        """Stop what is written in a chat (into `nodes`, if given) and wait until it is stored. What came stays."""
        replies = [
            r for r in self._running.values() if r.place.chat == chat and (nodes is None or r.place.node in nodes)
        ]
        for reply in replies:
            await self._call_off(reply)
        tasks = [r.task for r in replies if r.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return bool(replies)

    async def close(self) -> None:
        """Stop everything; each reply is stored as cut."""
        await asyncio.gather(*(self.stop(chat) for chat in self.writing_in()))

    async def _call_off(self, reply: _Reply) -> None:
        reply.stopping = True
        if reply.link is None:
            if reply.task is not None:
                reply.task.cancel()
            return
        with contextlib.suppress(TraktirError):   # a server that cannot be reached any more writes nothing either
            await reply.link.backend.abort(reply.request)

    def _start(self, place: ReplyPlace, **told: Any) -> None:
        if place.revision in self._running:
            return
        reply = self._running[place.revision] = _Reply(place, f"{place.chat}/{place.revision}")
        self._status(reply, "waiting", **told)
        reply.task = asyncio.create_task(self._run(reply))
        reply.task.add_done_callback(lambda task: self._ended(reply, task))

    def _ended(self, reply: _Reply, task: asyncio.Task[None]) -> None:
        """Here and not in the task: one that is called off before its first step never runs at all."""
        if task.cancelled():
            self._status(reply, "done", finish="cut", error=None)

    async def _run(self, reply: _Reply) -> None:
        try:
            async with self._order.setdefault(reply.place.chat, asyncio.Lock()):
                await self._take(reply)
        except TraktirError as error:
            self._status(reply, "done", finish="error", error=error.to_json())
        except Exception as error:  # the reply fails, the core stands: the last line of defence, said aloud
            self._status(reply, "done", finish="error", error=_unforeseen(error).to_json())

    async def _take(self, reply: _Reply) -> None:
        place = reply.place
        await self._library.refresh()
        tree = await self._chats.get(place.chat)
        if (there := _revision(tree, place.revision)) is not None:
            self._status(reply, "done", finish=there.finish, error=None)     # a repeated request, answered already
            return
        await self._chats.held.catch_up(place.chat)
        await self._refresh_card(tree)
        tree = await self._translations.before(tree, place.parent)
        place = reply.place = placed(tree, self._library, place)
        tree = self._gatherer.as_speaker(tree, place.speaker)
        async with self._connection.using(
            self._connection.chosen(tree.fields),
            lambda s: self._status(reply, "loading", notice=s.notice.to_json(), fraction=s.fraction),
            template_id=tree.fields.get("template"),
        ) as link:
            path = tree.path(place.parent) if place.parent is not None else []
            clock = datetime.datetime.now().astimezone()
            plan = partial(self._planner.prepare, tree, path, link, clock=clock)
            asked = _asked(tree, place)
            prepared = await plan(asked=asked)
            reply.link, reply.replan = link, lambda text: plan(asked=replace(asked, prefill=text))
            await self._write(reply, prepared)

    async def _refresh_card(self, tree: Chat) -> None:
        card = await asyncio.to_thread(self._gatherer.card_change, tree)
        if card is not None:
            await self._chats.commit(
                tree.id, [{"op": "set_field", "field": "card", "value": card}], notice("the card"), undoable=False,
                keep=True,
            )

    async def _write(self, reply: _Reply, prepared: Prepared) -> None:
        """Stream the reply into the tree. However that ends, what came is stored."""
        name = prepared.turn.card.display_name
        reply.difference = await self._afterwards.compared(reply.place.chat, prepared)
        opening = "" if reply.place.base is not None else opening_of(prepared.turn, prepared.plan)
        growing = GrowingReply(self._store, self._chats, self._events, reply.place, name, opening)
        reply.guard = await asyncio.to_thread(LoopGuard, said_before(prepared.turn.path, name))
        async with growing.written_down():
            try:
                finish = await self._stream(reply, prepared, growing)
            except asyncio.CancelledError:
                finish = Finish("cut")
            except Exception as error:
                finish = Finish("error", error=error if isinstance(error, TraktirError) else _unforeseen(error))
                await prepared.link.backend.abort(reply.request)
        self._connection.judge(prepared.link, finish)
        await self._finish(reply, prepared, growing, finish)

    async def _stream(self, reply: _Reply, prepared: Prepared, growing: GrowingReply) -> Finish:
        begun = growing.text
        continued = reply.place.base is not None or (bool(begun) and not begun[-1].isspace())
        if continued:
            growing.tokens.begin(0)
        card = prepared.turn.card
        own = [card.display_name, card.name] if prepared.turn.cast is not None else [card.display_name]
        shaper = ReplyShaper(own, continued=continued)
        voices = reply.voices = VoiceCut(other_voices(prepared.turn), continued=continued)
        thoughts = WholeCharacters()
        finish = Finish("cut")
        async for event in self._heard(reply, prepared, lambda: growing.text + voices.pending + shaper.pending):
            if isinstance(event, Finish):
                finish = event
            elif isinstance(event, (Text, Reasoning)):
                text = voices.feed(shaper.feed(event.text)) if isinstance(event, Text) else ""
                thought = thoughts.feed(event.text) if isinstance(event, Reasoning) else ""
                if shaper.started:
                    growing.tokens.begin(shaper.dropped)
                if await growing.grow(text, thought):
                    self._status(reply, "writing")
                await self._watch(reply, growing.text, prepared)
                await self._hush(reply, prepared)
            elif isinstance(event, Tokens) and prepared.samplers.logprobs:      # some servers tell them unasked
                growing.tokens.feed(event.tokens)
            elif isinstance(event, Progress):
                self._status(
                    reply, "prefill", processed=event.processed, total=event.total, cached=event.cached
                )
            elif isinstance(event, Status):
                self._status(reply, "loading", notice=event.notice.to_json(), fraction=event.fraction)
        last = voices.feed(shaper.finish()) + voices.finish()
        if shaper.started:
            growing.tokens.begin(shaper.dropped)
        await growing.grow(last, thoughts.finish())
        if voices.name and not reply.stopping:
            finish = replace(finish, reason="stop", error=None)
        if reply.place.begun and finish.reason in ("stop", "length"):
            await growing.put()                   # nothing follows: then the text that was begun is the whole reply
        return finish

    async def _heard(self, reply: _Reply, prepared: Prepared, written: Callable[[], str]) -> AsyncIterator[Event]:
        """What the backend tells, or what comes of it where phrases must be kept out from here."""
        if reply.replan is not None and must_be_watched(prepared):
            detours = Detours(prepared, self._filled, written, reply.replan, lambda: reply.stopping)
            async for event in detours.events(reply.request):
                yield event
            return
        request = await self._filled(prepared.request(reply.request), prepared)
        async for event in prepared.link.backend.complete(request):
            yield event

    async def _filled(self, request: CompletionRequest, prepared: Prepared) -> CompletionRequest:
        return await self._pictures.fill(request, prepared.shown)

    async def _hush(self, reply: _Reply, prepared: Prepared) -> None:
        """A reply that speaks for somebody else is not waited for."""
        if reply.voices.name and not reply.hushed:
            reply.hushed = True
            await prepared.link.backend.abort(reply.request)

    async def _watch(self, reply: _Reply, text: str, prepared: Prepared) -> None:
        """Tell of a loop in a reply as it grows; one that is to be written anew unasked is not waited for."""
        alarmed = reply.guard.alarmed
        if not reply.guard.due(text) or (loop := await asyncio.to_thread(reply.guard.grown, text)) is None:
            return
        self._status(reply, "writing", loop=loop)
        if reply.guard.alarmed and not alarmed and self._cures(reply):
            await prepared.link.backend.abort(reply.request)

    def _cures(self, reply: _Reply) -> bool:
        """Whether a looping reply is written anew unasked."""
        return (
            reply.guard.alarmed and not reply.stopping and reply.place.base is None
            and reply.place.unlooped < MOST_CURES and self._settings.get("rewrite_loops")
        )

    async def _rewrite(self, reply: _Reply) -> None:
        place = reply.place
        tree = await self._chats.get(place.chat)
        self._start(cure(tree, place.node, new_id(), new_id()), instead=place.node)

    async def _finish(self, reply: _Reply, prepared: Prepared, growing: GrowingReply, finish: Finish) -> None:
        loop = reply.guard.ended(growing.text) if growing.placed else None
        if growing.placed:
            made = record(prepared, finish, time.monotonic() - reply.started)
            made |= {"loop": loop, "unlooped": reply.place.unlooped} | told_of_cast(reply.place, reply.voices)
            plan = await asyncio.to_thread(prepared_to_json, prepared) | {"difference": reply.difference}
            await growing.close(finish.reason, made, prepared.plan.state.to_json(), plan)
            with contextlib.suppress(StoreError):  # told already, and the model's own words are kept
                await self.rewriting.reply(reply.place.chat, reply.place.node)
            await self._afterwards.reply(reply.place.chat, prepared, growing.said, finish)
            await self._note_absence(reply, finish)
            if finish.reason in ("stop", "length"):
                self._translations.after(reply.place.chat, reply.place.node)
        error = finish.error
        mute = growing.silent and not reply.place.begun
        if error is None and reply.voices.name and not growing.placed:
            error = spoke_for_another(reply.voices)
        elif error is None and mute and not reply.stopping and finish.reason != "cut":
            error = BackendError(
                notice("The model ended its turn without a word."), notice("Press Ctrl+R to ask again.")
            )
        if growing.trouble is not None:
            kept = notice("The text stays in memory, and is written as soon as the disk takes it.")
            error = StoreError(growing.trouble.what, kept, **growing.trouble.details)
        rewrite = growing.placed and error is None and self._cures(reply)
        self._status(reply, "done", **outcome(prepared, finish, error, stored=growing.placed), loop=loop,
                     title=await self._chats.title(reply.place.chat))
        if reply.voices.name and growing.placed:
            self._events.tell(notice("A turn for {name} was cut from this reply.", name=reply.voices.name))
        if rewrite:
            await self._rewrite(reply)
        elif error is None and finish.reason in ("stop", "length") and not reply.stopping:
            tree = await self._chats.get(reply.place.chat)
            if (following := next_in_round(tree, self._library, reply.place)) is not None:
                self._start(following)

    async def _note_absence(self, reply: _Reply, finish: Finish) -> None:
        """Remember that nobody saw this reply end, for the next opening of the chat. One cut off shows that itself."""
        if not self._attached() and finish.reason in ("stop", "length"):
            away = {"node": reply.place.node, "tokens": finish.usage.completion_tokens or 0}
            with contextlib.suppress(StoreError):  # told already: the reply itself could not be written either
                await self._store.set_value(f"away:{reply.place.chat}", away)

    def _status(self, reply: _Reply, state: str, **data: Any) -> None:
        chat = reply.place.chat
        status = {"chat": chat, "node": reply.place.node, "state": state, **data}
        if reply.place.quiet:
            status["quiet"] = True
        if state == "done":                       # nobody may find it running still once he has heard this
            self._running.pop(reply.place.revision, None)
            if not reply.place.quiet:
                self.last[chat] = {**self.last.get(chat, {}), **status}
        self._events.emit("turn", **status)


async def _nothing_to_pause(_: str) -> bool:
    return False


def _asked(tree: Chat, place: ReplyPlace) -> Asked:
    """What kind of turn this is: lore may be limited to some."""
    if place.base is not None:
        return Asked("continue", prefill=place.base, node=place.node)
    if place.begun or place.unlooped:
        return Asked("swipe", prefill=place.begun, unlooped=place.unlooped)
    others = [n for n in tree.children(place.parent) if n.role == "assistant" and n.id != place.node]
    return Asked("swipe" if others else "normal")


def _revision(tree: Chat, revision: str) -> Revision | None:
    return next((r for n in tree.nodes.values() for r in n.revisions if r.id == revision), None)


def _unforeseen(error: Exception) -> BackendError:
    _log.error("a reply failed", exc_info=error)
    return BackendError(notice("Something went wrong inside Traktir: {reason}.", reason=repr(error)[:300]))
