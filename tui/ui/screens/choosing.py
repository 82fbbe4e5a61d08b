"""A page that is one list, searched by typing: what help, palette and doctor have in common."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult

from tui.i18n import tr
from tui.ui.screens.page import Page
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker


class ChoicePage(Page):
    """Enter or a tap on a line chooses it; the picker's own way back closes the page."""

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search"))

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    def focus_search(self) -> None:
        self.picker.query_one("SearchBox").focus()

    def chosen(self, line: Line) -> None:
        """A line was chosen."""

    def action_choose(self) -> None:
        if (line := self.picker.listing.chosen) is not None:
            self.chosen(line)

    @on(Picker.Chosen)
    def _line_chosen(self, event: Picker.Chosen) -> None:
        self.chosen(event.line)

    @on(Picker.Back)
    def _picker_left(self) -> None:
        self.action_back()
