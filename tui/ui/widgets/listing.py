"""Lines to choose from: a title, a detail at the right, a note below. Keyboard, wheel and tap alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.visual import Visual
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.domain.cleantext import clean, clean_line
from tui.ui.layouts import to_latin

_FAINT = "dim"
#: Rows of the screen from which on a blank line stands above a heading.
_AIRY = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a listing. `id` "" makes a heading, which cannot be chosen. `note` stands below, on one line, or
    wrapped where `wrap` says so. `mark` is a sign before the title (● in use, ! broken). `words` are not shown: what is
    typed is looked for in them first. `colour` is a colour of the theme for sign and title. All texts are cleaned."""

    id: str
    title: str
    detail: str = ""
    note: str = ""
    mark: str = ""
    wrap: bool = False
    faint: bool = False
    words: str = ""
    colour: str = ""


def draw_line(line: Line, width: int, marks: bool = False) -> Content:
    """A line as it stands in a list of `width` cells. With `marks`, room is kept for the sign before the title."""
    width = max(10, width)
    title, detail = clean_line(line.title, 400), clean_line(line.detail, 200)
    if not line.id:
        return Content.styled(title, f"bold {_FAINT}").truncate(width, ellipsis=True)
    indent = "  " if marks else ""
    lead = f"{clean_line(line.mark, 1) or ' '} " if marks else ""
    note = clean(line.note).strip() if line.wrap else clean_line(line.note, 400)
    if detail and cell_len(lead + title) + cell_len(detail) + 2 > width:
        note, detail = (f"{detail} · {note}" if note else detail), ""
    style = line.colour or (_FAINT if line.faint else "")
    if line.wrap and not detail:
        parts = [_wrapped(title, width, Content.styled(lead, line.colour), indent, style)]
    else:
        room = width - (cell_len(detail) + 2 if detail else 0)
        first = Content.assemble((lead, line.colour), (title, style)).truncate(room, ellipsis=True)
        if detail:
            first = first.pad_right(width - first.cell_length - cell_len(detail)) + Content.styled(detail, _FAINT)
        parts = [first]
    if note and line.wrap:
        parts.append(_wrapped(note, width, indent + "  ", indent + "  ", _FAINT))
    elif note:
        parts.append(Content.styled(f"{indent}  {note}", _FAINT).truncate(width, ellipsis=True))
    return Content("\n").join(parts)


def _wrapped(text: str, width: int, first: str | Content, others: str, style: str) -> Content:
    """`text` in as many rows as it needs, the first begun by `first`, the others by `others`."""
    lead = Content(first) if isinstance(first, str) else first
    room = max(8, width - max(lead.cell_length, cell_len(others)))
    rows = [row.rstrip() for part in text.split("\n") for row in Content.styled(part, style).wrap(room)]
    return Content("\n").join(Content.assemble(others if n else lead, row) for n, row in enumerate(rows))


#: Lines that are drawn at one go, and seconds until the next: a hundred lines take some 30 ms.
_AT_ONCE, _SOON = 60, 0.005


class Listing(OptionList):
    """A list of `Line`s, drawn for the width there is."""

    DEFAULT_CSS = """
    Listing, Listing:focus {
        height: 1fr; border: none; padding: 0 1; background: transparent; background-tint: transparent;
        scrollbar-size-vertical: 0; overflow-y: auto;
        & > .option-list--option { padding: 0; }
        & > .option-list--option-disabled { color: $text-muted; }
    }
    """

    def __init__(self, lines: Iterable[Line] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._lines_shown: tuple[Line, ...] = tuple(lines)
        self._drawn_for = 0
        self._draws = 0
        self._wanted: int | None = None           # where the cursor is to be once so many lines are drawn

    @property
    def lines(self) -> Sequence[Line]:
        """What is listed now."""
        return self._lines_shown

    @property
    def chosen(self) -> Line | None:
        """The line under the cursor."""
        at = self.highlighted
        return self._lines_shown[at] if at is not None and at < len(self._lines_shown) else None

    def show(self, lines: Iterable[Line], *, keep: bool = True) -> None:
        """List other lines. With `keep`, the cursor stays on the line with the same id, or near it."""
        before, at = self.chosen, self.highlighted
        self._lines_shown = tuple(lines)
        self._draw()
        self._go(self._place(before.id if before is not None else "", at or 0) if keep else self._place("", 0))

    def go_to(self, line_id: str) -> None:
        """Put the cursor on the line of that id, if it is listed."""
        for index, line in enumerate(self._lines_shown):
            if line.id == line_id:
                self._go(index)
                return

    def _place(self, line_id: str, near: int) -> int | None:
        choosable = [i for i, line in enumerate(self._lines_shown) if line.id]
        if not choosable:
            return None
        if line_id:
            for index in choosable:
                if self._lines_shown[index].id == line_id:
                    return index
        return min(choosable, key=lambda i: abs(i - near))

    def _draw(self) -> None:
        self._drawn_for = self.scrollable_content_region.width or self.size.width
        marks = any(line.mark for line in self._lines_shown)
        width = self._drawn_for or 80
        airy = self.app.size.height >= _AIRY
        self._draws += 1
        options = (
            Option(
                ("\n" if airy and number and not line.id else "") + draw_line(line, width, marks), disabled=not line.id
            )
            for number, line in enumerate(self._lines_shown)
        )
        if len(self._lines_shown) <= _AT_ONCE or not self.is_running:
            self.set_options(options)
            return
        self.set_options(islice(options, _AT_ONCE))
        draw = self._draws
        self.set_timer(_SOON, lambda: self._draw_on(options, draw))

    def _draw_on(self, options: Iterator[Option], draw: int) -> None:
        """The rest of a long list, by and by: drawing thousands of lines takes half a second."""
        if draw != self._draws or not self.is_attached or not (some := list(islice(options, _AT_ONCE))):
            return
        self.add_options(some)
        if self._wanted is not None and self._wanted < self.option_count:
            self.highlighted, self._wanted = self._wanted, None
        self.set_timer(_SOON, lambda: self._draw_on(options, draw))

    def _go(self, at: int | None) -> None:
        """Put the cursor on a line, as soon as it is drawn."""
        self._wanted = at if at is not None and at >= self.option_count else None
        self.highlighted = at if self._wanted is None else self.option_count - 1

    def _get_visual(self, option: Option) -> Visual:
        """Under the cursor a line has the cursor's own ink: an accent could not be read on it."""
        drawn, at = super()._get_visual(option), self.highlighted
        if isinstance(drawn, Content) and at is not None and self.options[at] is option:
            return Content(drawn.plain, [span for span in drawn.spans if not str(span.style).startswith("$")])
        return drawn

    def on_mount(self) -> None:
        self._draw()
        self._go(self._place("", 0))

    def on_resize(self) -> None:
        if (self.scrollable_content_region.width or self.size.width) != self._drawn_for:
            at = self.highlighted
            self._draw()
            self._go(at)

    def on_key(self, event: events.Key) -> None:
        """`j` and `k` walk too, in either layout."""
        if event.character and (letter := to_latin(event.character)) in ("j", "k"):
            event.stop()
            self.action_cursor_down() if letter == "j" else self.action_cursor_up()
