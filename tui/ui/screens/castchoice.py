"""Choosing characters of the library: one who joins a group, or several for a new one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tui.i18n import tr
from tui.ui.host import host
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.library_lines import character_lines
from tui.ui.screens.page import Hint
from tui.ui.widgets.listing import Line
from tui.ui.words import IN_USE
from tui.wire.ids import new_id

_BEGIN = "begin"


class JoinChoice(ChoicePage):
    """One character; Enter gives their id back."""

    def __init__(self, present: Collection[str]) -> None:
        super().__init__()
        self._present = present

    def heading(self) -> str:
        return tr("Who joins?")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("let them join"), "choose"), self.back_hint())

    async def load(self) -> None:
        self.focus_search()
        found = (await self.call("characters.list"))["characters"]
        self.picker.show(character_lines((c for c in found if c["id"] not in self._present), ""))

    def chosen(self, line: Line) -> None:
        self.dismiss(line.id.removeprefix("char:"))


class GroupChoice(ChoicePage):
    """Several characters for a new group chat: Enter takes one in or out, the first line begins."""

    def __init__(self) -> None:
        super().__init__()
        self._characters: Sequence[Mapping[str, Any]] = ()
        self._chosen: list[str] = []

    def heading(self) -> str:
        return tr("A new group: who is in it?")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("in, out"), "choose"), self.back_hint())

    async def load(self) -> None:
        self.focus_search()
        self._characters = [c for c in (await self.call("characters.list"))["characters"] if not c.get("problem")]
        self._draw()

    def _draw(self) -> None:
        names = {str(c["id"]): str(c.get("name") or c["id"]) for c in self._characters}
        said = ", ".join(names[c] for c in self._chosen)
        first = [Line(_BEGIN, tr("Begin with {names}", names=said), wrap=True)] if self._chosen else []
        marked = [
            Line(line.id, line.title, line.detail, line.note, IN_USE, words=line.words)
            if line.id.removeprefix("char:") in self._chosen else line
            for line in character_lines(self._characters, "")
        ]
        self.picker.show([*first, *marked])
        self.head(tr("{n} chosen", n=len(self._chosen)) if self._chosen else "")

    def chosen(self, line: Line) -> None:
        if line.id == _BEGIN:
            self.start(self._begin())
            return
        member = line.id.removeprefix("char:")
        if member in self._chosen:
            self._chosen.remove(member)
        else:
            self._chosen.append(member)
        self.picker.clear_search()
        self._draw()

    async def _begin(self) -> None:
        chat = new_id()
        await self.call("cast.make", id=chat, members=self._chosen)
        await host(self.app).actions.open_chat(chat)
        self.dismiss(chat)
