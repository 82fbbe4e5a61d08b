"""From a chat to the plan of its next reply: gathers card, books, notes and memory, counts, plans, verifies."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from tui.core.connection import Link
from tui.core.counting import TokenCounts
from tui.core.gathering import Asked, Gatherer
from tui.core.looping import stronger
from tui.core.lore_scans import LoreScans
from tui.core.pictures import looked_at, told_of
from tui.core.prompt_formats import PromptFormats, Written
from tui.core.recalling import Recalling
from tui.domain.backend import CompletionRequest, Piece
from tui.domain.cast import known_to
from tui.domain.chat import Chat, Node
from tui.domain.errors import PromptTooLong
from tui.domain.notice import Notice, notice
from tui.domain.picture_marks import Shown, shown_on
from tui.domain.prompt.contrast import without_head
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import plan_prefill
from tui.domain.prompt.summary import SideJob, plan_summary
from tui.domain.prompt.types import Counter, Plan, Turn
from tui.domain.samplers import Samplers

#: A side job (a summary) needs this many tokens free; the reserve is the larger of it and the reply.
SIDE_JOB_TOKENS = 200

#: The usual thing to ask for.
REPLY = Asked()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reply ready to be asked for: the plan, what it was made of, and the exact prompt."""

    turn: Turn
    plan: Plan
    samplers: Samplers
    link: Link
    written: Written
    prompt_tokens: int
    counts: str                                   # "exact" or "estimate"
    count_error: float | None                     # relative; None when exact
    conversation: str                             # whose prompt it is: the chat's
    notices: tuple[Notice, ...] = ()
    negative: tuple[Piece, ...] = ()              # the other prompt of guidance

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The prompt after its BOS."""
        return self.written.pieces

    @property
    def shown(self) -> Shown:
        """The pictures that the prompt's messages have."""
        return shown_on(self.turn.path)

    def request(self, request_id: str) -> CompletionRequest:
        """The request, with its pictures still as marks."""
        return CompletionRequest(
            id=request_id, pieces=self.pieces, samplers=self.samplers, max_tokens=self.samplers.max_tokens,
            stop=(*self.plan.stops, *self.samplers.stop), messages=self.written.messages,
            prefill=plan_prefill(self.plan), bos=self.written.bos, conversation=self.conversation,
            negative=self.negative,
        )


class Planner:
    """Makes plans of what was gathered, counts them, and verifies that they fit."""

    def __init__(self, gatherer: Gatherer, lore: LoreScans, formats: PromptFormats, recalling: Recalling) -> None:
        self._gatherer = gatherer
        self._recalling = recalling
        self._lore = lore
        self._formats = formats
        self._locks: WeakKeyDictionary[TokenCounts, asyncio.Lock] = WeakKeyDictionary()

    async def prepare(
        self, chat: Chat, path: Sequence[Node], link: Link, *, asked: Asked = REPLY, clock: datetime.datetime,
        spare: int = 0, recall: bool = True,
    ) -> Prepared:
        """Plan the reply to `path`, with `spare` tokens left free beside the reserve. Without `recall`, nothing of long
        ago is brought back, but the room for it is kept.

        Raises PromptTooLong, BackendError, NotFound (a preset that is gone).
        """
        wanted = self._gatherer.samplers(chat)
        samplers, told = _fitting(stronger(wanted, asked.unlooped) if asked.unlooped else wanted, link)
        turn = await self._gatherer.turn(chat, path, link, self._reserve(samplers, link) + spare, asked, clock)
        turn = self._recalling.with_memory(turn, chat)
        if recall:
            turn = await self._recalling.with_recall(turn, chat)
        else:
            await self._recalling.get_ready(turn, chat)
        sees = link.capabilities.images
        prepared = await self._settle(chat.id, looked_at(turn, sees=sees), samplers, link)
        return replace(prepared, notices=(*told, *told_of(turn, sees=sees), *prepared.notices))

    async def summary(
        self, chat: Chat, path: Sequence[Node], first: str, last: str, link: Link, *, clock: datetime.datetime
    ) -> SideJob:
        """The prompt that asks for a summary of the messages from `first` to `last`.

        Raises PromptTooLong when not even the range alone fits, BadInput when there is nothing in it.
        """
        samplers = replace(self._gatherer.samplers(chat), max_tokens=SIDE_JOB_TOKENS)
        chat = self._gatherer.as_last_speaker(chat)
        path = known_to(path, "") if chat.fields.get("cast") else path      # a summary is for all members
        turn = await self._gatherer.turn(chat, path, link, self._reserve(samplers, link), REPLY, clock)
        turn = self._recalling.with_memory(turn, chat)
        turn = looked_at(turn, sees=link.capabilities.images)
        return await self._counted(link, partial(plan_summary, turn, first, last))

    async def _settle(self, chat: str, turn: Turn, samplers: Samplers, link: Link) -> Prepared:
        """Plan, then count the whole text: tokens of parts need not add up. Where it is over, plan again with less."""
        scan = await asyncio.to_thread(self._lore.scanner, chat, turn.books)
        while True:
            plan = await self._counted(link, partial(make_plan, turn, scan=scan))
            written = await asyncio.to_thread(self._formats.write, plan, turn, link.capabilities)
            exact = await link.counts.whole(link.backend, written.pieces) + 1           # and BOS
            over = exact + turn.budget.reserve - link.context
            if over <= 0:
                counts = link.counts
                prepared = Prepared(
                    turn, plan, samplers, link, written, exact, counts.kind, counts.error, chat, written.notices,
                )
                if samplers.guidance_scale == 1 or turn.prompt.mode == "compatible":
                    return prepared
                other = without_head(plan, samplers.negative_prompt)
                negative = await asyncio.to_thread(self._formats.write, other, turn, link.capabilities)
                return replace(prepared, negative=negative.pieces)
            turn = replace(turn, budget=replace(turn.budget, context=turn.budget.context - over))

    async def _counted(self, link: Link, make: Callable[[Counter, Counter], T]) -> T:
        """What `make` makes of exact counts. It is made of estimates first, which tells what must be counted; a
        refusal only holds when nothing in it was estimated.

        On a thread, for a plan over large lorebooks takes a while; one at a time for each tokenizer, whose missing
        counts are those of one plan.
        """
        counts = link.counts
        count, count_markup = counts.counter(markup=False), counts.counter(markup=True)
        async with self._locks.setdefault(counts, asyncio.Lock()):
            while True:
                made: T | PromptTooLong
                try:
                    made = await asyncio.to_thread(make, count, count_markup)
                except PromptTooLong as refusal:
                    made = refusal
                if not await counts.learn(link.backend):
                    if isinstance(made, PromptTooLong):
                        raise made
                    return made

    @staticmethod
    def _reserve(samplers: Samplers, link: Link) -> int:
        return min(max(samplers.max_tokens, SIDE_JOB_TOKENS), _longest_reply(link))


def _longest_reply(link: Link) -> int:
    """Tokens. On a small window a long reply would leave no room for the chat: at most a third of it."""
    return max(16, link.context // 3)


def _fitting(samplers: Samplers, link: Link) -> tuple[Samplers, tuple[Notice, ...]]:
    longest = _longest_reply(link)
    if samplers.max_tokens <= longest:
        return samplers, ()
    told = notice(
        "A reply may take {wanted} tokens by its settings; {longest} are allowed, a third of the model's window.",
        wanted=samplers.max_tokens, longest=longest,
    )
    return replace(samplers, max_tokens=longest), (told,)
