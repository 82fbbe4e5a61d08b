"""A few lines above the composer: the commands that what is being written may become."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.domain.cleantext import clean_line

_MOST = 6


class Suggestions(Widget):
    """Triples of what is put in, what is shown, and a word on it. Hidden while there are none."""

    class Taken(Message):
        """A line was tapped."""

        def __init__(self, insert: str) -> None:
            super().__init__()
            self.insert = insert

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._items: list[tuple[str, str, str]] = []
        self._at = 0
        self.display = False

    @property
    def open(self) -> bool:
        return bool(self._items)

    @property
    def current(self) -> str | None:
        """What the line under the cursor would put in."""
        return self._items[self._at][0] if self._items else None

    def show(self, items: Sequence[tuple[str, str, str]]) -> None:
        if list(items) == self._items:
            return
        self._items, self._at = list(items), 0
        self.display = bool(items)
        rows = min(len(items), self._rows())
        if items and (self.styles.height is None or self.styles.height.value != rows):
            self.styles.height = rows
        self.refresh()

    def move(self, step: int) -> None:
        if self._items:
            self._at = (self._at + step) % len(self._items)
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        index = self._first() + event.y
        if index < len(self._items):
            self.post_message(self.Taken(self._items[index][0]))

    def render(self) -> Content:
        first, width = self._first(), max(1, self.size.width)
        shown = list(enumerate(self._items))[first: first + self._rows()]
        column = min(max((len(label) for _, (_, label, _) in shown), default=0) + 3, 24)
        rows = []
        for index, (_, label, help_) in shown:
            head = clean_line(label, 100)
            row = Content.styled(head.ljust(column), "bold $primary" if index == self._at else "$foreground")
            rows.append((row + Content.styled(clean_line(help_, 300), "$quiet")).truncate(width, ellipsis=True))
        return Content("\n").join(rows)

    def _rows(self) -> int:
        return max(2, min(_MOST, self.app.size.height // 3 - 1))

    def _first(self) -> int:
        rows = self._rows()
        return max(0, min(self._at - rows + 1 if self._at >= rows else 0, len(self._items) - rows))
