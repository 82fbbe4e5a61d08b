"""Ctrl+P: everything that can be done, found by a few letters in any keyboard layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.binding import Binding

from tui.i18n import tr
from tui.ui.commands import COMMANDS, Command, name_of
from tui.ui.host import host
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.library_lines import chat_lines
from tui.ui.screens.page import Hint
from tui.ui.widgets.listing import Line


class Palette(ChoicePage):
    """Commands, then chats. A command that needs more than its name is put into the composer, to be gone on with."""

    BINDINGS = [Binding("ctrl+p", "back", id="palette.close", show=False)]  # noqa: RUF012

    def heading(self) -> str:
        return tr("What would you like to do?")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("do it"), "choose"), self.back_hint())

    async def load(self) -> None:
        self.focus_search()
        self.picker.show(command_lines())
        chats: list[Mapping[str, Any]] = (await self.call("chats.list", limit=200))["chats"]
        self.picker.show([*command_lines(), *chat_lines(chats, tr("Chats"))])

    def chosen(self, line: Line) -> None:
        kind, _, rest = line.id.partition(":")
        if kind == "chat":
            self.start(self._open(rest))
            return
        command = next(c for c in COMMANDS if c.name == rest)
        self.dismiss(None)
        if needs_more(command):
            host(self.app).compose_line(f"/{name_of(command)} ")
        else:
            host(self.app).run_command(f"/{command.name}")

    async def _open(self, chat_id: str) -> None:
        await host(self.app).actions.open_chat(chat_id)
        self.dismiss(None)


def needs_more(command: Command) -> bool:
    """Whether a command says nothing without its arguments."""
    return bool(command.takes) and not command.takes.startswith("[")


def command_lines() -> list[Line]:
    """Every command by what it does; all its names are searched."""
    lines = []
    for command in COMMANDS:
        names = " ".join((command.name, *command.aliases))
        shown = f"/{name_of(command)}"
        lines.append(Line(f"command:{command.name}", tr(command.help), shown, words=names, wrap=True))
    return [Line("", tr("Commands")), *lines]
