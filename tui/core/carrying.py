"""A story carried into a new chat: with the same character, from what its summaries and pinned facts hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tui.core.chats import Chats, new_node, now_ms
from tui.core.dispatch import Handler
from tui.core.memory import Memory
from tui.domain.chat import Chat, Node, Revision, Summary
from tui.domain.errors import Refused
from tui.domain.picture_marks import without_marks
from tui.domain.summaries import standing, uncovered
from tui.store import Store
from tui.wire.ids import new_id

#: Fields that belong to the earlier chat alone.
_OWN = frozenset({"title", "deleted", "lore_timers", "sillytavern", "variables"})
_NUMBER = re.compile(r"\s*\((\d{1,6})\)$")


class Carrying:
    """`chats.carry`."""

    def __init__(self, store: Store, chats: Chats, memory: Memory) -> None:
        self._store = store
        self._chats = chats
        self._memory = memory

    def handlers(self) -> dict[str, Handler]:
        return {"chats.carry": self.carry}

    async def carry(self, chat: str, id: str, title: str = "") -> dict[str, Any]:  # noqa: A002
        """Begin a chat where another has come to: what happened stands in it as a summary, pinned facts and documents
        come along, the last words are its first. What no summary stands for is summed up before, in the earlier chat.

        Raises Refused when there is nothing to carry, and what making a summary raises.
        """
        tree = await self._chats.get(chat)
        path = tree.path()
        scene = _scene(path)
        before = path[:len(path) - len(scene)]
        if not any(not n.hidden and n.text.strip() for n in before):
            raise Refused("There is too little in this chat to be carried into another.")
        tree = await self._summed_up(tree, before)
        told = "\n\n".join(s.text.strip() for s in standing(tree.summaries.values(), before))
        made = _begun(id, _fields(tree.fields, title), told, scene)
        if await self._chats.add(made):
            digests = [str(d["digest"]) for d in tree.fields.get("documents") or ()]
            if digests:
                await self._store.keep_pictures(id, await self._store.pictures(digests))
        return {"chat": id, "messages": len(scene)}

    async def _summed_up(self, tree: Chat, path: Sequence[Node]) -> Chat:
        """Have summaries made until one stands for every message of `path`; each as long as the window allows."""
        while gaps := uncovered(tree.summaries.values(), path):
            first, last = gaps[0]
            await self._memory.make(tree.id, new_id(), first, last, shorten=True)
            tree = await self._chats.get(tree.id)
        return tree


def _scene(path: Sequence[Node]) -> list[Node]:
    """The last words: the last reply, and what was said after it."""
    replies = [at for at, n in enumerate(path) if n.role == "assistant" and not n.hidden and n.text.strip()]
    return [n for n in path[replies[-1]:] if n.text.strip()] if replies else []


def _fields(fields: Mapping[str, Any], title: str) -> dict[str, Any]:
    kept = {name: value for name, value in fields.items() if name not in _OWN}
    return {**kept, "title": title.strip() or _next_title(str(fields.get("title") or ""))}


def _next_title(title: str) -> str:
    """`Rain`, `Rain (2)`, `Rain (3)`, …"""
    found = _NUMBER.search(title)
    if found is None:
        return f"{title} (2)".strip()
    return f"{title[:found.start()]} ({int(found[1]) + 1})"


def _begun(chat_id: str, fields: dict[str, Any], told: str, scene: Sequence[Node]) -> Chat:
    """The new chat: what happened before as a message that a summary of the same words stands for, so that it is read
    on the screen, is edited as a summary, and never leaves the prompt with the oldest messages."""
    now = now_ms()
    chat = Chat(chat_id, now, now, None, fields)
    recap = new_node(chat, new_id(), None, "system", "", Revision(new_id(), told, now), seq=0)
    nodes, parent = {recap.id: recap}, recap.id
    for seq, node in enumerate(scene, 1):
        said = Revision(new_id(), without_marks(node.text), now, reasoning=node.revision.reasoning)
        copy = new_node(Chat(chat_id, now, nodes=nodes), new_id(), parent, node.role, node.name, said, seq=seq)
        nodes[copy.id] = copy
        parent = copy.id
    summary = Summary(new_id(), ((recap.id, recap.current),), (told,), now, generation={"by": "person"})
    return Chat(chat_id, now, now, parent, fields, nodes, {summary.id: summary})
