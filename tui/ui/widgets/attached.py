"""The pictures that go with the next message: a line for each above the composer, which takes it away when tapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.domain.pictures import SIGN, picture_label

if TYPE_CHECKING:
    from tui.client.pictures import Attached


class AttachedLines(Widget):
    """Hidden while there is nothing."""

    class Dropped(Message):
        """The person took a picture away."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._items: tuple[Attached, ...] = ()
        self.display = False

    def show(self, items: Sequence[Attached]) -> None:
        self._items = tuple(items)
        self.display = bool(items)
        self.styles.height = self._rows()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._items):
            self.post_message(self.Dropped(event.y))

    def render(self) -> Content:
        """Where there is no room for all, the last row says how many more there are."""
        rows, width = self._rows(), max(8, self.size.width)
        shown = self._items[:rows] if len(self._items) <= rows else self._items[:rows - 1]
        lines = [
            Content.styled(picture_label(item.picture), "$secondary").truncate(width - 2, ellipsis=True)
            + Content.styled(" ✕", "$quiet")
            for item in shown
        ]
        if len(shown) < len(self._items):
            lines.append(Content.styled(f"{SIGN} +{len(self._items) - len(shown)}", "$secondary"))
        return Content("\n").join(lines)

    def _rows(self) -> int:
        return min(len(self._items), max(1, self.app.size.height // 6)) if self._items else 0
