"""Lorebooks: which of them this chat uses, what is in them, and what fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import OptionList

from tui.domain.cleantext import clean, clean_line
from tui.i18n import tr
from tui.ui.host import host
from tui.ui.screens.bookchoice import LISTS, switched
from tui.ui.screens.inspector import Inspector
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.screens.reading import Reading
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import BROKEN, IN_USE


class LorePage(Page):
    """Enter switches a book on or off for this chat, `a` for all chats, `p` for the person; Tab reads it."""

    BINDINGS = [  # noqa: RUF012
        Binding("a", "switch_all", id="lore.all", show=False),
        Binding("p", "switch_mine", id="lore.persona", show=False),
        Binding("tab,right", "read", id="lore.read", show=False),
        Binding("t", "trace", id="lore.trace", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._books: list[Mapping[str, Any]] = []
        self._settings: Mapping[str, Any] = {}

    def heading(self) -> str:
        return tr("Lorebooks")

    def hints(self) -> Sequence[Hint]:
        return (
            Hint("Enter", tr("this chat"), "choose"),
            Hint("a", tr("all chats"), "switch_all"),
            Hint("p", tr("with me"), "switch_mine"),
            Hint("Tab", tr("read"), "read"),
            self.back_hint(),
            Hint("t", tr("what fired"), "trace"),
        )

    def body(self) -> ComposeResult:
        yield Listing()

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    async def load(self) -> None:
        self.listing.focus()
        self._books = (await self.call("lorebooks.list"))["lorebooks"]
        self._settings = (await self.call("settings.get"))["settings"]
        self._draw()

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "library":
            self.start(self.load())
        elif event.get("type") == "chat":
            self._draw()

    def _used(self) -> list[str]:
        chat = host(self.app).state.chat
        return [str(b) for b in chat.fields.get("lorebooks") or ()] if chat is not None else []

    def _draw(self) -> None:
        lines = book_lines(self._books, self._used(), *(self._settings.get(name) or () for name in LISTS))
        if not lines:
            self.say(tr("No lorebooks of your own. Import one with /import; a card's own book is always in use."))
        if host(self.app).state.chat is not None:
            lines.append(Line("trace", tr("What fired for the next turn, and why…")))
        self.listing.show(lines)

    def action_choose(self) -> None:
        self.listing.action_select()

    def action_switch_all(self) -> None:
        """Take the book under the cursor into every chat, or out of them."""
        self._share_chosen("lorebooks")

    def action_switch_mine(self) -> None:
        """Take the book under the cursor along wherever the person goes, or no longer."""
        self._share_chosen("persona_lorebooks")

    def _share_chosen(self, setting: str) -> None:
        if (line := self.listing.chosen) is not None and line.id.startswith("book:"):
            self.start(self._share(setting, line.id.removeprefix("book:")))

    async def _share(self, setting: str, book: str) -> None:
        self._settings = {**self._settings, setting: await switched(self, setting, book)}
        self._draw()

    def action_trace(self) -> None:
        self.app.push_screen(Inspector(view="lore"))

    def action_read(self) -> None:
        if (line := self.listing.chosen) is not None and line.id.startswith("book:"):
            self.start(self._read(line.id.removeprefix("book:")))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (line := self.listing.chosen) is None:
            return
        if line.id == "trace":
            self.action_trace()
        else:
            self.start(self._switch(line.id.removeprefix("book:")))

    async def _switch(self, book: str) -> None:
        chat = host(self.app).state.chat
        if chat is None:
            await self._read(book)
            return
        used = self._used()
        now = [b for b in used if b != book] if book in used else [*used, book]
        await self.call("chats.set", id=chat.id, field="lorebooks", value=now or None)
        self._draw()

    async def _read(self, book: str) -> None:
        got = await self.call("lorebooks.get", id=book)
        self.app.push_screen(Reading(tr("Lorebook: {name}", name=book), book_text(got)))


def book_lines(
    books: Sequence[Mapping[str, Any]], used: Sequence[str], everywhere: Sequence[str], mine: Sequence[str]
) -> list[Line]:
    """Books with the places where they are in use: this chat, all chats, wherever the person goes."""
    lines = []
    places = ((used, tr("this chat")), (everywhere, tr("all chats")), (mine, tr("with me")))
    for book in books:
        problem = notice_text(book.get("problem"))
        where = [word for names, word in places if book["id"] in names]
        mark = BROKEN if problem else IN_USE if where else ""
        if isinstance(book.get("entries"), int):
            where.append(tr("{n} entries", n=book["entries"]))
        detail = " · ".join(where)
        lines.append(
            Line(f"book:{book['id']}", str(book.get("name") or book["id"]), detail, problem, mark, bool(problem))
        )
    return lines


def book_text(got: Mapping[str, Any]) -> Content:
    """A lorebook to read: each entry with its keys."""
    book: Mapping[str, Any] = got.get("lorebook") or got.get("book") or got
    entries = book.get("entries") or ()
    items = list(entries.values()) if isinstance(entries, Mapping) else list(entries)
    return Content("\n\n").join(_entry(entry) for entry in items)


def _entry(entry: Mapping[str, Any]) -> Content:
    keys = ", ".join(str(k) for k in entry.get("keys") or ())
    title = clean_line(str(entry.get("comment") or keys or entry.get("uid") or ""), 200)
    how = tr("always on") if entry.get("constant") else tr("keys: {keys}", keys=clean_line(keys, 300))
    off = "" if entry.get("enabled", True) else " · " + tr("switched off")
    return Content.assemble(
        (title, "bold"), "\n", (how + off, "dim"), "\n", clean(str(entry.get("content") or ""), 20_000)
    )
