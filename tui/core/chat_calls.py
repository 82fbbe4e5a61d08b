"""The calls of the API that read and change chats."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict
from typing import Any

from tui.core import reading
from tui.core.aside import Aside
from tui.core.chat_fields import checked
from tui.core.chats import Chats, head_after_delete, new_node, now_ms
from tui.core.connection import Connection
from tui.core.dispatch import Handler
from tui.core.gathering import Gatherer
from tui.core.library import Library
from tui.core.memory import Memory
from tui.core.planning import Planner
from tui.core.queued import QueuedSwipes
from tui.core.settings import Settings
from tui.core.snapshots import card_to_json
from tui.core.token_trace import tokens_to_json, traced
from tui.core.turns import Turns
from tui.core.warming import Warming
from tui.domain.card import Card
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput, NotFound, StoreError
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op, node_to_json
from tui.domain.picture_marks import without_marks
from tui.domain.prompt.texts import Filled
from tui.domain.searching import read_query
from tui.store import Store
from tui.wire.ids import new_id
from tui.wire.pace import paced_list


class ChatCalls:
    """`chats.*`, `turn.*`, `replies.*`, `node.*`, `summary.*`, `samplers.*`."""

    def __init__(
        self, store: Store, chats: Chats, turns: Turns, memory: Memory, gatherer: Gatherer, planner: Planner,
        library: Library, settings: Settings, connection: Connection, warming: Warming, aside: Aside,
        queued: QueuedSwipes,
    ) -> None:
        self._queued = queued
        self._aside = aside
        self._store = store
        self._chats = chats
        self._turns = turns
        self._memory = memory
        self._gatherer = gatherer
        self._planner = planner
        self._library = library
        self._settings = settings
        self._connection = connection
        self._warming = warming

    def handlers(self) -> dict[str, Handler]:
        return {
            "chats.list": self.list_chats, "chats.create": self.create, "chats.open": self.open,
            "chats.set": self.set_field, "chats.delete": self.delete, "chats.restore": self.restore,
            "chats.search": self.search, "chats.undo": self.undo, "chats.redo": self.redo,
            "chats.draft": self.draft, "chats.head": self.head,
            "turn.say": self._turns.say, "turn.reply": self._turns.reply, "turn.continue": self._turns.continue_,
            "turn.rival": self._turns.rival, "turn.stop": self.stop, "replies.tokens": self.tokens,
            "node.edit": self.edit, "node.current": self.current, "node.delete": self.delete_nodes,
            "node.hide": self.hide, "node.generation": self.generation,
            "summary.make": self._memory.make, "summary.edit": self._memory.edit,
            "summary.remove": self.remove_summary, "summary.restore": self.restore_summary,
            "samplers.get": self.get_samplers, "samplers.set": self.set_samplers,
        }

    async def list_chats(
        self, query: str = "", character: str | None = None, trashed: bool = False, limit: int = 200
    ) -> dict[str, Any]:
        return await reading.list_chats(self._store, query, character, trashed, limit)

    async def create(self, id: str, character: str, title: str = "", profile: str = "") -> dict[str, Any]:  # noqa: A002
        """A new chat with a character; its greetings become the first message's versions."""
        card = self._library.card(character)
        fields: dict[str, Any] = {"character": character, "card": await asyncio.to_thread(card_to_json, card)}
        fields["title"] = title or card.display_name
        if profile:
            fields["profile"] = self._library.profile(profile).id
        empty = Chat(id=id, created_ms=now_ms(), updated_ms=now_ms(), fields=fields)
        greetings = await self._greetings(empty, card)
        nodes = {node.id: node for node, _ in greetings}
        head = next(iter(nodes), None)
        if await self._chats.add(Chat(id, empty.created_ms, empty.updated_ms, head, fields, nodes)):
            with contextlib.suppress(StoreError):  # the chat is there; it only lacks variables that a greeting set
                for node, said in greetings:
                    await self._gatherer.keep(empty, node, (), said)
        return await self.open(id)

    async def _greetings(self, chat: Chat, card: Card) -> list[tuple[Node, Filled]]:
        """Each greeting as a message, and what its macros set."""
        out = []
        for seq, greeting in enumerate(card.greetings):
            said = await self._gatherer.filled(chat, (), greeting, f"greeting:{seq}")
            revision = Revision(new_id(), said.text, now_ms())
            out.append((new_node(chat, new_id(), None, "assistant", card.display_name, revision, seq=seq), said))
        return out

    async def open(self, id: str, head: str | None = None, last: int = 0) -> dict[str, Any]:  # noqa: A002
        """The whole chat, or (`last`) the end of its path; `away` says what was finished while nobody looked."""
        if head is not None:
            await self.head(id, head)
        snapshot = await reading.open_chat(self._store, self._chats, id, last)
        self._warming.soon(id)
        return snapshot | {
            "turn": self._turns.last.get(id), "writing": self._turns.replying_in(id), "queued": self._queued.left(id),
        }

    async def set_field(self, id: str, field: str, value: Any = None) -> None:  # noqa: A002
        tree = await self._chats.get(id)
        present = tree.fields.get(field)
        if field == "languages" and isinstance(value, dict):                  # what was said before stays as it was
            value = {"since": max((n.seq for n in tree.nodes.values()), default=-1) + 1, **value}
        new = checked(self._library, field, value, present)
        if new != present:
            await self._chats.commit(id, [{"op": "set_field", "field": field, "value": new}], _field_label(field))

    async def delete(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Put a chat into the trash."""
        await self.stop(id)
        path = (await self._chats.get(id)).path()
        await self._chats.commit(
            id, [{"op": "set_field", "field": "deleted", "value": True}], notice("deleting the chat"), undoable=False
        )
        await self._connection.kept.drop(id)
        return {"messages": len(path), "last": path[-1].text[:200] if path else ""}

    async def restore(self, id: str) -> None:  # noqa: A002
        await self._chats.commit(
            id, [{"op": "set_field", "field": "deleted", "value": None}], notice("restoring the chat"), undoable=False
        )

    async def search(self, query: str, limit: int = 50, here: str = "") -> dict[str, Any]:
        """What `query` finds; `here` is the chat in front, which `chat:this` means."""
        wanted = read_query(query, reading.days)
        return {"hits": await paced_list(asdict, await self._store.search(wanted, reading.bounded(limit), here=here))}

    async def undo(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Take the last change back; of a chat in the trash, that it was put there."""
        await self._turns.stop(id)
        chat = await self._chats.get(id)
        if chat.fields.get("deleted"):
            await self.restore(id)
            return {"label": notice("deleting the chat").to_json(), "head": chat.head}
        chat, label = await self._chats.undo(id)
        return {"label": label.to_json(), "head": chat.head}

    async def redo(self, id: str) -> dict[str, Any]:  # noqa: A002
        chat, label = await self._chats.undo(id, redo=True)
        return {"label": label.to_json(), "head": chat.head}

    async def draft(self, id: str, text: str) -> None:  # noqa: A002
        await self._store.set_draft(id, text)
        if text:
            self._warming.soon(id)

    async def head(self, id: str, head: str | None) -> None:  # noqa: A002
        """Store the path that is on view, for the next time."""
        if (await self._chats.get(id)).head == head:
            return
        ops: list[Op] = [{"op": "set_head", "head": head}]
        await self._chats.commit(id, ops, notice("moving"), undoable=False, durable=False, keep=True)

    async def stop(self, chat: str) -> dict[str, Any]:
        stopped = [self._queued.drop(chat), await self._memory.stop(chat), await self._aside.stop(chat)]
        stopped.append(await self._turns.pausing(chat))
        return {"stopped": await self._turns.stop(chat) or any(stopped)}

    async def edit(self, chat: str, node: str, revision: str, text: str) -> None:
        """A new revision of a message; what came after it stays."""
        there = (await self._chats.get(chat)).nodes.get(node)
        images = there.revision.images if there is not None else ()
        if not text.strip() and not images:
            raise BadInput(notice("A message cannot be empty; delete it instead."), field="text")
        new = Revision(revision, without_marks(text), now_ms(), kind="edit", images=images)
        written = await self._turns.rewriting.edited(await self._chats.get(chat), node, new)
        ops: list[Op] = [{"op": "add_revision", "node": node, "revision": asdict(one)} for one in written]
        await self._chats.commit(chat, ops, notice("the edit"))

    async def current(self, chat: str, node: str, revision: str) -> None:
        op: Op = {"op": "set_current", "node": node, "revision": revision}
        await self._chats.commit(chat, [op], notice("choosing an earlier text"))

    async def delete_nodes(self, chat: str, nodes: list[str]) -> dict[str, Any]:
        """Mark messages deleted; a reply that is being written among them is stopped first."""
        await self._turns.stop(chat, nodes)
        tree = await self._chats.get(chat)
        head = head_after_delete(tree, nodes)
        ops: list[Op] = [{"op": "mark", "node": n, "mark": "deleted", "value": True} for n in nodes]
        if head != tree.head:
            ops.append({"op": "set_head", "head": head})
        label = notice("deleting {n} messages", n=len(nodes)) if len(nodes) > 1 else notice("deleting a message")
        after = await self._chats.commit(chat, ops, label)
        return {"head": after.head}

    async def hide(self, chat: str, nodes: list[str], value: bool) -> None:
        ops: list[Op] = [{"op": "mark", "node": n, "mark": "hidden", "value": value} for n in nodes]
        await self._chats.commit(chat, ops, notice("hiding messages") if value else notice("showing messages"))

    async def generation(self, chat: str, node: str, revision: str = "") -> dict[str, Any]:
        """How a reply was made, and the plan it was made from."""
        tree = await self._chats.get(chat)
        if node not in tree.nodes:
            raise NotFound("That message is not in this chat.")
        found = [r for r in tree.nodes[node].revisions if r.id == (revision or tree.nodes[node].current)]
        return {
            "generation": dict(found[0].generation) if found else {}, "plan": await self._store.plan(chat, node),
            "node": node_to_json(tree.nodes[node]),
        }

    async def tokens(self, chat: str, node: str, revision: str = "") -> dict[str, Any]:
        """The tokens of a reply with their rivals; none where no log-probabilities were asked for."""
        found = await traced(self._store, await self._chats.get(chat), node, revision)
        return await asyncio.to_thread(tokens_to_json, found)

    async def remove_summary(self, chat: str, summary: str) -> None:
        await self._memory.mark(chat, summary, removed=True)

    async def restore_summary(self, chat: str, summary: str) -> None:
        await self._memory.mark(chat, summary, removed=False)

    async def get_samplers(self, chat: str) -> dict[str, Any]:
        tree = await self._chats.get(chat)
        return {"samplers": self._gatherer.samplers(tree).to_json(), "own": dict(tree.fields.get("samplers") or {})}

    async def set_samplers(self, chat: str, values: dict[str, Any]) -> dict[str, Any]:
        """Sampler values of this chat over its preset; None takes the preset's again."""
        tree = await self._chats.get(chat)
        own = dict(tree.fields.get("samplers") or {}) | values
        own = {name: value for name, value in own.items() if value is not None}
        await self.set_field(chat, "samplers", own or None)
        return await self.get_samplers(chat)


def _field_label(field: str) -> Notice:
    labels = {
        "title": notice("the title"), "persona": notice("the persona"), "persona_text": notice("the persona"),
        "profile": notice("the profile"), "samplers": notice("the samplers"),
        "languages": notice("the languages"), "note": notice("the author's note"),
    }
    return labels.get(field, notice("the change of {field}", field=field))
