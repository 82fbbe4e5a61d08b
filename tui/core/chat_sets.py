"""Chat files of one folder taken in together: branches come back into one tree, chats of a group get its cast."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from tui.core.cast_import import in_group
from tui.core.chats import Chats, now_ms
from tui.core.library import Library
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import TraktirError
from tui.domain.notice import Notice, notice
from tui.formats.chat_join import joined
from tui.formats.chat_read import ChatFile, ImportedMessage, read_chat
from tui.formats.groups import GroupFile, read_group
from tui.formats.jsontext import parse_json
from tui.wire.ids import new_id

ALREADY = notice("This chat is here already, or among those that were deleted; nothing was added.")
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_Made = Callable[[ChatFile, str], Chat]


class ChatSets:
    """`begin` makes a chat of a file as if it came alone."""

    def __init__(self, library: Library, chats: Chats, begin: _Made) -> None:
        self._library = library
        self._chats = chats
        self._begin = begin

    async def take(self, files: Sequence[tuple[str, bytes]], group: bytes = b"") -> list[dict[str, Any]]:
        """Import chat files, called by their paths; a broken one is named and does not keep the others away."""
        results: list[dict[str, Any]] = []
        read: list[tuple[str, bytes, ChatFile]] = []
        cast: GroupFile | None = None
        try:
            cast = read_group(parse_json(group, "group").value) if group else None
        except TraktirError as error:
            results.append(_refused("group", error))
        for name, data in files:
            try:
                found = await asyncio.to_thread(read_chat, data, PurePath(name.replace("\\", "/")).name)
                read += [(name, data, file) for file in found]
            except TraktirError as error:
                results.append(_refused(name, error))
        for places in joined([file for _, _, file in read]):
            results.append(await self._keep([read[at] for at in places], cast))
        return results

    async def _keep(self, files: list[tuple[str, bytes, ChatFile]], group: GroupFile | None) -> dict[str, Any]:
        path, _, first = files[0]
        folder = PurePath(path.replace("\\", "/")).parent.name
        notes: tuple[Notice, ...] = tuple(dict.fromkeys(note for _, _, file in files for note in file.notes))
        try:
            chat = await asyncio.to_thread(self._tree, files, folder)
            if group is not None:
                own = f"{group.name}/{PurePath(path).stem}".encode()
                chat = replace(chat, id=id_of([*(data for _, data, _ in files), own]))
                chat, missing = in_group(chat, group, self._library, self._card)
                if missing:
                    notes += (notice("Members of the group that are not here: {names}.", names=", ".join(missing)),)
            if not await self._chats.add(chat):
                notes = (ALREADY,)
            elif len(files) > 1:
                notes += (notice("Branches of one chat, joined: {n} files.", n=len(files)),)
        except TraktirError as error:
            return _refused(path, error)
        return {
            "type": "file", "path": path, "error": None, "kind": "chat", "folder": "chats", "id": chat.id,
            "name": chat.fields.get("title") or first.title, "messages": len(chat.nodes),
            "warnings": [n.to_json() for n in notes],
        }

    def _tree(self, files: list[tuple[str, bytes, ChatFile]], folder: str) -> Chat:
        """All files in one tree. On view is the one that was spoken in last; the ends of the others have their
        names as places to come back to."""
        main = max(range(len(files)), key=lambda at: (_last(files[at][2]), -at))
        chat = self._begin(files[main][2], folder)
        nodes = dict(chat.nodes)
        for at, (_, _, file) in enumerate(files):
            if at == main:
                continue
            end = grow(nodes, file.messages)
            if end is not None and "checkpoint" not in nodes[end].extra:
                named = {**nodes[end].extra, "checkpoint": file.title[:100]}
                nodes[end] = replace(nodes[end], extra=named)
        return replace(chat, id=id_of([data for _, data, _ in files]), nodes=nodes)

    def _card(self, stem: str) -> str:
        """The library's character whose picture came from a file of that name."""
        cards = [i for i in self._library.items("characters") if getattr(i.value, "card", None) is not None]
        best = [i.id for i in cards if stem in (i.id, i.value.card.name)]
        own = [i.id for i in cards if i.source == "own" and i.id in best]
        return (own or best or [""])[0]


def id_of(parts: Sequence[bytes]) -> str:
    """The id of a chat that came from files: the same for the same files, so that nothing is added twice."""
    digests = sorted(hashlib.sha256(part).hexdigest() for part in parts)
    number = int.from_bytes(hashlib.sha256("".join(digests).encode()).digest())
    return "".join(_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))


def grow(nodes: dict[str, Node], messages: Sequence[ImportedMessage]) -> str | None:
    """Add a file's messages to a tree: what is there already is gone along, the rest branches off. Returns its end."""
    known: dict[tuple[Any, ...], str] = {}
    for node in nodes.values():
        known.setdefault(_key(node.parent, node.role, node.name, node.text), node.id)
    parent: str | None = None
    for message in messages:
        texts = list(message.swipes) or [message.text]
        chosen = message.swipe_index if 0 <= message.swipe_index < len(texts) else 0
        thoughts = list(message.thoughts) or [""] * len(texts)
        texts[chosen], thoughts[chosen] = message.text, message.reasoning or thoughts[chosen]
        on_view = parent
        for at, (text, thought) in enumerate(zip(texts, thoughts, strict=True)):
            key = _key(parent, message.role, message.name, text)
            if key not in known:
                created = message.created_ms or now_ms()
                revision = Revision(new_id(), text, created, reasoning=thought)
                node = Node(
                    new_id(), parent, message.role, message.name, created, len(nodes), (revision,), revision.id,
                    hidden=message.hidden,
                )
                nodes[node.id] = node
                known[key] = node.id
            if at == chosen:
                on_view = known[key]
        parent = on_view
    return parent


def _key(parent: str | None, *said: str) -> tuple[Any, ...]:
    return (parent, *said)


def _last(file: ChatFile) -> int:
    return max((m.created_ms for m in file.messages), default=0)


def _refused(name: str, error: TraktirError) -> dict[str, Any]:
    return {"type": "file", "path": name, "kind": None, "name": "", "warnings": [], "error": error.to_json()}
