"""What all screens but the chat share: a line to go back by, a place for sentences, a line of keys."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from tui.domain.cleantext import clean, clean_line
from tui.domain.errors import TraktirError
from tui.domain.notice import Notice
from tui.i18n import tr, tr_notice
from tui.ui.host import link
from tui.ui.layouts import to_latin


def sentence(error: TraktirError) -> str:
    """An error as a person reads it: what happened, and what to do."""
    parts = [tr_notice(error.what)] + ([tr_notice(error.remedy)] if error.remedy else [])
    return clean(" ".join(parts))


def notice_text(value: Any) -> str:
    """A notice that came over the wire (or none) as text."""
    return clean(tr_notice(Notice.from_json(value))) if isinstance(value, Mapping) and value.get("id") else ""


@dataclass(frozen=True, slots=True)
class Hint:
    """A key, what it does, and the action that a tap on it runs."""

    key: str
    label: str
    action: str


class HintLine(Static):
    """One line of keys at the bottom; every one can be tapped. What does not fit is left out whole."""

    DEFAULT_CSS = """
    HintLine { height: 1; padding: 0 1; link-style: none; link-style-hover: reverse; }
    """

    def __init__(self, hints: Sequence[Hint]) -> None:
        super().__init__(markup=False)
        self._hints = tuple(hints)

    def show(self, hints: Sequence[Hint]) -> None:
        self._hints = tuple(hints)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        gap = Content("   ")
        self.update(gap.join(_draw_hint(hint) for hint in fitting(self._hints, max(10, self.content_size.width), 3)))


def fitting(hints: Sequence[Hint], width: int, gap: int) -> list[Hint]:
    """The hints that fit into `width` cells with `gap` between them: the way back before the others, then in order."""
    ranked = sorted(hints, key=lambda hint: 0 if hint.action == "back" else 1)
    kept: list[Hint] = []
    room = width + gap
    for hint in ranked:
        needed = _draw_hint(hint).cell_length + gap
        if needed <= room:
            kept.append(hint)
            room -= needed
    return [hint for hint in hints if hint in kept]


def _draw_hint(hint: Hint) -> Content:
    style = Style.from_meta({"@click": f"screen.{hint.action}"})
    return Content.assemble((hint.key, "bold"), " ", (hint.label, "dim")).stylize(style)


class HeadLine(Static):
    """`‹ Heading` at the left, which a tap goes back by, and a word at the right."""

    DEFAULT_CSS = """
    HeadLine { height: 1; padding: 0 1; link-style: none; link-style-hover: reverse; }
    """

    def __init__(self, heading: str) -> None:
        super().__init__(markup=False)
        self._heading, self._detail = heading, ""

    def show(self, heading: str, detail: str = "") -> None:
        self._heading, self._detail = heading, detail
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = max(10, self.content_size.width)
        left = Content.assemble(("‹ ", "dim"), (clean_line(self._heading, 200), "bold"))
        detail = clean_line(self._detail, 100)
        while detail and left.cell_length + cell_len(detail) + 2 > width:
            detail = detail.rpartition(" · ")[0]  # the most important part stands first
        left = left.truncate(width - cell_len(detail), ellipsis=True)
        left = left.stylize(Style.from_meta({"@click": "screen.back"}))
        self.update(left.pad_right(width - left.cell_length - cell_len(detail)) + Content.styled(detail, "dim"))


class Page(Screen[Any]):
    """A full screen with a heading. Errors of the core become sentences in it; Esc, Ctrl+G, the left arrow (when
    nothing is being typed), `q` and a tap on the heading close it."""

    CSS_PATH = "screens.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (100, "-wide")]  # noqa: RUF012 (Textual's own form)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]  # noqa: RUF012
    BINDINGS = [Binding("escape,ctrl+g", "back", "Back", id="page.back", show=False)]  # noqa: RUF012

    def heading(self) -> str:
        """What the top line says."""
        return ""

    def hints(self) -> Sequence[Hint]:
        """The keys of the bottom line, most important first."""
        return (self.back_hint(),)

    def tabs(self) -> ComposeResult:
        """What stands between the heading and a sentence, and stays where it is when there is one."""
        yield from ()

    def body(self) -> ComposeResult:
        """What stands between the top and the bottom line."""
        yield from ()

    async def load(self) -> None:
        """Fetch what is shown. Runs when the screen opens; may raise TraktirError."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the core arrived while this screen is in front."""

    def core_event(self, event: Mapping[str, Any]) -> None:
        """For the app: pass on an event, once the screen stands."""
        if self.is_mounted and self.is_attached:
            self.hear(event)

    @staticmethod
    def back_hint() -> Hint:
        return Hint("Esc", tr("back"), "back")

    def compose(self) -> ComposeResult:
        yield HeadLine(self.heading())
        yield from self.tabs()
        yield Static(id="sentence", markup=False)
        yield from self.body()
        yield HintLine(self.hints())

    def on_mount(self) -> None:
        self.start(self.load())

    def start(self, work: Coroutine[Any, Any, None], once: str = "") -> None:
        """Run something that may wait; an error of it is shown here as a sentence. Of works that are named the same
        with `once`, one runs at a time: a second press of a key, while the first shows nothing yet, is that press."""
        under_way = (w for w in self.workers if w.node is self and w.group == once and not w.is_finished)
        if once and any(under_way):
            work.close()
            return
        self.run_worker(self._guarded(work), group=once or "default", exit_on_error=True)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TraktirError as error:
            if self.is_attached:
                self.say(sentence(error), problem=True)
        except NoMatches:
            if self in self.app.screen_stack:  # else it was closed while it waited, and there is nothing left to show
                raise

    async def call(self, method: str, /, **params: Any) -> Any:
        """Ask the core. Raises TraktirError."""
        return await link(self.app).call(method, **params)

    def say(self, text: str, *, problem: bool = False) -> None:
        """A sentence below the heading; an empty one takes it away."""
        for line in self.query("#sentence").results(Static):
            line.update(Content(clean(text)))
            line.set_class(bool(text), "-shown")
            line.set_class(problem, "-problem")

    def head(self, detail: str = "") -> None:
        """Draw the top line again, with a word at its right."""
        self.query_one(HeadLine).show(self.heading(), detail)

    def redraw_hints(self) -> None:
        self.query_one(HintLine).show(self.hints())

    def typing(self) -> bool:
        """Whether letters now go into a field."""
        focused: Widget | None = self.focused
        return isinstance(focused, (Input, TextArea))

    def action_back(self) -> None:
        self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        """Where nothing is typed, letters are keys in any layout."""
        if self.typing():
            return
        letter = to_latin(event.character) if event.character else ""
        if event.key == "left" or letter == "q":
            event.stop()
            self.action_back()
        elif letter and letter != event.character:
            for binding in self._bindings.key_to_bindings.get(letter, ()):
                event.stop()
                self.run_worker(self.run_action(binding.action), exit_on_error=True)
                return
