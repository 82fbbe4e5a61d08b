"""Ctrl+P: everything that can be done, found by a few letters in any keyboard layout."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.commands import COMMANDS, Command
from tui.ui.host import host, link
from tui.ui.layouts import matches
from tui.ui.screens.help import runs_alone
from tui.ui.widgets.listing import Line, draw_line


class Commands(Provider):
    """The slash commands that need nothing more to be typed."""

    async def discover(self) -> Hits:
        for command in offered():
            yield DiscoveryHit(_shown(command), partial(self._run, command), command.name, None)

    async def search(self, query: str) -> Hits:
        for command in offered():
            names = " ".join((tr(command.help), command.name, *command.aliases))
            if (rank := matches(query, names)) is not None:
                yield Hit(1.0 - rank / 10, _shown(command), partial(self._run, command), command.name, None)

    def _run(self, command: Command) -> None:
        host(self.app).run_command(f"/{command.name}")


class Chats(Provider):
    """Chats by title and character. Asked from the core when the palette opens."""

    async def startup(self) -> None:
        found = await link(self.app).call("chats.list", limit=200)
        self._chats = [
            (
                str(c["id"]),
                clean_line(str(c.get("title") or c.get("name") or ""), 100),
                clean_line(str(c.get("last") or ""), 100),
            )
            for c in found["chats"]
        ]

    async def search(self, query: str) -> Hits:
        for chat_id, title, last in self._chats:
            if (rank := matches(query, title)) is not None:
                shown = draw_line(Line(chat_id, tr("Open the chat: {title}", title=title), "", last), 70)
                yield Hit(0.6 - rank / 10, shown, partial(self._open, chat_id), title, None)

    def _open(self, chat_id: str) -> None:
        self.app.run_worker(host(self.app).actions.open_chat(chat_id), exit_on_error=False)


def offered() -> Iterable[Command]:
    """What the palette lists."""
    return (command for command in COMMANDS if runs_alone(command) or command.name in ("undo", "redo", "quit"))


def _shown(command: Command) -> Content:
    return Content.assemble((tr(command.help), ""), ("  /" + command.name, "dim"))


#: For `App.COMMANDS`.
PROVIDERS: frozenset[type[Provider]] = frozenset({Commands, Chats})
