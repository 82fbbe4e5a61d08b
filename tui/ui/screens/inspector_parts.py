"""Parts of the inspector: the row of views, the bar of shares, the line to search with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.i18n import tr
from tui.ui.screens.segments import Kind, legend, share_bar


class ViewTabs(Static):
    """The views side by side, the one in front bold; a tap goes to another."""

    DEFAULT_CSS = """
    ViewTabs { height: 1; padding: 0 1; margin-bottom: 1; link-style: none; link-style-hover: reverse; }
    """

    def __init__(self, views: Sequence[tuple[str, str]], current: str) -> None:
        super().__init__(markup=False)
        self._views, self._current = tuple(views), current

    def on_mount(self) -> None:
        self.turn_to(self._current)

    def turn_to(self, view: str) -> None:
        self._current = view
        parts = []
        for name, word in self._views:
            here = name == view
            part = Content.styled(word, "bold $primary" if here else "dim")
            parts.append(part if here else part.stylize(Style.from_meta({"@click": f"screen.view('{name}')"})))
        self.update(Content("  ").join(parts))


class ShareBar(Widget):
    """The window as a bar of kinds of sources, and what its colours mean."""

    DEFAULT_CSS = """
    ShareBar { height: auto; padding: 0 1; }
    ShareBar Static { height: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shares: Mapping[Kind, int] = {}
        self._window = self._kept = 0

    def compose(self) -> ComposeResult:
        yield Static(id="bar", markup=False)
        yield Static(id="legend", markup=False)

    def show(self, parts: Mapping[Kind, int], context: int, reserve: int) -> None:
        """Draw these shares of a window of `context` tokens, `reserve` of them kept for the reply."""
        self._shares, self._window, self._kept = parts, context, reserve
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        if width > 0:
            self.query_one("#bar", Static).update(share_bar(self._shares, self._window, self._kept, width))
            self.query_one("#legend", Static).update(legend(self._shares, width))


class SearchLine(Input):
    """One line to search with: Enter keeps what was found, Esc ends the search."""

    DEFAULT_CSS = """
    SearchLine, SearchLine:focus {
        display: none; height: 1; border: none; padding: 0 1; background: $surface; background-tint: transparent;
    }
    """
    BINDINGS = [Binding("escape,ctrl+g", "leave", show=False)]  # noqa: RUF012

    class Left(Message):
        """The search is over."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=True)

    def begin(self, text: str) -> None:
        """Show the line, with what was searched for before."""
        self.placeholder = tr("a text or a source; Enter, then n and N go on")
        self.value = text
        self.display = True
        self.focus()

    def action_leave(self) -> None:
        self.display = False
        with self.prevent(Input.Changed):
            self.value = ""
        self.post_message(self.Left())
