"""Chats as trees: open, change by operations, undo, search. The only place that changes a chat."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from tui import collecting
from tui.core.events import EventHub
from tui.core.held import ChatChange, HeldChanges
from tui.core.snapshots import chat_to_json, tree_to_json
from tui.domain.chat import Chat, Node, Revision, Role
from tui.domain.errors import NotFound, Refused, StoreError
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op, apply_steps, node_to_json, summary_to_json
from tui.store import ChangeKind, Store
from tui.store.text import dump, load
from tui.wire.pace import Steps, paced, paced_list

T = TypeVar("T")

#: Chats kept in memory; a chat of 5,000 messages takes about 10 MB.
_OPEN_CHATS = 8
_NO_UNDO = Notice("There is nothing to undo in this chat.")
_NO_REDO = Notice("There is nothing to redo in this chat.")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Growing:
    """How far a text has come that is being written."""

    revision: str
    text: str
    reasoning: str


class Chats:
    """Holds recently used trees in memory; the store holds them all."""

    def __init__(self, store: Store, events: EventHub) -> None:
        self._store = store
        self._events = events
        self._open: OrderedDict[str, Chat] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._growing: dict[str, dict[str, _Growing]] = {}
        self._working: set[asyncio.Task[Any]] = set()
        self.held = HeldChanges(store, events)

    async def title(self, chat_id: str) -> str:
        """What a chat is called in the list, "" where it is gone."""
        try:
            fields = (await self.get(chat_id)).fields
        except (NotFound, StoreError):
            return ""
        card = fields.get("card")
        return str(fields.get("title") or (card.get("name") if isinstance(card, dict) else "") or "")

    async def get(self, chat_id: str) -> Chat:
        """The tree as it now is. Raises NotFound."""
        chat = self._open.get(chat_id)
        if chat is None:
            chat = await self._store.load_chat(chat_id)
            chat = self._open.setdefault(chat_id, chat)
            collecting.settle()
        self._open.move_to_end(chat_id)
        self._let_go()
        return chat

    async def add(self, chat: Chat) -> bool:
        """Store a new chat; one of that id that is there already stays as it is, and the answer is False."""
        created = await self._store.create_chat(chat)
        if created:
            self._events.emit("chats")
        return created

    async def commit(
        self, chat_id: str, ops: Sequence[Op], label: Notice, *, undoable: bool = True, durable: bool = True,
        keep: bool = False,
    ) -> Chat:
        """Apply operations as one change, store it, tell everybody. Raises and changes nothing when it cannot.

        `keep`: what the disk refuses stays in memory and is written before anything later of this chat. A change
        that was begun is finished even when the waiting task is cancelled, lest memory and store differ.
        """
        return await self._whole(
            self._locked(chat_id, ops, label, undoable=undoable, durable=durable, keep=keep)
        )

    async def undo(self, chat_id: str, *, redo: bool = False) -> tuple[Chat, Notice]:
        """Take the last change back (or redo what was taken back). Raises Refused when there is none."""
        return await self._whole(self._undo(chat_id, redo))

    def growing(self, chat_id: str, node_id: str, revision_id: str, text: str, reasoning: str) -> None:
        """Keep the tree in memory abreast of a text that is being written."""
        chat = self._open.get(chat_id)
        if chat is None or node_id not in chat.nodes:
            return
        self._growing.setdefault(chat_id, {})[node_id] = _Growing(revision_id, text, reasoning)
        self._grow(chat)

    async def close(self) -> None:
        """Finish what was begun, and try once more to write what the disk refused. Raises StoreError."""
        await asyncio.gather(*self._working, return_exceptions=True)
        await self.held.catch_up_all()

    async def snapshot(self, chat_id: str, last: int = 0) -> dict[str, Any]:
        """Everything that a client needs to draw the chat; with `last`, to draw the end of its path."""
        chat = await self.get(chat_id)
        tree = await paced(tree_to_json(chat, last))
        undo, redo = await self._store.undo_target(chat_id), await self._store.redo_target(chat_id)
        return tree | {
            "draft": await self._store.draft(chat_id),
            "undo": undo.label.to_json() if undo else None,
            "redo": redo.label.to_json() if redo else None,
        }

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._worked)
        return await asyncio.shield(task)

    def _worked(self, task: asyncio.Task[Any]) -> None:
        self._working.discard(task)
        if not task.cancelled():
            task.exception()                      # seen, even when nobody waits for it any more

    async def _locked(self, chat_id: str, ops: Sequence[Op], label: Notice, **how: Any) -> Chat:
        async with self._lock(chat_id):
            return await self._commit(chat_id, ops, label, **how)

    async def _undo(self, chat_id: str, redo: bool) -> tuple[Chat, Notice]:
        async with self._lock(chat_id):
            await self.held.catch_up(chat_id)
            find = self._store.redo_target if redo else self._store.undo_target
            change = await find(chat_id)
            if change is None:
                raise Refused(_NO_REDO if redo else _NO_UNDO)
            chat = await self._commit(
                chat_id, change.inverse, change.label, kind="redo" if redo else "undo", target=change.id
            )
            return chat, change.label

    def _lock(self, chat_id: str) -> asyncio.Lock:
        return self._locks.setdefault(chat_id, asyncio.Lock())

    async def _commit(
        self, chat_id: str, ops: Sequence[Op], label: Notice, *, undoable: bool = True, durable: bool = True,
        kind: ChangeKind = "do", target: int | None = None, keep: bool = False,
    ) -> Chat:
        ops = await paced_list(_stored, ops)
        before = await self.get(chat_id)
        after, inverses = await paced(apply_steps(before, ops))
        if after is before:
            return before
        after = replace(after, updated_ms=now_ms())
        change = ChatChange(ops, inverses, label, undoable, kind, target, durable)
        try:
            await self.held.write(chat_id, change)
        except StoreError as error:
            if not keep:
                raise
            self.held.hold(chat_id, change, error)
        self._grow(after)                         # texts have grown while the disk was at work
        self._open[chat_id] = after
        await paced(self._tell(before, after))
        return after

    def _grow(self, chat: Chat) -> None:
        """Bring texts that are being written up to date. In place: copying the dictionary for every piece of a reply
        would cost more than the reply."""
        texts = self._growing.get(chat.id, {})
        for node_id, grown in list(texts.items()):
            node = chat.nodes[node_id]
            if not any(r.id == grown.revision and r.finish == "streaming" for r in node.revisions):
                del texts[node_id]
                continue
            revisions = tuple(
                replace(r, text=grown.text, reasoning=grown.reasoning) if r.id == grown.revision else r
                for r in node.revisions
            )
            cast(dict[str, Node], chat.nodes)[node_id] = replace(node, revisions=revisions)
        if not texts:
            self._growing.pop(chat.id, None)

    def _let_go(self) -> None:
        """Forget the trees that were not used for longest, but none that is ahead of the store."""
        for chat_id in list(self._open)[:-_OPEN_CHATS]:
            if chat_id not in self._growing and chat_id not in self.held and not self._lock(chat_id).locked():
                del self._open[chat_id]

    def _tell(self, before: Chat, after: Chat) -> Steps[None]:
        """Of a node in the state in which it is when it is told: texts may grow meanwhile."""
        for node_id in list(after.nodes):
            node, old = after.nodes[node_id], before.nodes.get(node_id)
            if old is not node and old != node:
                self._events.emit("node", chat=after.id, node=node_to_json(node))
                yield
        for summary_id, summary in after.summaries.items():
            if before.summaries.get(summary_id) is not summary:
                self._events.emit("summary", chat=after.id, summary=summary_to_json(summary))
        if before.head != after.head:
            self._events.emit("head", chat=after.id, head=after.head)
        if before.fields != after.fields:
            self._events.emit("chat", chat=after.id, fields=chat_to_json(after)["fields"])
            self._events.emit("chats")


def _stored(op: Op) -> Op:
    """An operation as the store will have it, lone surrogates replaced."""
    stored: Op = load(dump(op))
    return stored


def next_seq(chat: Chat) -> int:
    return max((n.seq for n in chat.nodes.values()), default=-1) + 1


def new_node(
    chat: Chat, node_id: str, parent: str | None, role: Role, name: str, revision: Revision, *, seq: int | None = None
) -> Node:
    """A node for `chat`. Raises NotFound when its parent is not there."""
    if parent is not None and parent not in chat.nodes:
        raise NotFound(notice("The message to answer is not in this chat any more."), node=parent[:40])
    return Node(
        id=node_id, parent=parent, role=role, name=name, created_ms=revision.created_ms,
        seq=next_seq(chat) if seq is None else seq, revisions=(revision,), current=revision.id,
    )


def head_after_delete(chat: Chat, gone: Iterable[str]) -> str | None:
    """Where the view goes when nodes are deleted: another version of the last one, else the head stays."""
    dead = set(gone)
    if chat.head is None or chat.head not in dead:
        return chat.head
    node = chat.nodes[chat.head]
    others = [n for n in chat.versions(node) if n.id not in dead]
    if not others:
        return chat.head
    earlier = [n for n in others if n.seq < node.seq]
    return chat.leaf_below((earlier or others)[-1].id)
