"""One reply on its way into the tree: placed with its first text, written down as it grows, closed at its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tui.core.chats import Chats, new_node, now_ms
from tui.core.events import EventHub
from tui.core.token_trace import Known, TokenTrace
from tui.domain.cast import Choice
from tui.domain.chat import Revision
from tui.domain.errors import StoreError, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op, node_to_json
from tui.store import Store
from tui.store.reply_tokens import TokenBlock

#: Seconds between two writes of a growing reply to disk.
WRITE_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class ReplyPlace:
    """Where a reply goes. `base` is None for a new node, the text so far for a continuation of node `node`. `begun`:
    what a new one begins with, when that is more than the prompt's opening. `known`: the tokens of either. `unlooped`:
    how often one tried already to write it without a loop, this time included; 0 where it is no such try. `speaker`:
    the member of a cast whose reply it is, `why` it is theirs, and who answers `after` them; `seen_by`: the members who
    know of it (none: all)."""

    chat: str
    node: str
    revision: str
    parent: str | None
    base: str | None = None
    begun: str = ""
    known: Known | None = None
    unlooped: int = 0
    quiet: bool = False                           # written in the background: the view stays where it is
    speaker: str = ""
    why: Notice | None = None
    after: tuple[Choice, ...] = ()
    seen_by: tuple[str, ...] = ()


class GrowingReply:
    """The text of one reply, in the tree in memory, on disk and told to everybody.

    What the disk refuses stays in memory (see `Chats.commit`); `trouble` is the last refusal, None when all is saved.
    `opening`: what the prompt has begun a new reply with; it belongs to the reply.
    """

    def __init__(
        self, store: Store, chats: Chats, events: EventHub, place: ReplyPlace, name: str, opening: str = ""
    ) -> None:
        self._store = store
        self._chats = chats
        self._events = events
        self._place = place
        self._name = name
        self._text = self._begun = place.base or place.begun or opening
        self.tokens = TokenTrace(place.known or Known(len(self._begun)))
        self._reasoning = ""
        self._dirty = False
        self._unwritten: TokenBlock | None = None
        self.placed = False
        self.trouble: StoreError | None = None

    @property
    def text(self) -> str:
        """All of it, the text that a continuation started from included."""
        return self._text

    @property
    def said(self) -> str:
        """What the model has written of it."""
        return self._text[len(self._begun):]

    @property
    def silent(self) -> bool:
        """Whether nothing was said, whatever was thought."""
        return not self.said.strip()

    async def grow(self, text: str, reasoning: str = "") -> bool:
        """Take in the next piece. True when it was the first."""
        if not text and not reasoning:
            return False
        offset, thought = len(self._text), len(self._reasoning)
        self._text += text
        self._reasoning += reasoning
        if not self.placed:
            await self.put()
            return True
        self._dirty = True
        place = self._place
        self._chats.growing(place.chat, place.node, place.revision, self._text, self._reasoning)
        delta: dict[str, Any] = {"offset": offset, "text": text}
        if reasoning:
            delta |= {"reasoning_offset": thought, "reasoning": reasoning}
        self._events.emit("delta", chat=place.chat, node=place.node, revision=place.revision, **delta)
        return False

    @contextlib.asynccontextmanager
    async def written_down(self) -> AsyncIterator[None]:
        """While this lasts, the text goes to disk at least once a second for as long as it grows."""
        task = asyncio.create_task(self._write_down())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(
        self, finish: str, generation: Mapping[str, Any], state: Mapping[str, Any], plan: Mapping[str, Any]
    ) -> None:
        """Store the whole text with how it ended and was made, and the plan state for what follows it."""
        place = self._place
        with contextlib.suppress(StoreError):     # the text is what counts, and is held until the disk takes it
            await self._write_tokens()
        closing: Op = {
            "op": "finish_revision", "node": place.node, "revision": place.revision, "text": self._text.rstrip(),
            "finish": finish, "reasoning": self._reasoning, "generation": dict(generation),
        }
        await self._chats.commit(place.chat, [closing], notice("the reply"), undoable=False, keep=True)
        try:
            await self._chats.held.catch_up(place.chat)
        except StoreError as error:
            self.trouble = error
            return
        try:
            await self._write_tokens()
            await self._store.set_plan_state(place.chat, place.node, state, plan)
        except StoreError as error:               # the next plan starts from an older state: dearer, but right
            self._chats.held.trouble(error)

    async def put(self) -> None:
        """Put the reply into the tree, unless it is there: with its first text, so that a failure leaves nothing."""
        if self.placed:
            return
        place = self._place
        revision = Revision(
            place.revision, self._text, now_ms(), kind="original" if place.base is None else "continue",
            base=len(place.base or ""), finish="streaming", reasoning=self._reasoning,
        )
        if place.base is not None:
            ops: list[Op] = [{"op": "add_revision", "node": place.node, "revision": asdict(revision)}]
        else:
            tree = await self._chats.get(place.chat)
            node = new_node(tree, place.node, place.parent, "assistant", self._name, revision)
            node = replace(node, extra=_extra(place))
            ops = [{"op": "add_node", "node": node_to_json(node)}]
            if not place.quiet:
                ops.append({"op": "set_head", "head": place.node})
        label = notice("the reply") if place.base is None else notice("the continuation")
        self.placed = True                        # from now on it is there, even if this task is called off meanwhile
        try:
            await self._chats.commit(place.chat, ops, label, durable=False, keep=True)
        except TraktirError:
            self.placed = False
            raise

    async def _write_down(self) -> None:
        place = self._place
        while True:
            await asyncio.sleep(WRITE_EVERY)
            if not self.placed or not self._dirty:
                continue
            self._dirty = False
            try:
                await self._chats.held.catch_up(place.chat)
                await self._write()
            except StoreError as error:           # the text stays in memory, and the next round tries again
                self._dirty = True
                self._chats.held.trouble(error)

    async def _write(self) -> None:
        """Text and tokens in one transaction, so that a crash leaves both as they were at one time."""
        place = self._place
        block = self._unwritten = self._unwritten or self.tokens.block()
        await self._store.stream_text(
            place.chat, place.node, place.revision, self._text, self._reasoning, block
        )
        self._unwritten = None

    async def _write_tokens(self) -> None:
        """What is not on disk yet of the tokens, if anything."""
        self._unwritten = self._unwritten or self.tokens.block()
        while self._unwritten is not None:
            await self._write()
            self._unwritten = self.tokens.block()


def _extra(place: ReplyPlace) -> dict[str, Any]:
    """What is noted on a reply in a group."""
    extra: dict[str, Any] = {"speaker": place.speaker} if place.speaker else {}
    return extra | ({"seen_by": list(place.seen_by)} if place.seen_by else {})
