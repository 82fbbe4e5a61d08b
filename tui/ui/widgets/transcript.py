"""The story: a window over all messages, drawn line by line; only what is looked at is ever laid out.

The place on view is (message, row), never a distance from the top, so nothing has to be known about the messages
above. Heights are found when a message comes near. See design notes on the Line API; there is no scroll bar.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.ui.keys import TRANSCRIPT_BINDINGS, latin_key
from tui.ui.state import ChatState, Entry
from tui.ui.widgets.message import Laid, Look, head_meta, lay_out
from tui.ui.widgets.wrapping import wrap

#: Widest measure of a message, its bar included: about what one reads with ease.
MEASURE = 84
#: Messages whose rows are kept; at forty rows each about 15 MB.
_KEPT = 300
#: Seconds between two parts of a very long message: keys come first.
_SOON = 0.01
_PARTS = (
    "text", "assistant", "user", "system", "speech", "action", "strong", "code", "mark", "meta", "chosen", "alarm",
)


class Transcript(Widget, can_focus=True):
    """Shows the path of a `ChatState`. `refresh_path` after its messages changed, `grow` while one is written."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"transcript--{part}" for part in _PARTS}
    BINDINGS: ClassVar[list[BindingType]] = list(TRANSCRIPT_BINDINGS)
    ALLOW_SELECT = False

    class Scrolled(Message):
        """The view moved, or it was left behind by new text."""

    class Opened(Message):
        """The chosen message was tapped once more: what can be done with it?"""

    class VersionTapped(Message):
        """The sign of the versions was tapped: `step` is -1 for the left half, 1 for the right."""

        def __init__(self, index: int, step: int) -> None:
            super().__init__()
            self.index, self.step = index, step

    def __init__(self, state: ChatState, *, jump: int = 1, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = state
        self._jump = jump
        self._look: Look | None = None
        self._laid: OrderedDict[str, Laid] = OrderedDict()
        self._entries: dict[int, Entry] = {}
        self._unfolded: set[str] = set()
        self._tapped: int | None = None                # the message that was tapped last
        self._top = (0, 0)
        self._anchor_id: str | None = None
        self._follow = True
        self._rows: list[Strip] = []
        self._places: list[tuple[int, int] | None] = []
        self._tail: tuple[str, bool] = ("", False)
        self.selected: int | None = None
        self.unseen = False
        self._more = False                        # a very long message is to be laid out further

    # ------------------------------------------------------------------ what others say

    @property
    def following(self) -> bool:
        """Whether the end is on view and new text pulls the view along."""
        return self._follow

    def refresh_path(self, *, to_end: bool = False) -> None:
        """The messages changed: draw them again, with the message that was at the top still there."""
        chosen = self._entries.get(self.selected) if self.selected is not None else None
        self._entries.clear()
        count = len(self._state.path)
        if self._anchor_id is not None and not to_end:
            found = next((i for i, n in enumerate(self._state.path) if n.id == self._anchor_id), None)
            self._top = (found, self._top[1]) if found is not None else (min(self._top[0], max(0, count - 1)), 0)
        if self.selected is not None:
            found = next((i for i, n in enumerate(self._state.path) if chosen is not None and n.id == chosen.id), None)
            self.selected = found if found is not None else min(self.selected, count - 1) if count else None
        if to_end:
            self._follow = True
        self._place()

    def grow(self) -> None:
        """The last message got longer."""
        self._entries.pop(len(self._state.path) - 1, None)
        self._place()

    def set_tail(self, text: str, *, alarm: bool = False) -> None:
        """A sentence below the last message: what is waited for, or what went wrong."""
        if self._tail != (text, alarm):
            self._tail = (text, alarm)
            self._place()

    def to_end(self) -> None:
        self._follow = True
        self._place()

    def goto(self, node_id: str) -> bool:
        """Bring a message into view and choose it; whether it is on the path."""
        index = next((i for i, n in enumerate(self._state.path) if n.id == node_id), None)
        if index is None:
            return False
        self.choose(index)
        return True

    def choose(self, index: int | None) -> None:
        """Choose a message (None: none) and make sure that its beginning can be read."""
        self.selected = index
        if index is not None and self._look is not None:
            self._reveal(index)
        self._place()

    def toggle_thoughts(self) -> None:
        """Open or fold the thoughts of the chosen message, else of the last one."""
        index = self.selected if self.selected is not None else len(self._state.path) - 1
        if index >= 0:
            self._unfolded ^= {self._state.path[index].id}
            self._place()

    def set_jump(self, rows: int) -> None:
        """How many rows a growing reply moves the view by at a time."""
        self._jump = rows

    def relabel(self) -> None:
        """The language changed: every row with words of ours is made anew."""
        self._laid.clear()
        self._place()

    def scroll_rows(self, rows: int) -> None:
        """Move the view down by `rows` (up when negative)."""
        if self._look is not None:
            self._follow = False
            self._top = self._walk(self._top, rows)
            self._place(may_follow=rows > 0)

    def page(self, pages: int) -> None:
        self.scroll_rows(pages * max(1, self.size.height - 2))

    # ------------------------------------------------------------------ keys and mouse

    def action_walk(self, step: int) -> None:
        """To the next or previous message; a message taller than the screen is read to its end first."""
        if not self._state.path:
            return
        if self.selected is None:
            self.choose(self._last_in_view() if step < 0 else self._first_in_view())
            return
        if self._reads_on(step):
            self.scroll_rows(step * max(1, self.size.height - 3))
            return
        self.choose(max(0, min(len(self._state.path) - 1, self.selected + step)))

    def action_edge(self, last: bool) -> None:
        if self._state.path:
            self.choose(len(self._state.path) - 1 if last else 0)
            if last:
                self.to_end()

    def action_page(self, pages: int) -> None:
        self.page(pages)
        if self.selected is not None and not self._in_view(self.selected):
            self.selected = self._first_in_view()
            self._place()

    def action_thoughts(self) -> None:
        self.toggle_thoughts()

    def on_key(self, event: events.Key) -> None:
        """Letters of another layout are the keys that they lie on."""
        meant = latin_key(event.key, event.character)
        if meant != event.key:
            event.stop()
            self.app.simulate_key(meant)

    def on_focus(self) -> None:
        """Choose what is in view, without moving anything: a tap may follow that means a row."""
        if self.selected is None and self._state.path:
            self.selected = self._last_in_view()
            self._place()

    def on_blur(self) -> None:
        self.selected = self._tapped = None
        self._place()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(int(self.app.scroll_sensitivity_y))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-int(self.app.scroll_sensitivity_y))

    def on_click(self, event: events.Click) -> None:
        place = self._places[event.y] if event.y < len(self._places) else None
        if place is None or self._look is None:
            return
        index, row = place
        again, self._tapped = self._tapped == self.selected == index, index
        self.choose(index)
        entry = self._entry(index)
        if row == 0 and self._look.wide and entry.versions > 1:
            right = self._margin() + self._look.width
            left = right - cell_len(head_meta(entry))
            if left <= event.x < right:
                self.post_message(self.VersionTapped(index, -1 if event.x < left + 4 else 1))
                return
        if again:
            self.post_message(self.Opened())

    # ------------------------------------------------------------------ layout

    def on_resize(self) -> None:
        self._restyle()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted and self.size.width:
            self.call_next(self._restyle)                # the styles of the parts are set after those of the whole

    def _restyle(self) -> None:
        def style(part: str) -> Style:
            return self.get_component_rich_style(f"transcript--{part}", partial=True)

        wide = self.size.width >= 60
        width = min(MEASURE, self.size.width - 4) if wide else self.size.width
        base = self.rich_style + style("text")
        self._look = Look(
            width, wide, base, {r: base + style(r) for r in ("assistant", "user", "system")}, style("speech"),
            style("action"), style("strong"), style("code"), style("mark"), base + style("meta"),
            base + style("chosen"),
        )
        self._place()

    def _entry(self, index: int) -> Entry:
        entry = self._entries.get(index)
        if entry is None:
            entry = self._entries[index] = self._state.entry(index)
        return entry

    def _message(self, index: int) -> Laid:
        assert self._look is not None
        entry = self._entry(index)
        laid = self._laid.setdefault(entry.id, Laid())
        self._laid.move_to_end(entry.id)
        while len(self._laid) > _KEPT:
            self._laid.popitem(last=False)
        lay_out(entry, self._look, laid, chosen=index == self.selected, unfolded=entry.id in self._unfolded)
        if not laid.whole and not self._more:
            self._more = True
            self.set_timer(_SOON, self._lay_out_more)
        return laid

    def _lay_out_more(self) -> None:
        """The next part of a very long message."""
        self._more = False
        self._place()

    def _tail_rows(self) -> list[Strip]:
        text, alarm = self._tail
        if not text or self._look is None:
            return []
        part = "alarm" if alarm else "meta"
        style = self._look.base + self.get_component_rich_style(f"transcript--{part}", partial=True)
        blank = Segment(" " * self._look.indent, self._look.base)
        return [
            Strip([blank, Segment(line[a:b], style)])
            for line in text.split("\n") for a, b in wrap(line, self._look.text_width)
        ]

    def _height(self, index: int) -> int:
        """Rows of item `index` with the blank one below; the tail is the item behind the last message."""
        count = len(self._state.path)
        if index < count:
            return self._message(index).height + 1
        return len(self._tail_rows()) + 1 if self._tail[0] else 0

    def _items(self) -> int:
        return len(self._state.path) + (1 if self._tail[0] else 0)

    def _walk(self, place: tuple[int, int], rows: int) -> tuple[int, int]:
        """The place `rows` further down (or up), not beyond the first or the last row."""
        index, row = place
        row += rows
        while row < 0 and index > 0:
            index -= 1
            row += self._height(index)
        while index < self._items() - 1 and row >= (height := self._height(index)):
            row -= height
            index += 1
        return index, max(0, row)

    def _end_top(self, spare: int = 0) -> tuple[int, int]:
        """The place at the top when the last row stands at the bottom (`spare` rows above it)."""
        last = self._items() - 1
        if last < 0:
            return 0, 0
        return self._walk((last, self._height(last) - 2), -(self.size.height - 1 - spare))

    def _place(self, *, may_follow: bool = False) -> None:
        """Find what stands in each row of the window, and repaint the rows that differ from what is shown."""
        if self._look is None or not self.size.height:
            return
        end = self._end_top()
        if self._follow:
            self._top = self._followed(end)
        elif self._top >= end:
            self._top = end
            self._follow = may_follow or self._follow
        was_unseen = self.unseen
        self.unseen = not self._follow and self._top < end and (was_unseen or self._state.writing)
        count = len(self._state.path)
        self._anchor_id = self._state.path[self._top[0]].id if self._top[0] < count else None
        self._paint()
        if was_unseen != self.unseen:
            self.post_message(self.Scrolled())

    def _followed(self, end: tuple[int, int]) -> tuple[int, int]:
        """Where the view goes to keep the end in sight; over a slow line it goes in steps of several rows."""
        if self._jump <= 1:
            return end
        stepped = self._end_top(min(self._jump, self.size.height // 2))
        if end <= self._top <= stepped:
            return self._top
        return stepped if self._state.writing or self._top > stepped else end

    def _paint(self) -> None:
        rows: list[Strip] = []
        places: list[tuple[int, int] | None] = []
        (index, row), height, count = self._top, self.size.height, len(self._state.path)
        while len(rows) < height and index < self._items():
            if index < count:
                laid = self._message(index)
                for number in range(row, min(laid.height, row + height - len(rows))):
                    rows.append(laid.strip(number))
                    places.append((index, number))
            else:
                tail = self._tail_rows()[row:]
                rows += tail
                places += [None] * len(tail)
            rows.append(_BLANK)
            places.append(None)
            index, row = index + 1, 0
        rows = rows[:height] + [_BLANK] * (height - len(rows))
        self._places = places[:height]
        changed = [y for y in range(height) if y >= len(self._rows) or self._rows[y] != rows[y]]
        whole = len(self._rows) != height or len(changed) > height // 2
        before, self._rows = self._rows, rows
        if whole:
            self.refresh()
        elif changed:
            self.refresh(*(self._difference(y, before[y], rows[y]) for y in changed))

    def _difference(self, y: int, before: Strip, after: Strip) -> Region:
        """The part of row `y` that has to be sent: what both have in common at the left stays."""
        same = 0
        for old, new in zip(before, after, strict=False):
            if old == new:
                same += old.cell_length
                continue
            if old.style == new.style and new.text.startswith(old.text):
                same += old.cell_length
            break
        left = self._margin() + same
        return Region(left, y, max(1, self.size.width - left), 1)

    def _margin(self) -> int:
        return (self.size.width - self._look.width) // 2 if self._look is not None and self._look.wide else 0

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self._look.base if self._look is not None else self.rich_style
        if y >= len(self._rows):
            return Strip.blank(width, base)
        margin = self._margin()
        strip = Strip([Segment(" " * margin, base), *self._rows[y]]) if margin else self._rows[y]
        return strip.adjust_cell_length(width, base)

    # ------------------------------------------------------------------ what is in view

    def _in_view(self, index: int) -> bool:
        return any(place is not None and place[0] == index for place in self._places)

    def _first_in_view(self) -> int:
        heads = [p[0] for p in self._places if p is not None and p[1] == 0]
        return heads[0] if heads else min(self._top[0], max(0, len(self._state.path) - 1))

    def _last_in_view(self) -> int:
        shown = [p[0] for p in self._places if p is not None]
        return shown[-1] if shown else max(0, len(self._state.path) - 1)

    def _reads_on(self, step: int) -> bool:
        """Whether the chosen message goes on beyond the edge of the view that `step` leads to."""
        assert self.selected is not None
        rows = [p[1] for p in self._places if p is not None and p[0] == self.selected]
        if not rows:
            return False
        return rows[-1] < self._height(self.selected) - 2 if step > 0 else rows[0] > 0

    def _reveal(self, index: int) -> None:
        """Move as little as needed so that message `index` can be read from its beginning."""
        rows = [y for y, p in enumerate(self._places) if p is not None and p[0] == index]
        height = self._height(index) - 1
        if rows and self._places[rows[0]] == (index, 0) and (len(rows) == height or height > self.size.height):
            return
        self._follow = False
        if rows and self._places[rows[0]] == (index, 0):
            self._top = self._walk(self._top, height - len(rows))
        elif self._below_view(index):
            self._top = self._walk((index, 0), min(0, height - self.size.height))
        else:
            self._top = (index, 0)

    def _below_view(self, index: int) -> bool:
        return index > self._top[0]


_BLANK = Strip([])
