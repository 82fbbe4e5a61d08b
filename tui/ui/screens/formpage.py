"""A screen that is a form: choosing a line asks for its value and sets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.widgets import OptionList

from tui.i18n import tr
from tui.ui.screens.confirm import ask_line, choose
from tui.ui.screens.page import Hint, Page
from tui.ui.screens.reading import ask_text
from tui.ui.widgets.form import Field, Form


class FormPage(Page):
    """One field a line. Below: what a kind of form must say for itself."""

    def fields(self) -> Sequence[Field | str]:
        """The fields as they now are; a text is a heading."""
        return ()

    async def change(self, item: Field, value: str) -> None:
        """Set a field. Raises TraktirError, which is shown."""

    async def act(self, item: Field) -> None:
        """Do what a field of kind `action` stands for."""

    async def fetch(self) -> None:
        """Ask the core for what the fields show."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """What a field of the chat now holds arrives as an event, after the call that set it."""
        if event.get("type") == "chat":
            self.refill()

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("change"), "choose"), self.back_hint())

    def body(self) -> ComposeResult:
        yield Form()

    async def load(self) -> None:
        self.form.focus()
        await self.fetch()
        self.refill()

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    def refill(self) -> None:
        """Draw the fields again, the cursor where it was."""
        self.form.fill(self.fields())

    def action_choose(self) -> None:
        self.form.action_select()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (line := self.form.chosen) is not None:
            self.say("")
            self.start(self._edit(self.form.field(line.id)), once="edit")

    async def _edit(self, item: Field) -> None:
        if item.kind == "action":
            await self.act(item)
        elif (value := await self._ask(item)) is not None and value != item.value:
            await self.change(item, value)
        self.refill()

    async def _ask(self, item: Field) -> str | None:
        if item.kind == "choice":
            return await choose(self.app, item.label, item.choices, item.hint)
        if item.kind == "text":
            return await ask_text(self.app, item.label, item.value, item.hint)
        return await ask_line(self.app, item.label, item.value, item.hint)
