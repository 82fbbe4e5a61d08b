"""The line one writes in: grows to a third of the screen, sends with Enter, keeps what was sent before."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from tui.ui.keys import COMPOSER_BINDINGS

#: Characters that can be pasted here, some fifty pages; and in one line, each row of which costs time for all of it.
LONGEST, WIDEST = 100_000, 20_000


class Composer(TextArea):
    """What is being written. `take` empties it; `begin_edit` lends it to an old message."""

    BINDINGS: ClassVar[list[BindingType]] = list(COMPOSER_BINDINGS)

    class Sent(Message):
        """Enter was pressed."""

    class Grown(Message):
        """The text changed."""

    class Overlong(Message):
        """A text of `length` characters (or with a line of so many) was pasted; `most` are taken."""

        def __init__(self, length: int, most: int) -> None:
            super().__init__()
            self.length, self.most = length, most

    class Pictured(Message):
        """The path of a picture was pasted into the empty line."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    class Asked(Message):
        """A key that the screen answers: `up`, `down`, `stop`, `copy`, `editor`, `impersonate`, `tab`, `undo` or
        `redo`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True,
                         highlight_cursor_line=False)
        self.cursor_blink = False
        self._sent: list[str] = []
        self._place = 0
        self._kept = ""
        self._steering = False

    def steer(self, on: bool) -> None:
        """While a list of completions is open, the arrows belong to it."""
        self._steering = on

    @property
    def before_cursor(self) -> int:
        """Characters of the text before the cursor."""
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.text.split("\n")[:row]) + column

    def put(self, text: str) -> None:
        """Replace the text, with the cursor at its end."""
        self.load_text(text)
        self.move_cursor(self.document.end)
        self._fit()

    def remember(self, text: str) -> None:
        """Add to what was sent before."""
        if text and (not self._sent or self._sent[-1] != text):
            self._sent.append(text)
        self._place = len(self._sent)

    def action_history(self, step: int) -> None:
        place = self._place + step
        if not 0 <= place <= len(self._sent):
            return
        if self._place == len(self._sent):
            self._kept = self.text
        self._place = place
        self.put(self._sent[place] if place < len(self._sent) else self._kept)

    def action_send(self) -> None:
        self.post_message(self.Sent())

    def action_newline(self) -> None:
        self.insert("\n")

    def action_stop_or_leave(self) -> None:
        self.post_message(self.Asked("copy" if self.selected_text else "stop"))

    def action_impersonate(self) -> None:
        self.post_message(self.Asked("impersonate"))

    def action_editor(self) -> None:
        self.post_message(self.Asked("editor"))

    def action_tab(self) -> None:
        self.post_message(self.Asked("tab"))

    def action_undo_or(self, what: str) -> None:
        """While something is being written, of the typing; else of the chat."""
        if not self.text and not self._retyped():
            self.post_message(self.Asked(what))
        elif what == "undo":
            self.undo()
        else:
            self.redo()

    def _retyped(self) -> bool:
        """Whether an empty line is what is left of something typed, which undo can bring back."""
        return bool(self.history.undo_stack)

    def action_up(self) -> None:
        if self._steering or not self.text:
            self.post_message(self.Asked("up"))
        else:
            self.action_cursor_up()

    def action_cursor_down(self, select: bool = False) -> None:
        if self._steering and not select:
            self.post_message(self.Asked("down"))
        else:
            super().action_cursor_down(select)

    async def _on_paste(self, event: events.Paste) -> None:
        """Beyond a length every key would wait for the text to be wrapped anew. The path of a picture, pasted alone (as
        terminals do with a file that is dropped on them), is that picture."""
        from tui.client.pictures import is_picture_path

        if not self.text and is_picture_path(event.text):
            event.prevent_default()
            event.stop()
            self.post_message(self.Pictured(event.text))
            return
        length, widest = len(self.text) + len(event.text), max(map(len, event.text.split("\n")))
        if length > LONGEST or widest > WIDEST:
            event.prevent_default()
            event.stop()
            told = (length, LONGEST) if length > LONGEST else (widest, WIDEST)
            self.post_message(self.Overlong(*told))

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()

    def on_text_area_changed(self) -> None:
        self._fit()
        self.post_message(self.Grown())

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """As high as the text, at most a third of the screen. Only a new number of rows costs a layout."""
        limit = max(1, self.app.size.height // 3 - (1 if self.app.size.height < 24 else 2))
        rows = max(1, min(limit, self.wrapped_document.height))
        if self.styles.height is None or self.styles.height.value != rows:
            self.styles.height = rows
