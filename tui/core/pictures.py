"""Pictures that come with messages: taken in from clients, kept in the store, put into requests, given back."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.domain.backend import CompletionRequest, Image
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import Notice, notice
from tui.domain.picture_marks import Shown, keys_in, mark_of, requested, spoken, with_pictures
from tui.domain.pictures import MAX_PICTURES, Picture, measure, picture_name
from tui.domain.prompt.types import Turn
from tui.store import Store

_UNSEEN = Notice(
    "This model does not see pictures: it read their names instead. For the embedded engine set `mmproj` in the "
    "profile to the model's projector file."
)


class Pictures:
    """`pictures.get`, and what turns need of pictures."""

    def __init__(self, store: Store, chats: Chats) -> None:
        self._store = store
        self._chats = chats

    def handlers(self) -> dict[str, Handler]:
        return {"pictures.get": self.get}

    async def get(self, chat: str, id: str) -> dict[str, Any]:  # noqa: A002
        """A picture of a chat with its bytes in base64."""
        tree = await self._chats.get(chat)
        there = (i for n in tree.nodes.values() for r in n.revisions for i in r.images)
        found = next((image for image in there if image["id"] == id), None)
        data = (await self._store.pictures([id])).get(id) if found is not None else None
        if found is None or data is None:
            raise NotFound(notice("That picture is not in this chat."), picture=id[:16])
        return {**found, "data": await asyncio.to_thread(_encoded, data)}

    async def take(self, chat: str, given: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Keep the pictures that a client sends (`name`, and `data` in base64) for a chat: what a message says of
        them. Raises BadInput, StoreError."""
        if not given:
            return ()
        if len(given) > MAX_PICTURES:
            raise BadInput(notice("A message takes at most {most} pictures.", most=MAX_PICTURES), field="images")
        found = await asyncio.to_thread(lambda: [_taken(one) for one in given])
        unlike = {picture.id: (picture, data) for picture, data in found}
        await self._store.keep_pictures(chat, {name: data for name, (_, data) in unlike.items()})
        return tuple(picture.to_json() for picture, _ in unlike.values())

    async def fill(self, request: CompletionRequest, shown: Shown) -> CompletionRequest:
        """The request with the bytes of the pictures that are marked in it. Raises StoreError."""
        keys = keys_in(request) if shown else []
        if not keys:
            return request
        wanted = {shown[key].id: shown[key] for key in keys if key in shown}
        data = await self._store.pictures(list(wanted))
        images = [Image(name, wanted[name].mime, content) for name, content in data.items()]
        return requested(request, shown, images)


def looked_at(turn: Turn, *, sees: bool) -> Turn:
    """The turn with pictures marked in its messages; with their names alone where the model `sees` none."""
    path = with_pictures(turn.path, mark_of if sees else spoken)
    return turn if path is None else replace(turn, path=path)


def told_of(turn: Turn, *, sees: bool) -> tuple[Notice, ...]:
    """That the model sees nothing of the pictures, said with the replies to a message that has some."""
    latest = next((node for node in reversed(turn.path) if node.role == "user"), None)
    return (_UNSEEN,) if not sees and latest is not None and latest.revision.images else ()


def _taken(given: Mapping[str, Any]) -> tuple[Picture, bytes]:
    name, coded = given.get("name"), given.get("data")
    if not isinstance(name, str) or not isinstance(coded, str):
        raise BadInput(notice("A picture needs a name and its data in base64."), field="images")
    try:
        data = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(notice("A picture needs a name and its data in base64."), field="images") from None
    found = measure(data)
    digest = hashlib.sha256(data).hexdigest()
    return Picture(digest, picture_name(name), found.mime, found.width, found.height, len(data)), data


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
