"""What may be recalled for a turn: everything of the chat, and of its documents, ranked for what is being said."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.core.settings import Settings
from tui.core.stems import stem_word
from tui.core.vectors import Vectors
from tui.domain.chat import Chat, Node
from tui.domain.prompt.types import Injection, MemoryLimits, Pin, Turn
from tui.domain.recall import (
    PassageIndex,
    Query,
    Recollection,
    document_passages,
    message_passages,
    recollect,
    text_key,
)
from tui.store import Store

#: Chats whose passages are kept by their words; those of 5,000 messages take some twenty megabytes.
_REMEMBERED = 4
#: What the newest text weighs, and the texts before it: what a short answer is about stands there.
_WEIGHTS = (1.0, 0.1, 0.1)
Text = tuple[str, str]


class Recalling:
    """Ranks the passages of a chat: by words always, by vectors where there are any."""

    def __init__(self, store: Store, settings: Settings, vectors: Vectors) -> None:
        self._store = store
        self._settings = settings
        self._vectors = vectors
        self._indexes: OrderedDict[str, PassageIndex] = OrderedDict()
        self._filling = threading.Lock()

    def with_memory(self, turn: Turn, chat: Chat) -> Turn:
        """The turn with the chat's pinned facts and the limits of memory. SillyTavern's assembly has a place for the
        facts, but recalls nothing."""
        get, fields = self._settings.get, chat.fields
        if turn.prompt.mode == "compatible":
            return replace(turn, injections=(*turn.injections, *_injected(turn, fields)))
        recall = float(get("recall_share")) if get("recall") else 0.0
        limits = MemoryLimits(
            float(get("memory_share")), recall, int(get("recall_passages")),
            frozenset(str(d["id"]) for d in fields.get("documents") or ()),
        )
        return replace(turn, pins=pins_of(fields), limits=limits)

    async def with_recall(self, turn: Turn, chat: Chat) -> Turn:
        """The turn with what may be recalled for it. Where all of the chat is in the prompt, there is nothing."""
        if not turn.limits.recall or not (turn.limits.documents or _something_left(turn)):
            return turn
        query = query_of(turn)
        if not query.texts:
            return turn
        documents = await self._read(chat.fields) if turn.limits.documents else {}
        newest = next((at for at in range(len(turn.path) - 1, -1, -1) if not turn.path[at].hidden), 0)
        before = turn.path[:newest]               # what asks is no answer, and would make its own words usual ones
        found = await self.found(chat.id, before, documents, query)
        return replace(turn, recall=tuple(found))

    async def get_ready(self, turn: Turn, chat: Chat) -> None:
        """Read what is new in a long chat, so that the turn that is to come need not."""
        if turn.limits.recall and _something_left(turn):
            said = _said(turn.path)
            await asyncio.to_thread(self._index, chat.id, said, {})

    async def found(
        self, chat: str, path: Sequence[Node], documents: Mapping[Text, tuple[str, str]], query: Query
    ) -> list[Recollection]:
        """Passages of the visible messages of `path` and of documents, the best first."""
        said = _said(path)
        texts = [text for text, _ in said] + list(documents)
        index = await asyncio.to_thread(self._index, chat, said, documents)
        likenesses = await self._vectors.likenesses(query.texts[0][0], index, texts)
        return await asyncio.to_thread(recollect, index, query, texts, likenesses)

    async def search(self, chat: Chat, head: str | None, query: str) -> list[Recollection]:
        """What would be recalled for a text, wherever it stands."""
        documents = await self._read(chat.fields)
        return await self.found(chat.id, chat.path(head), documents, Query(((query, 1.0),)))

    async def _read(self, fields: Mapping[str, Any]) -> dict[Text, tuple[str, str]]:
        """The names and texts of a chat's documents, by id and digest; what lies there no more is left out."""
        listed = fields.get("documents") or ()
        kept = await self._store.pictures([str(d["digest"]) for d in listed])
        return {
            (str(d["id"]), str(d["digest"])): (str(d["name"]), kept[d["digest"]].decode("utf-8", "replace"))
            for d in listed if d["digest"] in kept
        }

    def _index(
        self, chat: str, messages: Iterable[tuple[Text, Node]], documents: Mapping[Text, tuple[str, str]]
    ) -> PassageIndex:
        """The index of a chat with everything in it that is on this path."""
        with self._filling:
            index = self._indexes.setdefault(chat, PassageIndex(stem_word))
            self._indexes.move_to_end(chat)
            while len(self._indexes) > _REMEMBERED:
                self._indexes.popitem(last=False)
            for (source, key), node in messages:
                if not index.knows(source, key):
                    index.add(source, key, message_passages(source, key, node.name, node.text))
            for (source, digest), (name, text) in documents.items():
                if not index.knows(source, digest):
                    index.add(source, digest, document_passages(source, digest, name, text))
            return index


def _said(path: Sequence[Node]) -> list[tuple[Text, Node]]:
    """The visible messages of a path, each with the name of its text."""
    return [
        ((n.id, text_key(n.current, n.text)), n)
        for n in path if not n.hidden and n.text.strip() and n.revision.finish != "streaming"
    ]


def pins_of(fields: Mapping[str, Any]) -> tuple[Pin, ...]:
    """The facts that a chat has pinned, in their order."""
    return tuple(Pin(p["id"], p["text"], p.get("node") or "") for p in fields.get("pins") or ())


def _injected(turn: Turn, fields: Mapping[str, Any]) -> tuple[Injection, ...]:
    """The pinned facts as a text after the story; nothing in them is a macro."""
    facts = "\n".join(f"- {pin.text.strip()}" for pin in pins_of(fields) if pin.text.strip())
    if not facts:
        return ()
    text = turn.prompt.pins_format.replace("{{pins}}", facts.replace("{{", "{ {"))
    return (Injection("pins", text, "after"),)


def query_of(turn: Turn) -> Query:
    """What is being said: the newest message of the person, or what asks for something else, and what came before."""
    said = [n.text for n in reversed(turn.path) if not n.hidden and n.text.strip()][:len(_WEIGHTS)]
    if turn.kind in ("quiet", "impersonate") and turn.instruction.strip():
        said = [turn.instruction, *said[:-1]]
    return Query(tuple(zip(said, _WEIGHTS, strict=False)))


def _something_left(turn: Turn) -> bool:
    """Whether something of the path may be outside the prompt: it was cut, a summary stands for it, or it is long."""
    if turn.state.anchor is not None or turn.summaries:
        return True
    return sum(len(n.text) for n in turn.path) > turn.budget.context
