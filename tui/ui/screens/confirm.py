"""Small questions: yes or no, one line, one of several. The safe answer is under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tui.domain.cleantext import clean, clean_line
from tui.i18n import tr
from tui.ui.layouts import to_latin
from tui.ui.widgets.listing import Line, Listing


class Dialog(ModalScreen[Any]):
    """A question at the lower edge, above whatever was there. Esc, Ctrl+G and the left arrow answer nothing."""

    CSS_PATH = "screens.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (100, "-wide")]  # noqa: RUF012 (Textual's own form)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]  # noqa: RUF012
    BINDINGS = [Binding("escape,ctrl+g", "nothing", show=False)]  # noqa: RUF012

    def __init__(self, question: str, detail: str = "") -> None:
        super().__init__()
        self._question, self._detail = clean(question), clean(detail)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Content(self._question), id="question", markup=False)
            if self._detail:
                yield Static(Content(self._detail), id="detail", markup=False)
            yield from self.answers()

    def answers(self) -> ComposeResult:
        yield from ()

    def action_nothing(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)


class Choose(Dialog):
    """One of several lines. A line's first letter chooses it when no other begins so, in either layout."""

    def __init__(self, question: str, choices: Sequence[tuple[str, str]], detail: str = "") -> None:
        super().__init__(question, detail)
        self._choices = tuple((key, clean_line(label, 200)) for key, label in choices)

    def answers(self) -> ComposeResult:
        yield Listing(Line(key, label) for key, label in self._choices)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index][0])

    def on_key(self, event: events.Key) -> None:
        if event.key == "left":
            event.stop()
            self.dismiss(None)
        elif event.character and event.character.isalpha() and (answer := self._by_letter(event.character)) is not None:
            event.stop()
            self.dismiss(answer)

    def _by_letter(self, character: str) -> str | None:
        for reading in (character.casefold(), to_latin(character.casefold())):
            found = [key for key, label in self._choices if to_latin(label.casefold()).startswith(to_latin(reading))]
            if len(found) == 1:
                return found[0]
        return None


class AskLine(Dialog):
    """One line of text. An empty answer is an answer; Esc is none."""

    def __init__(self, question: str, value: str = "", detail: str = "", *, secret: bool = False) -> None:
        super().__init__(question, detail)
        self._value, self._secret = value, secret

    def answers(self) -> ComposeResult:
        yield Input(self._value, compact=True, select_on_focus=False, password=self._secret)
        yield Listing([Line("ok", tr("OK")), Line("no", tr("Leave as it is"))])

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.query_one(Input).value if event.option_index == 0 else None)


async def confirm(app: App[Any], question: str, detail: str, yes: str) -> bool:
    """Whether the person agrees; `yes` names the deed ("Delete"). Call from a worker."""
    dialog = Choose(question, [("no", tr("Leave as it is")), ("yes", yes)], detail)
    return bool(await app.push_screen_wait(dialog) == "yes")


async def ask_line(app: App[Any], question: str, value: str = "", detail: str = "") -> str | None:
    """One line of text from the person; None when they would rather not. Call from a worker."""
    answer = await app.push_screen_wait(AskLine(question, value, detail))
    return answer if isinstance(answer, str) else None


async def ask_secret(app: App[Any], question: str, detail: str = "") -> str | None:
    """One line of text that nobody sees; None when they would rather not. Call from a worker."""
    answer = await app.push_screen_wait(AskLine(question, "", detail, secret=True))
    return answer if isinstance(answer, str) else None


async def choose(app: App[Any], question: str, choices: Sequence[tuple[str, str]], detail: str = "") -> str | None:
    """The key of the line chosen, or None. Call from a worker."""
    answer = await app.push_screen_wait(Choose(question, choices, detail))
    return answer if isinstance(answer, str) else None
