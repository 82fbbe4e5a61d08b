"""The last prompt of each chat, kept so that the next one can be compared with it."""

from __future__ import annotations

import asyncio
import base64
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from tui.domain.errors import StoreError
from tui.domain.prompt.difference import Sent
from tui.domain.prompt.forecast import Rendered
from tui.store import Store

#: Prompts kept in memory; each is some ten thousand characters.
_REMEMBERED = 8
#: Characters of a prompt that are kept at most.
_LONGEST = 4_000_000


class SentPrompts:
    """What was last sent for each chat, and what came back: together, what the backend should still hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, Sent] = OrderedDict()
        #: What a backend was given last, of whatever chat and for whatever purpose, with what it wrote; "": not known.
        self.held = ""

    async def last(self, chat: str) -> Sent | None:
        """The prompt with its reply; None when nothing was sent yet."""
        if chat not in self._known:
            kept = await self._store.get_value(_key(chat))
            self._remember(chat, await asyncio.to_thread(_unpacked, kept) if isinstance(kept, dict) else Sent(""))
        found = self._known[chat]
        return found if found.text else None

    async def keep(self, chat: str, prompt: str, reply: str, rendered: Rendered) -> None:
        """Remember what was sent and what it was answered with. A disk that refuses costs only the comparison."""
        text = (prompt + reply)[:_LONGEST]
        self._remember(chat, Sent(text, rendered))
        self.held = text
        packed = await asyncio.to_thread(_packed, text)
        try:
            await self._store.set_value(_key(chat), {"text": packed, "rendered": [list(part) for part in rendered]})
        except StoreError:
            return

    def _remember(self, chat: str, sent: Sent) -> None:
        self._known[chat] = sent
        self._known.move_to_end(chat)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _key(chat: str) -> str:
    return f"sent:{chat}"


def _packed(text: str) -> str:
    squeezed = zlib.compress(text.encode("utf-8", "surrogatepass"), 6)
    step = 1 << 18                                 # a multiple of 4, so that the pieces join
    return "".join(
        base64.b85encode(squeezed[at : at + step]).decode("ascii") for at in range(0, len(squeezed), step)
    )


def _unpacked(kept: Mapping[str, Any]) -> Sent:
    try:
        data = zlib.decompressobj().decompress(base64.b85decode(kept["text"]), 4 * _LONGEST)
        return Sent(data.decode("utf-8", "surrogatepass"), tuple((str(s), str(d)) for s, d in kept["rendered"]))
    except (KeyError, TypeError, ValueError, zlib.error):
        return Sent("")
