"""Lorebooks that hold for every chat, or go with the person: several of the library, chosen with Enter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.i18n import tr
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import BROKEN, IN_USE

#: Settings that are lists of lorebooks.
LISTS = ("lorebooks", "persona_lorebooks")


async def switched(page: Page, setting: str, book: str) -> list[str]:
    """Take a book into one of the lists, or out of it. Returns the list as it then is. Raises TraktirError."""
    now = [str(b) for b in (await page.call("settings.get"))["settings"].get(setting) or ()]
    after = [b for b in now if b != book] if book in now else [*now, book]
    await page.call("settings.set", name=setting, value=after)
    return after


async def choose_books(page: Page, setting: str, heading: str) -> None:
    """Let the person choose; every choice counts at once. Call from a worker. Raises TraktirError."""
    await page.app.push_screen_wait(BookChoice(setting, heading))


class BookChoice(Page):
    """The library's books, those of the list marked; Enter or Space takes one in or out."""

    BINDINGS = [Binding("space", "choose", id="bookchoice.choose", show=False)]  # noqa: RUF012

    def __init__(self, setting: str, heading: str) -> None:
        super().__init__()
        self._setting, self._heading = setting, heading
        self._books: Sequence[Mapping[str, Any]] = ()
        self._chosen: Sequence[str] = ()

    def heading(self) -> str:
        return self._heading

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("on, off"), "choose"), self.back_hint())

    def body(self) -> ComposeResult:
        yield Listing()

    async def load(self) -> None:
        self.query_one(Listing).focus()
        self._books = (await self.call("lorebooks.list"))["lorebooks"]
        self._chosen = (await self.call("settings.get"))["settings"].get(self._setting) or ()
        self._draw()

    def _draw(self) -> None:
        lines = choice_lines(self._books, self._chosen)
        if not lines:
            self.say(tr("No lorebooks of your own. Import one with /import; a card's own book is always in use."))
        self.query_one(Listing).show(lines)

    def action_choose(self) -> None:
        self.query_one(Listing).action_select()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (line := self.query_one(Listing).chosen) is not None:
            self.start(self._switch(line.id))

    async def _switch(self, book: str) -> None:
        self._chosen = await switched(self, self._setting, book)
        self._draw()


def choice_lines(books: Sequence[Mapping[str, Any]], chosen: Sequence[str]) -> list[Line]:
    """Books as lines; those chosen that are no longer in the library too, so that they can be taken out."""
    lines = []
    for book in books:
        problem, used = notice_text(book.get("problem")), book["id"] in chosen
        mark = BROKEN if problem else IN_USE if used else ""
        lines.append(Line(str(book["id"]), str(book.get("name") or book["id"]), "", problem, mark, faint=bool(problem)))
    known = {book["id"] for book in books}
    gone = [book for book in chosen if book not in known]
    return lines + [Line(b, b, "", tr("It is no longer in the library."), BROKEN, faint=True) for b in gone]
