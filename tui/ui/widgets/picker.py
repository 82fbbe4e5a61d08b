"""A search box over a listing: typing filters, in whatever keyboard layout; arrows and Enter go to the list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList

from tui.ui.layouts import matches, readings
from tui.ui.widgets.listing import Line, Listing


class SearchBox(Input):
    """One borderless line. Keys that walk a list are left to the list."""

    BINDINGS = [  # noqa: RUF012
        Binding("up", "walk('cursor_up')", show=False),
        Binding("down", "walk('cursor_down')", show=False),
        Binding("pageup", "walk('page_up')", show=False),
        Binding("pagedown", "walk('page_down')", show=False),
        Binding("left", "left_or_back", show=False),
        Binding("right", "right_or_more", show=False),
        Binding("delete", "delete_or_remove", show=False),
    ]

    def _picker(self) -> Picker:
        parent = self.parent
        assert isinstance(parent, Picker)
        return parent

    def action_walk(self, how: str) -> None:
        getattr(self._picker().listing, f"action_{how}")()

    def action_left_or_back(self) -> None:
        if self.value:
            self.action_cursor_left()
        else:
            self._picker().post_message(Picker.Back(self._picker()))

    def action_right_or_more(self) -> None:
        if self.cursor_position < len(self.value):
            self.action_cursor_right()
        else:
            self._picker().ask_more()

    def action_delete_or_remove(self) -> None:
        if self.cursor_position < len(self.value):
            self.action_delete_right()
        else:
            self._picker().ask_remove()


class Picker(Widget):
    """Search and choose.

    `show` gives it lines; headings (lines without id) stay while anything below them matches. `extra` may add
    lines made of the query itself ("search all messages for …"); these are never filtered away.
    """

    DEFAULT_CSS = """
    Picker { height: 1fr; layout: vertical; }
    Picker SearchBox, Picker SearchBox:focus {
        height: 1; border: none; padding: 0 1; margin-bottom: 1; background: $surface; background-tint: transparent;
    }
    Picker Listing > .option-list--option-highlighted {
        color: $block-cursor-foreground; background: $block-cursor-background; text-style: $block-cursor-text-style;
    }
    """

    @dataclass
    class Chosen(Message):
        """Enter or a tap on a line."""

        picker: Picker
        line: Line

    @dataclass
    class MoreAsked(Message):
        """The person wants to know what can be done with this line."""

        picker: Picker
        line: Line

    @dataclass
    class RemoveAsked(Message):
        picker: Picker
        line: Line

    @dataclass
    class Back(Message):
        """Left arrow with nothing typed."""

        picker: Picker

    def __init__(
        self,
        placeholder: str,
        extra: Callable[[str], Sequence[Line]] | None = None,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._extra = extra
        self._all: tuple[Line, ...] = ()

    def compose(self) -> ComposeResult:
        yield SearchBox(placeholder=self._placeholder, compact=True, select_on_focus=False)
        listing = Listing()
        listing.can_focus = False  # the search box hears all keys; a tap still chooses
        yield listing

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    @property
    def query_text(self) -> str:
        """What stands in the search box."""
        return self.query_one(SearchBox).value

    def show(self, lines: Iterable[Line], *, keep: bool = True) -> None:
        """List other lines, filtered by what is typed."""
        self._all = tuple(lines)
        self._filter(keep=keep)

    def clear_search(self) -> None:
        self.query_one(SearchBox).value = ""

    def page_down(self) -> None:
        self.listing.action_page_down()  # type: ignore[no-untyped-call]

    def ask_more(self) -> None:
        if (line := self.listing.chosen) is not None:
            self.post_message(self.MoreAsked(self, line))

    def ask_remove(self) -> None:
        if (line := self.listing.chosen) is not None:
            self.post_message(self.RemoveAsked(self, line))

    def _filter(self, *, keep: bool) -> None:
        query = self.query_text
        shown = filter_lines(self._all, query)
        self.listing.show([*shown, *(self._extra(query) if self._extra is not None else ())], keep=keep)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(keep=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if (line := self.listing.chosen) is not None:
            self.post_message(self.Chosen(self, line))

    @on(OptionList.OptionSelected)
    def _tapped(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (line := self.listing.chosen) is not None:
            self.post_message(self.Chosen(self, line))

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()


def filter_lines(lines: Sequence[Line], query: str) -> list[Line]:
    """The lines that answer `query`, best first below each heading; a heading with nothing below it goes."""
    if not query.strip():
        return list(lines)
    out: list[Line] = []
    group: list[tuple[int, Line]] = []
    heading: Line | None = None

    def close() -> None:
        if group:
            if heading is not None:
                out.append(heading)
            out.extend(line for _, line in sorted(group, key=lambda pair: pair[0]))

    for line in lines:
        if not line.id:
            close()
            group, heading = [], line
            continue
        named = any(word.startswith(r) for r in readings(query.strip()) for word in line.words.split())
        rank = -1 if named else matches(query, line.title)
        if rank is None:
            below = matches(query, f"{line.detail} {line.note}")
            rank = None if below is None else below + 3
        if rank is not None:
            group.append((rank, line))
    close()
    return out
