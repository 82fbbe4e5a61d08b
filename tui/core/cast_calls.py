"""The calls of the API for group chats: who is in them, who speaks, who knows of what."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.core.cast_fields import cast_of, checked_cast
from tui.core.casting import chosen, spoken_by
from tui.core.chats import Chats, new_node, now_ms
from tui.core.dispatch import Handler
from tui.core.gathering import Gatherer
from tui.core.library import Library
from tui.core.reading import open_chat
from tui.core.snapshots import card_to_json
from tui.core.writing import ReplyPlace
from tui.domain.card import Card
from tui.domain.cast import CastSettings, Member
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput, NotFound, Refused, StoreError
from tui.domain.notice import notice
from tui.domain.operations import Op
from tui.domain.prompt.texts import Filled
from tui.store import Store
from tui.wire.ids import new_id

if TYPE_CHECKING:
    from tui.core.turns import Turns

_SETTINGS = ("name", "strategy", "joining", "self_replies", "delay", "prefix", "suffix")
_OF_MEMBER = ("muted", "talkativeness", "profile", "samplers", "names")
GREETINGS = ("all", "first", "none")


class CastCalls:
    """`cast.*`, `turn.speak`."""

    def __init__(self, store: Store, chats: Chats, library: Library, gatherer: Gatherer, turns: Turns) -> None:
        self._store = store
        self._chats = chats
        self._library = library
        self._gatherer = gatherer
        self._turns = turns

    def handlers(self) -> dict[str, Handler]:
        return {
            "cast.get": self.get, "cast.make": self.make, "cast.set": self.set, "cast.add": self.add,
            "cast.remove": self.remove, "cast.member": self.member, "cast.move": self.move, "cast.end": self.end,
            "cast.known": self.known, "turn.speak": self.speak,
        }

    async def get(self, chat: str) -> dict[str, Any]:
        """The cast with names and talkativeness as they hold, and who would speak next, each with the reason; `cast`
        is None where one character plays alone."""
        tree = await self._chats.get(chat)
        cast = cast_of(tree.fields, self._library)
        if cast is None:
            return {"cast": None, "next": [], "why_nobody": None}
        path = tree.path()
        told: dict[str, Any] = {"cast": self._to_json(tree, cast), "next": [], "why_nobody": None}
        try:
            found = chosen(cast, path, path[-1].id if path else None, asked=True)
        except Refused as nobody:
            return told | {"why_nobody": nobody.what.to_json()}
        names = {m.id: m.name for m in cast.members}
        return told | {"next": [{"id": c.id, "name": names[c.id], "why": c.why.to_json()} for c in found]}

    def _to_json(self, tree: Chat, cast: CastSettings) -> dict[str, Any]:
        own = CastSettings.from_json(tree.fields["cast"])
        members: list[dict[str, Any]] = []
        for data, member in zip(cast.to_json()["members"], own.members, strict=True):
            data |= {"name": cast.members[len(members)].name, "muted": member.muted, "own": member.talkativeness}
            members.append(data | {"there": self._there(member.id)})
        return {**cast.to_json(), "members": members}

    def _there(self, member: str) -> bool:
        try:
            self._library.card(member)
        except NotFound:
            return False
        return True

    async def make(
        self, id: str, members: list[str], name: str = "", strategy: str = "natural",  # noqa: A002
        joining: str = "swap", greetings: str = "all", profile: str = "",
    ) -> dict[str, Any]:
        """A new group chat. Greetings: of `all` (the first one's as versions), of the `first` alone, or `none`; those
        for groups before those for two. Raises NotFound, BadInput."""
        if greetings not in GREETINGS:
            told = notice("{field} must be one of: {names}.", field="greetings", names=", ".join(GREETINGS))
            raise BadInput(told, field="greetings")
        cards = {member: self._library.card(member) for member in dict.fromkeys(members)}
        if not cards:
            raise BadInput(notice("A group needs somebody in it."), field="members")
        data = {"name": name, "strategy": strategy, "joining": joining, "members": [{"id": m} for m in cards]}
        first = next(iter(cards))
        fields: dict[str, Any] = {
            "character": first, "card": await asyncio.to_thread(card_to_json, cards[first]),
            "title": name or ", ".join(card.display_name for card in cards.values()),
            "cast": checked_cast(self._library, "cast", data),
        }
        if profile:
            fields["profile"] = self._library.profile(profile).id
        empty = Chat(id=id, created_ms=now_ms(), updated_ms=now_ms(), fields=fields)
        greeting = {"all": len(cards), "first": 1, "none": 0}[greetings]
        said, head = await self._greetings(empty, dict(list(cards.items())[:greeting]))
        nodes = {node.id: node for node, _, _ in said}
        if await self._chats.add(Chat(id, empty.created_ms, empty.updated_ms, head, fields, nodes)):
            with contextlib.suppress(StoreError):  # the chat is there; it only lacks variables that a greeting set
                for node, path, filled in said:
                    await self._gatherer.keep(empty, node, path, filled)
        return await open_chat(self._store, self._chats, id, 0)

    async def _greetings(
        self, chat: Chat, cards: dict[str, Card]
    ) -> tuple[list[tuple[Node, list[Node], Filled]], str | None]:
        """Each greeting as a message with the path to it and what its macros set, and the last of them."""
        out: list[tuple[Node, list[Node], Filled]] = []
        path: list[Node] = []
        for member, card in cards.items():
            texts = [t for t in (*card.group_only_greetings, *card.greetings) if t.strip()]
            first: Node | None = None
            for text in texts if not path else texts[:1]:
                as_them = self._gatherer.as_speaker(chat, member)
                filled = await self._gatherer.filled(as_them, path, text, f"greeting:{len(out)}")
                parent = path[-1].id if path else None
                known = replace(chat, nodes={n.id: n for n in path})
                node = new_node(
                    known, new_id(), parent, "assistant", card.display_name, Revision(new_id(), filled.text, now_ms()),
                    seq=len(out),
                )
                node = replace(node, extra={"speaker": member})
                out.append((node, list(path), filled))
                first = first or node
            if first is not None:
                path.append(first)
        return out, path[-1].id if path else None

    async def set(self, chat: str, values: dict[str, Any]) -> dict[str, Any]:
        """Change `name`, `strategy`, `joining`, `self_replies`, `delay`, `prefix`, `suffix`. Raises BadInput."""
        _only(values, _SETTINGS)
        return await self._change(chat, values)

    async def add(self, chat: str, member: str) -> dict[str, Any]:
        """Let a character of the library join, from now on; a chat with one becomes a group. Raises NotFound."""
        tree = await self._chats.get(chat)
        self._library.card(member)
        members = (tree.fields.get("cast") or {}).get("members") or [{"id": str(tree.fields.get("character") or "")}]
        if any(m["id"] == member for m in members):
            raise Refused(notice("{name} is in this group already.", name=self._library.card(member).display_name))
        return await self._change(chat, {"members": [*members, {"id": member}]})

    async def remove(self, chat: str, member: str) -> dict[str, Any]:
        """Let a member go; what they said stays. Raises NotFound, Refused."""
        members = [m for m in (await self._members(chat, member)) if m["id"] != member]
        if not members:
            raise Refused(notice("Somebody must stay: a group needs a member."))
        return await self._change(chat, {"members": members})

    async def member(self, chat: str, member: str, values: dict[str, Any]) -> dict[str, Any]:
        """Change what holds for one: `muted`, `talkativeness`, `profile`, `samplers`, `names` (further ones by which
        they are called). Raises NotFound, BadInput."""
        _only(values, _OF_MEMBER)
        members = await self._members(chat, member)
        return await self._change(chat, {"members": [m | values if m["id"] == member else m for m in members]})

    async def move(self, chat: str, member: str, to: int) -> dict[str, Any]:
        """Give a member another place in the order, counted from 0."""
        members = await self._members(chat, member)
        moved = next(m for m in members if m["id"] == member)
        rest = [m for m in members if m["id"] != member]
        rest.insert(max(0, min(to, len(rest))), moved)
        return await self._change(chat, {"members": rest})

    async def end(self, chat: str) -> None:
        """Let one character play alone again: the chat's own."""
        await self._commit(chat, None)

    async def known(self, chat: str, node: str, to: list[str] | None = None) -> None:
        """Let only these members know of a message; None: all. Raises NotFound."""
        tree = await self._chats.get(chat)
        for who in to or ():
            await self._members(chat, who)
        if node not in tree.nodes:
            raise NotFound(notice("That message is not in this chat."))
        op: Op = {"op": "set_extra", "node": node, "name": "seen_by", "value": list(to) if to else None}
        await self._chats.commit(chat, [op], notice("who knows of a message"))

    async def speak(
        self, chat: str, reply: str, reply_revision: str, parent: str | None = None, speaker: str = "",
    ) -> dict[str, Any]:
        """Let a member speak after `parent`; without one, those whom the strategy gives. Returns who it is, and why.
        Raises NotFound, Refused."""
        tree = await self._chats.get(chat)
        if parent is not None and parent not in tree.nodes:
            raise NotFound(notice("The message to answer is not in this chat any more."))
        place = spoken_by(tree, self._library, ReplyPlace(chat, reply, reply_revision, parent), speaker)
        self._turns.begin(place)
        why = place.why.to_json() if place.why is not None else None
        return {"reply": reply, "speaker": place.speaker, "why": why}

    async def _members(self, chat: str, member: str) -> list[dict[str, Any]]:
        """The members as stored. Raises NotFound when `member` is none of them."""
        members = ((await self._chats.get(chat)).fields.get("cast") or {}).get("members") or []
        if all(m["id"] != member for m in members):
            raise NotFound(notice("{name} is not in this group.", name=member[:80]))
        return list(members)

    async def _change(self, chat: str, values: dict[str, Any]) -> dict[str, Any]:
        tree = await self._chats.get(chat)
        before = tree.fields.get("cast") or CastSettings((Member(str(tree.fields.get("character") or "")),)).to_json()
        await self._commit(chat, checked_cast(self._library, "cast", {**before, **values}))
        return await self.get(chat)

    async def _commit(self, chat: str, cast: dict[str, Any] | None) -> None:
        op: Op = {"op": "set_field", "field": "cast", "value": cast}
        await self._chats.commit(chat, [op], notice("the group"))


def _only(values: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in values:
        if name not in names:
            told = notice("{field} must be one of: {names}.", field=name[:40], names=", ".join(names))
            raise BadInput(told, field=name[:40])
