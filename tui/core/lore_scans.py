"""The lore scans of open chats: each keeps what it found in texts, so that only new ones are read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui import collecting
from tui.core.stems import stem_word
from tui.domain.lore import Lorebook
from tui.domain.notice import Notice
from tui.domain.prompt.turn_lore import LoreScanner
from tui.sandbox import Refusal, Sandbox

if TYPE_CHECKING:
    from tui.domain.lore_index import IndexedFinder
    from tui.domain.lore_prepare import PreparedBooks

#: Chats whose findings are kept; those of 10,000 entries take some ten megabytes.
_REMEMBERED = 4


class LoreScans:
    """A finder and prepared books for each chat that was lately in use. Patterns run in the helper process."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._preparing = threading.Lock()
        self._finders: OrderedDict[str, IndexedFinder] = OrderedDict()
        self._books: OrderedDict[str, PreparedBooks] = OrderedDict()

    def scanner(self, chat: str, books: Sequence[Lorebook]) -> LoreScanner | None:
        """What a chat's lore is scanned with; None without books. Takes a while for large books it does not know."""
        if not books:
            return None
        with self._preparing:
            return self._scanner(chat, books)

    def _scanner(self, chat: str, books: Sequence[Lorebook]) -> LoreScanner:
        # Here and not above: a start without lorebooks need not wait for it.
        from tui.domain.lore_index import IndexedFinder
        from tui.domain.lore_prepare import prepare_books

        known = self._books.get(chat)
        if known is None or len(known.books) != len(books) or any(
            one is not other for one, other in zip(known.books, books, strict=True)
        ):
            self._books[chat] = known = prepare_books(books)
            collecting.settle()
        finder = self._finders.setdefault(chat, IndexedFinder(self._match, stem_word))
        for kept in (self._finders, self._books):
            kept.move_to_end(chat)
            while len(kept) > _REMEMBERED:
                kept.popitem(last=False)
        return LoreScanner(finder, known)

    def _match(self, pairs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
        return [found.why if isinstance(found, Refusal) else found for found in self._sandbox.search(pairs)]
