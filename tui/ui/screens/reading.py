"""Text to read, and text to write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static, TextArea

from tui.domain.cleantext import clean
from tui.i18n import tr
from tui.ui.layouts import readings
from tui.ui.screens.confirm import choose
from tui.ui.screens.page import Hint, Page

#: Characters of a text that a screen shows; what is longer is for an editor.
LONGEST_SHOWN = 200_000
#: Places of a text that are marked when something is searched for.
_MOST_MARKED = 200


class Reading(Page):
    """A text, scrolled with the arrows, PgUp and PgDn."""

    BINDINGS = [Binding("left", "back", show=False, priority=True)]  # noqa: RUF012

    def __init__(self, heading: str, text: str | Content, detail: str = "", query: str = "") -> None:
        super().__init__()
        self._heading, self._detail = heading, detail
        text = text if isinstance(text, Content) else Content(clean(text, LONGEST_SHOWN))
        self._text, self._at = marked(text, query)

    def heading(self) -> str:
        return self._heading

    def hints(self) -> Sequence[Hint]:
        return (self.back_hint(), Hint("↑↓ PgUp PgDn", tr("scroll"), "page_on"))

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="reading"):
            yield Static(self._text, markup=False)

    async def load(self) -> None:
        self.head(self._detail)
        scroll = self.query_one(VerticalScroll)
        scroll.focus()
        if self._at is not None:
            self.call_after_refresh(self._to_found, self._at)

    def _to_found(self, at: int) -> None:
        """Scroll to where what was searched for stands first, some rows above it."""
        scroll = self.query_one(VerticalScroll)
        above = self._text[:at].wrap(max(1, scroll.content_size.width))
        scroll.scroll_to(y=max(0, len(above) - 4), animate=False)

    def action_page_on(self) -> None:
        self.query_one(VerticalScroll).scroll_page_down(animate=False)


def marked(text: Content, query: str) -> tuple[Content, int | None]:
    """`text` with every place marked where `query` stands (as typed, or as its keys read in another layout), and where
    the first is; None without any."""
    folded = text.plain.casefold()
    reading = next((r for r in readings(query) if r and r in folded), "")
    if not reading or len(folded) != len(text.plain):  # folding may lengthen a text; then places would be off
        return text, None
    places = [found.start() for found in re.finditer(re.escape(reading), folded)]
    for at in places[:_MOST_MARKED]:
        text = text.stylize("reverse", at, at + len(reading))
    return text, places[0]


class Writing(Page):
    """A text of several lines to write or change. Dismisses with it, or with None."""

    BINDINGS = [Binding("ctrl+s", "keep", "Keep", id="writing.keep", show=False, priority=True)]  # noqa: RUF012

    def __init__(self, heading: str, text: str, detail: str = "") -> None:
        super().__init__()
        self._heading, self._text, self._detail = heading, text, detail

    def heading(self) -> str:
        return self._heading

    def hints(self) -> Sequence[Hint]:
        return (Hint("Ctrl+S", tr("keep"), "keep"), self.back_hint())

    def body(self) -> ComposeResult:
        yield TextArea(self._text, soft_wrap=True, compact=True, highlight_cursor_line=False)

    async def load(self) -> None:
        self.say(self._detail)
        area = self.query_one(TextArea)
        area.move_cursor(area.document.end)
        area.focus()

    def action_keep(self) -> None:
        self.dismiss(self.query_one(TextArea).text)

    def action_back(self) -> None:
        if self.query_one(TextArea).text == self._text:
            self.dismiss(None)
        else:
            self.start(self._ask_before_leaving())

    async def _ask_before_leaving(self) -> None:
        answer = await choose(
            self.app,
            tr("Keep what you wrote?"),
            [("keep", tr("Keep it")), ("drop", tr("Drop the changes")), ("on", tr("Write on"))],
        )
        if answer == "keep":
            self.action_keep()
        elif answer == "drop":
            self.dismiss(None)


async def ask_text(app: App[Any], heading: str, text: str = "", detail: str = "") -> str | None:
    """A text of several lines from the person; None when they would rather not. Call from a worker."""
    answer = await app.push_screen_wait(Writing(heading, text, detail))
    return answer if isinstance(answer, str) else None
