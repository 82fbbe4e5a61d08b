"""Branches made on purpose: a message said otherwise, a reply written anew from a place in it, messages moved; places
to come back to; and the map of all that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from tui.core.chats import Chats, next_seq, now_ms
from tui.core.dispatch import Handler
from tui.core.writing import ReplyPlace
from tui.domain.branchmap import branch_map, parent_branch
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput, NotFound, Refused
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op, node_to_json, summary_to_json
from tui.domain.picture_marks import without_marks
from tui.domain.summaries import copied

#: Messages that are copied at most when one is moved.
MOST_COPIED = 500

#: Characters of a checkpoint's name.
LONGEST_NAME = 100


class Starter(Protocol):
    """What begins replies: `Turns`."""

    async def stop(self, chat: str, nodes: Sequence[str] | None = None) -> bool: ...

    def begin(self, place: ReplyPlace) -> None: ...


class Branching:
    """`node.branch`, `node.move`, `node.checkpoint`, `turn.rewrite`, `chats.map`, `chats.leaf`."""

    def __init__(self, chats: Chats, turns: Starter) -> None:
        self._chats = chats
        self._turns = turns

    def handlers(self) -> dict[str, Handler]:
        return {
            "node.branch": self.branch, "node.move": self.move, "node.checkpoint": self.checkpoint,
            "turn.rewrite": self.rewrite, "chats.map": self.map, "chats.leaf": self.leaf,
            "chats.parent": self.parent,
        }

    async def branch(self, chat: str, node: str, id: str, revision: str, text: str) -> None:  # noqa: A002
        """Say a message otherwise, as a version beside it: what followed the old one stays there."""
        tree = await self._chats.get(chat)
        old = _node(tree, node)
        if not text.strip() and not old.revision.images:
            raise BadInput(notice("A message cannot be empty; delete it instead."), field="text")
        new = Revision(revision, without_marks(text), now_ms(), kind="edit", images=old.revision.images)
        extra = {name: value for name, value in old.extra.items() if name not in ("checkpoint", "translation")}
        said = replace(old, id=id, revisions=(new,), current=revision, extra=extra, deleted=False)
        await self._commit(tree, [said], notice("the branch"))

    async def rewrite(
        self, chat: str, node: str, at: int, reply: str, reply_revision: str, text: str | None = None
    ) -> dict[str, Any]:
        """Have a reply written anew from character `at` of it on, as a version beside it; what stands before stays, or
        is as in `text`, which the person made of it. One that is being written is stopped first."""
        await self._turns.stop(chat, [node])
        tree = await self._chats.get(chat)
        old = _node(tree, node)
        if old.role != "assistant":
            raise Refused("This is no reply of the model.", "Choose one that is.")
        said = old.text if text is None else without_marks(text)
        kept = said[:max(0, at)].rstrip(" ") if at < len(said) else said.rstrip()
        self._turns.begin(ReplyPlace(
            chat, reply, reply_revision, old.parent, begun=kept if kept.strip() else "",
            speaker=str(old.extra.get("speaker") or ""), seen_by=tuple(old.extra.get("seen_by") or ()),
        ))
        return {"reply": reply, "kept": len(kept)}

    async def move(self, chat: str, node: str, by: int, id: str, head: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Move a message `by` places on the path to `head` (below 0: up). What changes is a new branch of copies, and
        the old one stays. Returns the new end of the path and where the message is in it."""
        await self._turns.stop(chat)
        tree = await self._chats.get(chat)
        path = tree.path(head)
        ids = [n.id for n in path]
        if node not in ids:
            raise NotFound("That message is not on the visible path.")
        old = ids.index(node)
        new = min(max(0, old + by), len(path) - 1)
        start = min(old, new)
        if new == old:
            raise Refused("It cannot go further.")
        if len(path) - start > MOST_COPIED:
            raise Refused(notice("Too much follows it: {n} messages would be copied.", n=len(path) - start))
        order = [n for n in path[start:] if n.id != node]
        order.insert(new - start, path[old])
        copies, parent = [], path[start].parent
        for number, one in enumerate(order):
            copies.append(_copy(one, f"{id}.{number}", parent))
            parent = copies[-1].id
        was = [*((n.id, n) for n in path[:start]), *((n.id, copy) for n, copy in zip(order, copies, strict=True))]
        summaries: list[Op] = [
            {"op": "add_summary", "summary": summary_to_json(s)}
            for s in copied(tree.summaries.values(), path, was, id)
        ]
        await self._commit(tree, copies, notice("moving a message"), summaries)
        return {"head": copies[-1].id, "node": f"{id}.{new - start}"}

    async def checkpoint(self, chat: str, node: str, name: str | None = None) -> None:
        """Give a message a name to come back to; none takes it away."""
        tree = await self._chats.get(chat)
        _node(tree, node)
        text = " ".join((name or "").split())[:LONGEST_NAME] or None
        op: Op = {"op": "set_extra", "node": node, "name": "checkpoint", "value": text}
        await self._chats.commit(chat, [op], notice("the checkpoint"))

    async def map(self, id: str, head: str | None = None) -> dict[str, Any]:  # noqa: A002
        """The branches of a chat, as `Row` has them; `head` is where the view ends."""
        tree = await self._chats.get(id)
        rows = await asyncio.to_thread(branch_map, tree, head if head is not None else tree.head)
        return {"rows": [asdict(row) for row in rows]}

    async def parent(self, id: str, head: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Where the branch to `head` left the one that it came from, and the end of that one; none for the first."""
        tree = await self._chats.get(id)
        node = await asyncio.to_thread(parent_branch, tree, head if head is not None else tree.head)
        return {"node": node, "leaf": tree.leaf_below(node) if node is not None else None}

    async def leaf(self, id: str, node: str) -> dict[str, Any]:  # noqa: A002
        """The end of the branch below a message that was grown last."""
        tree = await self._chats.get(id)
        _node(tree, node)
        return {"leaf": tree.leaf_below(node)}

    async def _commit(self, tree: Chat, nodes: Sequence[Node], label: Notice, more: Sequence[Op] = ()) -> None:
        first = next_seq(tree)
        made = [replace(n, created_ms=now_ms(), seq=first + at) for at, n in enumerate(nodes)]
        ops: list[Op] = [{"op": "add_node", "node": node_to_json(n)} for n in made]
        ops += [*more, {"op": "set_head", "head": made[-1].id}]
        await self._chats.commit(tree.id, ops, label)


def _node(tree: Chat, node: str) -> Node:
    found = tree.nodes.get(node)
    if found is None:
        raise NotFound("That message is not in this chat.")
    return found


def _copy(node: Node, node_id: str, parent: str | None) -> Node:
    """A message as it stands, elsewhere."""
    revision = replace(node.revision, id=f"{node_id}r", kind="original", base=0)
    extra = {name: value for name, value in node.extra.items() if name != "checkpoint"}
    if isinstance(told := extra.get("translation"), dict):
        extra["translation"] = {revision.id: told[node.current]} if node.current in told else {}
    return replace(node, id=node_id, parent=parent, revisions=(revision,), current=revision.id, extra=extra)
