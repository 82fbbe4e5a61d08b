"""Replies that go round in circles: noticed while they stream, cut back to before the loop, and written anew with
samplers that lead out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.writing import ReplyPlace
from tui.domain.chat import Chat, Node
from tui.domain.errors import NotFound
from tui.domain.loops import BACK, Loop, LoopWatch
from tui.domain.samplers import Samplers

#: Characters that a reply grows by before it is measured again: so many, and this share (1/n) of it. Those of its end
#: that are looked at, and those of each reply before it.
EVERY, SHARE, REACH = 40, 16, 3000

#: From which share on a growing reply's is told at all, and by how much it must change to be told again.
TOLD_FROM, TOLD_STEP = 0.3, 0.1

#: Times that one message is answered anew without being asked, before the person is left to decide.
MOST_CURES = 2


class LoopGuard:
    """Measures one reply as it grows. `before`: the replies of the same speaker before it, the latest last."""

    def __init__(self, before: Sequence[str]) -> None:
        self._watch = LoopWatch(_beginnings(before))
        self._measured = 0
        self._told = 0.0
        self.loop: Loop | None = None

    @property
    def alarmed(self) -> bool:
        return self.loop is not None and self.loop.alarm

    def due(self, text: str) -> bool:
        """Whether enough has come since the last look."""
        return len(text) - self._measured >= max(EVERY, len(text) // SHARE)

    def grown(self, text: str) -> dict[str, Any] | None:
        """Look at the text so far. Returns what is to be told, when that is news. May run on a thread."""
        alarmed = self.alarmed
        loop = self._measure(text)
        share = loop.share if loop.alarm or loop.share >= TOLD_FROM else 0.0
        if loop.alarm == alarmed and abs(share - self._told) < TOLD_STEP:
            return None
        self._told = share
        return loop_to_json(loop)

    def ended(self, text: str) -> dict[str, Any] | None:
        """The measure of the whole reply, where it is worth a word. An alarm while it streamed stays one: of a loop
        that the reply left again, the text is there all the same."""
        if not self.alarmed:
            self._measure(text)
        assert self.loop is not None
        return loop_to_json(self.loop) if self.loop.alarm or self.loop.share >= TOLD_FROM else None

    def _measure(self, text: str) -> Loop:
        self._measured = len(text)
        return self._keep(measured(self._watch, text))

    def _keep(self, loop: Loop) -> Loop:
        if not (self.alarmed and not loop.alarm):
            self.loop = loop
        return loop


class Starter(Protocol):
    """What begins replies: `Turns`."""

    async def stop(self, chat: str, nodes: Sequence[str] | None = None) -> bool: ...

    def begin(self, place: ReplyPlace) -> None: ...


class LoopCalls:
    """`turn.unloop`."""

    def __init__(self, chats: Chats, turns: Starter) -> None:
        self._chats = chats
        self._turns = turns

    def handlers(self) -> dict[str, Handler]:
        return {"turn.unloop": self.unloop}

    async def unloop(self, chat: str, node: str, reply: str, reply_revision: str) -> dict[str, Any]:
        """Stop a reply if it is being written, and write a version beside it: what it says before its loop stays, and
        the rest is made anew with stronger DRY and XTC. Raises NotFound."""
        await self._turns.stop(chat, [node])
        tree = await self._chats.get(chat)
        place = cure(tree, node, reply, reply_revision)
        self._turns.begin(place)
        return {"reply": reply, "kept": len(place.begun)}


def cure(tree: Chat, node_id: str, reply: str, reply_revision: str) -> ReplyPlace:
    """Where and how a reply is written anew without its loop. One in which none is found is written anew as a whole.
    Raises NotFound."""
    node = tree.nodes.get(node_id)
    if node is None or node.role != "assistant":
        raise NotFound("There is no reply to write anew.")
    before = said_before(tree.path(node.parent) if node.parent else (), node.name)
    loop = measured(LoopWatch(_beginnings(before)), node.text)
    kept = node.text[:loop.start].rstrip() if loop.alarm else ""
    versions = tree.versions(node)
    level = sum(1 for n in versions if n.revision.generation.get("unlooped")) + 1
    return ReplyPlace(tree.id, reply, reply_revision, node.parent, begun=kept, unlooped=level)


def stronger(samplers: Samplers, level: int) -> Samplers:
    """Samplers that lead out of a loop: DRY over the whole context, and XTC; more so with each `level` from 1 on. The
    seed is another one."""
    missing = [name for name in ("dry", "xtc") if name not in samplers.order]
    values = {
        "order": [*missing, *samplers.order],
        "dry_multiplier": min(5.0, max(samplers.dry_multiplier, 0.8) * (1 + 0.5 * (level - 1))), "dry_base": 1.75,
        "dry_allowed_length": 2, "dry_range": -1,
        "xtc_probability": min(1.0, max(samplers.xtc_probability, 0.25 + 0.25 * level)),
        "xtc_threshold": min(samplers.xtc_threshold, 0.1) or 0.1,
        "temperature": max(samplers.temperature, 0.7), "seed": -1,
    }
    return samplers.with_values(values)


def said_before(path: Sequence[Node], name: str) -> list[str]:
    """The latest replies on a path that were said under a name."""
    return [n.text for n in path if n.role == "assistant" and n.name == name and not n.hidden][-BACK:]


def _beginnings(texts: Sequence[str]) -> list[str]:
    return [text[:REACH] for text in texts]


def measured(watch: LoopWatch, text: str) -> Loop:
    """The measure of the end of a text, its place counted from the text's beginning."""
    cut = max(0, len(text) - REACH)
    loop = watch.measure(text[cut:])
    return Loop(loop.share, loop.kind, loop.alarm, loop.start + cut)


def loop_to_json(loop: Loop) -> dict[str, Any]:
    return {"share": round(loop.share, 2), "kind": loop.kind, "alarm": loop.alarm, "start": loop.start}
