"""From a chat to the plan of its next reply: gathers card, books, notes and memory, counts, plans, verifies."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from tui.core.connection import Connection, Link
from tui.core.library import Library
from tui.core.settings import Settings
from tui.core.snapshots import card_from_json, card_to_json
from tui.domain.backend import ChatMessage, CompletionRequest, Piece
from tui.domain.card import Card
from tui.domain.chat import Chat, Node
from tui.domain.errors import NotFound, PromptTooLong
from tui.domain.lore import Lorebook
from tui.domain.notice import Notice, notice
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import plan_messages, plan_prefill, render_plan
from tui.domain.prompt.summary import SideJob, plan_summary
from tui.domain.prompt.types import Budget, Counter, Plan, PlanState, Turn
from tui.domain.samplers import Samplers
from tui.store import Store

#: A side job (a summary) needs this many tokens free; the reserve is the larger of it and the reply.
SIDE_JOB_TOKENS = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reply ready to be asked for: the plan, what it was made of, and the exact prompt."""

    turn: Turn
    plan: Plan
    samplers: Samplers
    link: Link
    bos: str
    pieces: tuple[Piece, ...]
    messages: tuple[ChatMessage, ...]
    prompt_tokens: int
    notices: tuple[Notice, ...] = ()

    def request(self, request_id: str) -> CompletionRequest:
        return CompletionRequest(
            id=request_id, pieces=self.pieces, samplers=self.samplers, max_tokens=self.samplers.max_tokens,
            stop=(*self.plan.stops, *self.samplers.stop), messages=self.messages, prefill=plan_prefill(self.plan),
            bos=self.bos,
        )


@dataclass(frozen=True, slots=True)
class Speakers:
    """Who is who in a chat: the card in use and the person."""

    card: Card
    user: str
    persona: str


class Planner:
    """Makes plans; holds nothing of its own but the wiring."""

    def __init__(self, store: Store, library: Library, settings: Settings, connection: Connection) -> None:
        self._store = store
        self._library = library
        self._settings = settings
        self._connection = connection

    def user_name(self, chat: Chat) -> str:
        """What the person is called in a chat."""
        return str(chat.fields.get("persona") or self._settings.get("persona_name"))

    def speakers(self, chat: Chat) -> Speakers:
        """The card as it now is in the library, else the snapshot in the chat."""
        fields = chat.fields
        return Speakers(
            self._card(fields),
            self.user_name(chat),
            str(fields.get("persona_text") or self._settings.get("persona_description")),
        )

    def card_change(self, chat: Chat) -> dict[str, Any] | None:
        """The snapshot that the chat should keep, when the card was edited since."""
        snapshot = card_to_json(self._card(chat.fields))
        return snapshot if snapshot != chat.fields.get("card") else None

    def samplers(self, chat: Chat) -> Samplers:
        """The profile's preset with the chat's own settings over it."""
        profile = self._connection.profile_of(chat.fields.get("profile"))
        return self._library.samplers(profile.samplers).with_values(chat.fields.get("samplers") or {})

    async def prepare(
        self, chat: Chat, path: Sequence[Node], link: Link, *, prefill: str = "", clock: datetime.datetime,
    ) -> Prepared:
        """Plan the reply to `path`. Raises PromptTooLong, BackendError, NotFound (a preset that is gone)."""
        samplers, told = _fitting(self.samplers(chat), link)
        turn = await self._turn(chat, path, link, samplers, prefill, clock)
        return replace(await self._settle(turn, samplers, link), notices=told)

    async def summary(
        self, chat: Chat, path: Sequence[Node], first: str, last: str, link: Link, *, clock: datetime.datetime
    ) -> SideJob:
        """The prompt that asks for a summary of the messages from `first` to `last`.

        Raises PromptTooLong when not even the range alone fits, BadInput when there is nothing in it.
        """
        turn = await self._turn(chat, path, link, replace(self.samplers(chat), max_tokens=SIDE_JOB_TOKENS), "", clock)
        return await _counted(link, partial(plan_summary, turn, first, last))

    async def _settle(self, turn: Turn, samplers: Samplers, link: Link) -> Prepared:
        """Plan, then count the whole text: tokens of parts need not add up. Where it is over, plan again with less."""
        plan = await _counted(link, partial(make_plan, turn))
        while True:
            bos, pieces = render_plan(plan, turn)
            exact = (await link.backend.count_tokens([pieces]))[0] + 1          # and BOS
            over = exact + turn.budget.reserve - link.context
            if over <= 0:
                return Prepared(turn, plan, samplers, link, bos, pieces, plan_messages(plan, turn), exact)
            turn = replace(turn, budget=replace(turn.budget, context=turn.budget.context - over))
            plan = await _counted(link, partial(make_plan, turn))

    async def _turn(
        self, chat: Chat, path: Sequence[Node], link: Link, samplers: Samplers, prefill: str, clock: datetime.datetime
    ) -> Turn:
        fields, who = chat.fields, self.speakers(chat)
        profile = self._connection.profile_of(fields.get("profile"))
        state = await self._store.plan_state(chat.id, [n.id for n in path])
        return Turn(
            path=path, card=who.card, user=who.user, persona=who.persona,
            prompt=self._library.prompt(profile.prompt), template=link.template,
            budget=Budget(link.context, self._reserve(samplers, link)),
            books=self._books(fields, who.card), summaries=tuple(chat.summaries.values()),
            note=str(fields.get("note") or ""), note_depth=int(fields.get("note_depth", 4)),
            note_role=fields.get("note_role") or "system", prefill=prefill,
            state=PlanState.from_json(state) if state else PlanState(),
            clock=clock.isoformat(timespec="seconds"), seed=int(chat.created_ms % 2**31),
        )

    @staticmethod
    def _reserve(samplers: Samplers, link: Link) -> int:
        return min(max(samplers.max_tokens, SIDE_JOB_TOKENS), _longest_reply(link))

    def _card(self, fields: Mapping[str, Any]) -> Card:
        try:
            return self._library.card(str(fields.get("character") or ""))
        except NotFound:
            snapshot = fields.get("card")
            if not snapshot:
                raise
            return card_from_json(snapshot)

    def _books(self, fields: Mapping[str, Any], card: Card) -> tuple[Lorebook, ...]:
        own = (card.book,) if card.book is not None else ()
        return (*own, *self._library.lorebooks(fields.get("lorebooks") or ()))


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


async def _counted(link: Link, make: Callable[[Counter, Counter], T]) -> T:
    """What `make` makes of exact counts. It is made of estimates first, which tells what must be counted; a refusal
    only holds when nothing in it was estimated."""
    count, count_markup = link.counts.counter(markup=False), link.counts.counter(markup=True)
    while True:
        made: T | PromptTooLong
        try:
            made = make(count, count_markup)
        except PromptTooLong as refusal:
            made = refusal
        if not await link.counts.learn(link.backend):
            if isinstance(made, PromptTooLong):
                raise made
            return made
