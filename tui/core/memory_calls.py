"""The calls of the API for what is remembered: pinned facts, chapters, documents, what would be recalled."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from tui.core.chat_fields import MOST_DOCUMENTS, MOST_PINS
from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.memory import Memory
from tui.core.recalling import Recalling
from tui.domain.chat import Chat
from tui.domain.documents import LONGEST
from tui.domain.errors import BadInput, NotFound, Refused
from tui.domain.notice import Notice, notice
from tui.domain.recall import document_passages
from tui.store import Store

#: Characters of a pinned fact, and of the title of a chapter or a document.
LONGEST_PIN, LONGEST_TITLE = 2_000, 200
_MOST_FOUND = 50


class MemoryCalls:
    """`summary.*` beside those of chats, `pins.*`, `chapters.*`, `documents.*`, `recall.*`."""

    def __init__(self, store: Store, chats: Chats, memory: Memory, recalling: Recalling) -> None:
        self._store = store
        self._chats = chats
        self._memory = memory
        self._recalling = recalling

    def handlers(self) -> dict[str, Handler]:
        return {
            "summary.redo": self._memory.redo, "summary.fold": self._memory.fold,
            "pins.add": self.add_pin, "pins.edit": self.edit_pin, "pins.remove": self.remove_pin,
            "chapters.set": self.set_chapter, "documents.add": self.add_document,
            "documents.remove": self.remove_document, "documents.text": self.document, "recall.search": self.search,
        }

    async def add_pin(self, chat: str, id: str, text: str, node: str = "") -> None:  # noqa: A002
        """Pin a fact: it stands in every prompt. `node` is the message that it was taken from."""
        tree = await self._chats.get(chat)
        pins = _listed(tree, "pins")
        if any(pin["id"] == id for pin in pins):
            return                                # a repeated request
        if len(pins) >= MOST_PINS:
            raise Refused(notice("A chat has at most {n} pinned facts.", n=MOST_PINS))
        if node and node not in tree.nodes:
            raise NotFound(notice("That message is not in this chat."), node=node[:40])
        pins.append({"id": _id(id), "text": _pin(text), "node": node})
        await self._set(tree, "pins", pins, notice("pinning a fact"))

    async def edit_pin(self, chat: str, pin: str, text: str) -> None:
        tree = await self._chats.get(chat)
        pins = _listed(tree, "pins")
        _one(pins, pin, notice("That fact is not pinned in this chat."))["text"] = _pin(text)
        await self._set(tree, "pins", pins, notice("the edit of a pinned fact"))

    async def remove_pin(self, chat: str, pin: str) -> None:
        tree = await self._chats.get(chat)
        pins = _listed(tree, "pins")
        pins.remove(_one(pins, pin, notice("That fact is not pinned in this chat.")))
        await self._set(tree, "pins", pins, notice("unpinning a fact"))

    async def set_chapter(self, chat: str, node: str, title: str = "") -> None:
        """Let a chapter begin with a message; without a title, none begins there any more."""
        if len(title) > LONGEST_TITLE:
            raise BadInput(notice("A title has at most {n} characters.", n=LONGEST_TITLE), field="title")
        value = " ".join(title.split()) or None
        label = notice("the chapter") if value else notice("taking a chapter away")
        op = {"op": "set_extra", "node": node, "name": "chapter", "value": value}
        await self._chats.commit(chat, [op], label)

    async def add_document(self, chat: str, id: str, name: str, text: str) -> dict[str, Any]:  # noqa: A002
        """Add a text or Markdown document that passages are recalled from. Its text is kept beside the chat."""
        tree = await self._chats.get(chat)
        documents = _listed(tree, "documents")
        data = text.encode("utf-8", "replace")
        digest = hashlib.sha256(data).hexdigest()
        if not text.strip():
            raise BadInput(notice("The document is empty."), field="text")
        if len(text) > LONGEST:
            told = notice("The document is too long: {n} characters at most.", n=LONGEST)
            raise BadInput(told, field="text")
        known = next((d for d in documents if d["id"] == id or d["digest"] == digest), None)
        if known is None:
            if len(documents) >= MOST_DOCUMENTS:
                raise Refused(notice("A chat has at most {n} documents.", n=MOST_DOCUMENTS))
            await self._store.keep_pictures(chat, {digest: data})
            known = {"id": _id(id), "name": " ".join(name.split())[:LONGEST_TITLE] or "?", "digest": digest}
            await self._set(tree, "documents", [*documents, known], notice("adding a document"))
        passages = await asyncio.to_thread(document_passages, known["id"], digest, known["name"], text)
        return {"id": known["id"], "passages": len(passages)}

    async def remove_document(self, chat: str, document: str) -> None:
        tree = await self._chats.get(chat)
        documents = _listed(tree, "documents")
        documents.remove(_one(documents, document, notice("That document is not in this chat.")))
        await self._set(tree, "documents", documents, notice("removing a document"))

    async def document(self, chat: str, document: str) -> dict[str, Any]:
        """The text of a document."""
        tree = await self._chats.get(chat)
        found = _one(_listed(tree, "documents"), document, notice("That document is not in this chat."))
        data = (await self._store.pictures([found["digest"]])).get(found["digest"], b"")
        return {"name": found["name"], "text": data.decode("utf-8", "replace")}

    async def search(self, chat: str, text: str, head: str | None = None, limit: int = 20) -> dict[str, Any]:
        """What would be recalled for a text, of all of the path and of the documents, wherever it stands."""
        tree = await self._chats.get(chat)
        found = await self._recalling.search(tree, head, text)
        return {"found": [
            {
                "kind": r.passage.kind, "source": r.passage.source, "name": r.passage.name, "text": r.passage.text,
                "heading": r.passage.heading, "score": round(r.score, 3), "words": list(r.words),
                "likeness": r.likeness,
            }
            for r in found[:max(1, min(limit, _MOST_FOUND))]
        ]}

    async def _set(self, tree: Chat, field: str, value: list[dict[str, str]], label: Notice) -> None:
        await self._chats.commit(tree.id, [{"op": "set_field", "field": field, "value": value or None}], label)


def _listed(tree: Chat, field: str) -> list[dict[str, str]]:
    """A chat's pins or documents, to be changed."""
    return [dict(item) for item in tree.fields.get(field) or ()]


def _one(items: list[dict[str, str]], wanted: str, missing: Notice) -> dict[str, str]:
    found = next((item for item in items if item["id"] == wanted), None)
    if found is None:
        raise NotFound(missing)
    return found


def _id(given: str) -> str:
    if not 0 < len(given) <= 100:
        raise BadInput(notice("An id has between 1 and {n} characters.", n=100), field="id")
    return given


def _pin(text: str) -> str:
    pinned = text.strip()
    if not pinned:
        raise BadInput(notice("There is nothing to pin."), field="text")
    if len(pinned) > LONGEST_PIN:
        told = notice("A pinned fact has at most {n} characters: it stands in every prompt.", n=LONGEST_PIN)
        raise BadInput(told, field="text")
    return pinned
