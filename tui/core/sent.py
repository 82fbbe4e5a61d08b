"""The last prompt of each chat, kept so that the next one can be compared with it."""

from __future__ import annotations

import base64
import zlib
from collections import OrderedDict

from tui.domain.errors import StoreError
from tui.store import Store

#: Prompts kept in memory; each is some ten thousand characters.
_REMEMBERED = 8
#: Characters of a prompt that are kept at most.
_LONGEST = 4_000_000


class SentPrompts:
    """What was last sent for each chat, and what came back: together, what the backend should still hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, str] = OrderedDict()
        #: What a backend was given last, of whatever chat and for whatever purpose, with what it wrote; "": not known.
        self.held = ""

    async def last(self, chat: str) -> str:
        """The prompt with its reply, "" when nothing was sent yet."""
        if chat not in self._known:
            kept = await self._store.get_value(_key(chat))
            self._remember(chat, _unpacked(kept) if isinstance(kept, str) else "")
        return self._known[chat]

    async def keep(self, chat: str, prompt: str, reply: str) -> None:
        """Remember what was sent and what it was answered with. A disk that refuses costs only the comparison."""
        text = (prompt + reply)[:_LONGEST]
        self._remember(chat, text)
        self.held = text
        packed = base64.b85encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 6)).decode("ascii")
        try:
            await self._store.set_value(_key(chat), packed)
        except StoreError:
            return

    def _remember(self, chat: str, text: str) -> None:
        self._known[chat] = text
        self._known.move_to_end(chat)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _key(chat: str) -> str:
    return f"sent:{chat}"


def _unpacked(packed: str) -> str:
    try:
        return zlib.decompressobj().decompress(base64.b85decode(packed), 4 * _LONGEST).decode("utf-8", "surrogatepass")
    except (ValueError, zlib.error):
        return ""
