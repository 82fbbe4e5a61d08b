"""The calls of the API that explain prompts: the plan of the next turn, and its frozen macros."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from typing import Any

from tui.core.chats import Chats, new_node, now_ms
from tui.core.connection import Connection
from tui.core.dispatch import Handler
from tui.core.gathering import Asked, Gatherer, fresh_key
from tui.core.outcome import prepared_to_json
from tui.core.planning import Planner, Prepared
from tui.core.sent import SentPrompts
from tui.domain.backend import Piece
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.picture_marks import labelled
from tui.domain.prompt.difference import difference
from tui.domain.prompt.render import text_of
from tui.store import Store
from tui.wire.ids import new_id

_KINDS = ("normal", "continue", "impersonate", "swipe", "regenerate", "quiet")


class PromptCalls:
    """`prompt.show`, `prompt.thaw`, `prompt.count`."""

    def __init__(
        self, store: Store, chats: Chats, gatherer: Gatherer, planner: Planner, connection: Connection,
        sent: SentPrompts,
    ) -> None:
        self._store = store
        self._chats = chats
        self._gatherer = gatherer
        self._planner = planner
        self._connection = connection
        self._sent = sent

    def handlers(self) -> dict[str, Handler]:
        return {"prompt.show": self.show, "prompt.thaw": self.thaw, "prompt.count": self.count}

    async def count(self, chat: str, text: str) -> dict[str, Any]:
        """How many tokens `text` has for the model of a chat; `exact` where its own tokenizer said so."""
        tree = await self._chats.get(chat)
        async with self._connection.using(self._connection.chosen(tree.fields)) as link:
            (exact,) = await link.backend.exact_counts([[Piece(text)]])
            if exact is not None:
                return {"tokens": exact, "exact": True}
            return {"tokens": (await link.backend.count_tokens([[Piece(text)]]))[0], "exact": False}

    async def show(
        self, chat: str, text: str = "", head: str | None = None, kind: str = "normal"
    ) -> dict[str, Any]:
        """The plan of the next reply, with `text` as if it had been said. `kind`: `continue` plans to go on with the
        last reply, `impersonate` to write the person's next message (`text` guides it), `quiet` to answer `text` as an
        instruction beside the story."""
        if kind not in _KINDS:
            told = notice("{field} must be one of: {names}.", field="kind", names=", ".join(_KINDS))
            raise BadInput(told, field="kind")
        tree = await self._chats.get(chat)
        path, asked = await self._asked(tree, tree.path(head), text, kind)
        tree = self._gatherer.as_next_speaker(tree, path)
        async with self._connection.using(
            self._connection.chosen(tree.fields), template_id=tree.fields.get("template")
        ) as link:
            clock = datetime.datetime.now().astimezone()
            prepared = await self._planner.prepare(tree, path, link, asked=asked, clock=clock)
            departs = await self._difference(chat, prepared)
        plan = prepared.plan
        return await asyncio.to_thread(prepared_to_json, prepared) | {
            "tokens": prepared.prompt_tokens, "context": link.context, "reserve": prepared.turn.budget.reserve,
            # Parts are counted each by itself, so their sum may pass the whole, which cannot be.
            "expected_reuse": min(plan.expected_reuse, prepared.prompt_tokens),
            "notices": [n.to_json() for n in (*plan.notices, *prepared.notices)], "template": link.template.id,
            "found_by": link.found_by,
            "text": labelled(text_of(prepared.pieces, prepared.written.bos), prepared.shown),
            "difference": labelled(departs, prepared.shown),
            "frozen": _frozen(plan.state.frozen),
        }

    async def thaw(self, chat: str) -> dict[str, Any]:
        """Resolve the frozen macros of a chat's head again with its next turn. Returns those that stand now."""
        tree = await self._chats.get(chat)
        kept = await self._store.plan_state(chat, [n.id for n in tree.path()])
        await self._store.set_value(fresh_key(chat), True)
        return {"frozen": _frozen((kept or {}).get("frozen") or {})}

    async def _asked(self, tree: Chat, path: list[Node], text: str, kind: str) -> tuple[list[Node], Asked]:
        if kind in ("impersonate", "quiet"):
            return path, Asked("quiet" if kind == "quiet" else "impersonate", instruction=text)
        if kind == "continue" and path and path[-1].role == "assistant":
            return path[:-1], Asked("continue", prefill=path[-1].text, node=path[-1].id)
        if text.strip():
            parent = path[-1].id if path else None
            who, node = self._gatherer.user_name(tree), new_id()
            said = (await self._gatherer.filled(tree, path, text, f"said:{node}")).text
            path.append(new_node(tree, node, parent, "user", who, Revision(new_id(), said, now_ms())))
        return path, Asked("swipe" if kind in ("swipe", "regenerate") else "normal")

    async def _difference(self, chat: str, prepared: Prepared) -> dict[str, Any] | None:
        """How the prompt departs from the last one that was sent, with the first token that differs."""
        last = await self._sent.last(chat)
        if last is None:
            return None
        new = text_of(prepared.pieces)
        found = await asyncio.to_thread(difference, last, new, prepared.plan, prepared.turn.state)
        if found is None:
            return None
        same = _beginning(prepared.pieces, found.offset)
        token = await prepared.link.counts.whole(prepared.link.backend, same) if same else 0
        return found.to_json() | {"token": token}


def _beginning(pieces: Sequence[Piece], length: int) -> tuple[Piece, ...]:
    """The first `length` characters of a prompt."""
    out: list[Piece] = []
    for piece in pieces:
        if length <= 0:
            break
        out.append(Piece(piece.text[:length], piece.markup))
        length -= len(piece.text)
    return tuple(out)


def _frozen(values: Any) -> list[dict[str, str]]:
    """Frozen macros as a list: where each stands, how it is written, and what it was resolved to."""
    out = []
    for key, value in sorted(values.items()):
        place, _, rest = key.partition("|")
        macro = rest.rpartition("|")[0] or rest
        out.append({"place": place, "macro": macro, "value": value})
    return out
