"""What a plan is made of, gathered from a chat, the library and the settings."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tui.core.casting import as_speaker, in_cast, joined_books, last_speaker, predicted
from tui.core.chat_overrides import first_state, overridden, start_of_reply
from tui.core.connection import Connection, Link
from tui.core.library import Library
from tui.core.personas import Personas
from tui.core.settings import Settings
from tui.core.snapshots import card_from_json, card_to_json
from tui.domain.card import Card
from tui.domain.chat import Chat, Node
from tui.domain.errors import NotFound
from tui.domain.languages import in_prompt
from tui.domain.lore import Lorebook, LoreSource, TurnKind
from tui.domain.macros import macro_uses
from tui.domain.narration import in_story
from tui.domain.profile import PromptPreset
from tui.domain.prompt.texts import Filled, filled
from tui.domain.prompt.types import Budget, Injection, PlanState, Turn
from tui.domain.samplers import Samplers
from tui.domain.template import Template
from tui.store import Store

if TYPE_CHECKING:
    from tui.core.regexes import Regexes

#: The macro variables that all chats share are kept in the store under this name.
GLOBALS = "macros:globals"
#: What a text may ask for that is only known when a prompt is made: it stands for nothing in what is said.
_LATER = dict.fromkeys(("maxcontext", "maxresponse", "maxprompt", "exampleseparator"), "")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the model: a reply (with `prefill`, one begun), the person's next message, or the answer to an
    `instruction`."""

    kind: TurnKind = "normal"
    prefill: str = ""
    instruction: str = ""
    node: str = ""                                # the reply that is gone on with
    unlooped: int = 0                             # how often it was tried without its loop, this time included


@dataclass(frozen=True, slots=True)
class Speakers:
    """Who is who in a chat: the card in use and the person."""

    card: Card
    user: str
    persona: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was decided for the turn after the message `head`: the state that it begins with, and the messages that
    were cut for it."""

    head: str
    state: PlanState
    cut: tuple[str, ...] = ()


class Gatherer:
    """Reads what belongs to a chat's next turn; changes nothing."""

    def __init__(
        self, store: Store, library: Library, settings: Settings, connection: Connection, personas: Personas
    ) -> None:
        self._personas = personas
        self._store = store
        self._library = library
        self._settings = settings
        self._connection = connection
        #: What regex scripts make of a prompt's texts; it asks for the speakers, so it is made after this.
        self.rewriting: Regexes | None = None
        #: What was decided ahead of a chat's next turn, by chat.
        self.ahead: dict[str, Ahead] = {}

    def user_name(self, chat: Chat) -> str:
        """What the person is called in a chat."""
        own = chat.fields.get("persona")
        persona, _ = (None, None) if own else self._personas.of(chat.fields)
        return str(own or (persona.name if persona is not None else self._settings.get("persona_name")))

    def speakers(self, chat: Chat) -> Speakers:
        """The card as it now is in the library, else the snapshot in the chat."""
        fields = chat.fields
        return Speakers(
            self._card(fields),
            self.user_name(chat),
            self._persona_text(fields),
        )

    def _persona_text(self, fields: Mapping[str, Any]) -> str:
        """What is told of the person: the chat's own text, else the persona's, else what holds for all."""
        persona, _ = self._personas.of(fields)
        default = persona.description if persona is not None else self._settings.get("persona_description")
        return str(fields.get("persona_text") or default)

    def as_speaker(self, chat: Chat, speaker: str) -> Chat:
        """A group chat with a member as its character; any other as it is."""
        return as_speaker(chat, self._library, speaker)

    def as_last_speaker(self, chat: Chat) -> Chat:
        """A group chat as the member sees it who spoke last: their prompt is the one that the backend still has."""
        return as_speaker(chat, self._library, last_speaker(chat, self._library))

    def as_next_speaker(self, chat: Chat, path: Sequence[Node]) -> Chat:
        """A group chat as that member sees it who would answer the end of `path`."""
        return as_speaker(chat, self._library, predicted(chat, self._library, path))

    def card_change(self, chat: Chat) -> dict[str, Any] | None:
        """The snapshot that the chat should keep, when the card was edited since."""
        snapshot = card_to_json(self._card(chat.fields))
        return snapshot if snapshot != chat.fields.get("card") else None

    def samplers(self, chat: Chat) -> Samplers:
        """The profile's preset with the chat's own settings over it."""
        profile = self._connection.profile_of(self._connection.chosen(chat.fields))
        return self._library.samplers(profile.samplers).with_values(chat.fields.get("samplers") or {})

    async def turn(
        self, chat: Chat, path: Sequence[Node], link: Link, reserve: int, asked: Asked, clock: datetime.datetime
    ) -> Turn:
        """Everything the plan of the next reply to `path` is made of. Raises NotFound (a preset that is gone)."""
        fields, who = chat.fields, await asyncio.to_thread(self.speakers, chat)
        books, sources = self._books(chat, who.card)
        path = in_prompt(in_story(path))
        if self.rewriting is not None:
            path, books = await self.rewriting.sent(chat, path), await self.rewriting.lore(chat, books)
        state, sibling = await self._states(chat, path)
        turn = Turn(
            path=path, card=overridden(who.card, fields), user=who.user, persona=who.persona,
            prompt=self._prompt(fields), template=link.template,
            budget=Budget(link.context, reserve), books=books, sources=sources,
            character=str(fields.get("character") or ""),
            summaries=tuple(chat.summaries.values()), kind=asked.kind,
            prefill=asked.prefill or start_of_reply(chat, asked.kind, who.user, who.card.display_name, clock),
            instruction=asked.instruction, fresh_macros=bool(await self._store.get_value(fresh_key(chat.id))),
            clock=clock.isoformat(timespec="seconds"),
            seed=int(chat.created_ms % 2**31), cuttable=link.capabilities.cache not in ("swa", "recurrent"),
            as_messages=not link.capabilities.text_completion,
            globals=await self._store.get_value(GLOBALS) or {}, state=state, sibling=sibling,
            cut_ahead=ahead.cut if (ahead := self._ahead(chat, path)) is not None else (),
        )
        if turn.prompt.mode == "compatible" and asked.node in chat.nodes:
            turn = replace(turn, path=(*turn.path, chat.nodes[asked.node]), prefill="")   # continued in its place
        return in_cast(replace(turn, **self._placed(fields), **_of_chat(fields)), chat, self._library)

    async def filled(self, chat: Chat, path: Sequence[Node], text: str, place: str) -> Filled:
        """A text that is about to follow `path`, its macros filled as SillyTavern does when a message is sent."""
        if not await asyncio.to_thread(macro_uses, text):
            return Filled(text)
        fields, who = chat.fields, await asyncio.to_thread(self.speakers, chat)
        try:
            prompt = self._prompt(fields)
        except NotFound:                          # the reply will tell; what is said is kept all the same
            prompt = PromptPreset("")
        turn = Turn(
            path=path, card=who.card, user=who.user, persona=who.persona, prompt=prompt, template=Template(""),
            budget=Budget(0, 0), character=str(fields.get("character") or ""),
            clock=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            seed=int(chat.created_ms % 2**31), facts=_LATER, globals=await self._store.get_value(GLOBALS) or {},
            state=await self._state(chat, path),
        )
        return await asyncio.to_thread(filled, replace(turn, **_of_chat(fields)), text, place)

    async def keep(self, chat: Chat, node: Node, path: Sequence[Node], said: Filled) -> None:
        """Keep the variables that a text has set: with its message `node`, which follows `path`, so that each branch
        has its own. Raises StoreError."""
        if said.variables is not None:
            before = await self._state(chat, path)
            state = replace(before, variables=said.variables)
            await self._store.set_plan_state(chat.id, node.id, state.to_json(), None)
        if said.globals is not None:
            await self._store.set_value(GLOBALS, dict(said.globals))

    async def share(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Keep what a turn changed of the variables of all chats; other chats may have changed others meanwhile.
        Raises StoreError."""
        present = await self._store.get_value(GLOBALS) or {}
        kept = {name: value for name, value in present.items() if name in after or name not in before}
        changed = {name: value for name, value in after.items() if before.get(name) != value}
        await self._store.set_value(GLOBALS, kept | changed)

    async def _states(self, chat: Chat, path: Sequence[Node]) -> tuple[PlanState, PlanState | None]:
        """The plan state that the path ends with, and that of another reply to the same message."""
        state = await self._state(chat, path)
        others = [n for n in chat.children(path[-1].id) if n.role == "assistant"] if path else []
        for node in reversed(others):
            found = await self._store.plan_state(chat.id, [node.id])
            if found:
                return state, PlanState.from_json(found)
        return state, None

    async def _state(self, chat: Chat, path: Sequence[Node]) -> PlanState:
        kept = await self._store.plan_state(chat.id, [n.id for n in path]) if path else None
        state = PlanState.from_json(kept) if kept else first_state(chat.fields)
        if (ahead := self._ahead(chat, path)) is not None:
            # What was decided, but nothing of what texts and lore do in a turn: that turn is yet to come.
            return replace(ahead.state, variables=state.variables, timers=state.timers)
        return state

    def _ahead(self, chat: Chat, path: Sequence[Node]) -> Ahead | None:
        """What was decided for the turn that answers the end of `path`."""
        ahead = self.ahead.get(chat.id)
        return ahead if ahead is not None and len(path) > 1 and path[-2].id == ahead.head else None

    def _prompt(self, fields: Mapping[str, Any]) -> PromptPreset:
        profile = self._connection.profile_of(self._connection.chosen(fields))
        return self._library.prompt(str(fields.get("prompt") or profile.prompt))

    def _card(self, fields: Mapping[str, Any]) -> Card:
        try:
            return self._library.card(str(fields.get("character") or ""))
        except NotFound:
            snapshot = fields.get("card")
            if not snapshot:
                raise
            return card_from_json(snapshot)

    def _books(
        self, chat: Chat, card: Card
    ) -> tuple[tuple[Lorebook, ...], Mapping[str, LoreSource]]:
        """All books of a chat, each once, and where each comes from: one that is selected at several levels counts as
        global, then as the chat's, then as the persona's."""
        asked: dict[str, LoreSource] = {}
        for source, names in self._selected(chat.fields, card):
            for name in names:
                asked.setdefault(name, source)
        books = self._library.lorebooks(asked)
        sources = {book.id: asked[book.id] for book in books}
        own = joined_books(chat, self._library) or ([card.book] if card.book is not None else [])
        if own:
            books, sources = (*own, *books), {**sources, **{book.id: "character" for book in own}}
        return books, sources

    def _books_of_persona(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        persona, _ = self._personas.of(fields)
        return persona.lorebooks if persona is not None else ()

    def _placed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Where the persona's description stands, unless the chat has its own mind about that."""
        persona, _ = self._personas.of(fields)
        if persona is None:
            return {}
        placed = {"position": persona.position, "depth": persona.depth, "role": persona.role}
        return {f"persona_{k}": v for k, v in placed.items() if fields.get(f"persona_{k}") is None}

    def _selected(
        self, fields: Mapping[str, Any], card: Card
    ) -> tuple[tuple[LoreSource, Sequence[str]], ...]:
        linked = card.raw.get("data", {}).get("extensions", {}) if isinstance(card.raw.get("data"), Mapping) else {}
        world = linked.get("world") if isinstance(linked, Mapping) else None
        own = (world,) if isinstance(world, str) and world and card.book is None else ()
        return (
            ("global", self._settings.get("lorebooks")), ("chat", fields.get("lorebooks") or ()),
            ("persona", (*self._settings.get("persona_lorebooks"), *self._books_of_persona(fields))),
            ("character", own),
        )


def fresh_key(chat: str) -> str:
    """Where the store keeps that the frozen macros of a chat are to be resolved again with its next turn."""
    return f"fresh:{chat}"


def _of_chat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a chat's own fields say of its turns; where they say nothing, the defaults stand."""
    names = (
        "note", "note_depth", "note_role", "note_interval", "note_position", "persona_position", "persona_depth",
        "persona_role", "scenario", "mes_example",
    )
    found = {name: fields[name] for name in names if fields.get(name) is not None}
    if injections := fields.get("injections"):
        found["injections"] = tuple(Injection(**item) for item in injections)
    return found
