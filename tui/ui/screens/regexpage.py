"""Regex scripts: which there are, which are on, and what they make of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.i18n import tr
from tui.ui.host import host
from tui.ui.screens.confirm import ask_line, confirm
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.screens.reading import Reading
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import BROKEN, IN_USE, UNUSED


class RegexPage(Page):
    """Scripts of files first, then those that the character brings."""

    BINDINGS = [  # noqa: RUF012
        Binding("t", "try", "Try", show=False), Binding("a", "allow", "Allow", show=False),
        Binding("v", "view", "View", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: Mapping[str, Any] = {}

    def heading(self) -> str:
        return tr("Regex scripts")

    def hints(self) -> Sequence[Hint]:
        own = [Hint("A", tr("allow the card's"), "allow")] if self._of_card() else []
        return (
            Hint("Enter", tr("on, off"), "choose"), Hint("T", tr("try on a text"), "try"),
            Hint("V", tr("show"), "view"), *own, self.back_hint(),
        )

    def body(self) -> ComposeResult:
        yield Listing(id="list")

    async def load(self) -> None:
        chat = host(self.app).state.chat
        self._told = await self.call("regex.list", chat=chat.id if chat is not None else "")
        self.query_one(Listing).show(self._lines())
        self.redraw_hints()
        if problems := [notice_text(p) for p in self._told["problems"]]:
            self.say(" ".join(problems), problem=True)

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "regex":
            self.start(self.load())

    def action_choose(self) -> None:
        self.start(self._switch())

    @on(OptionList.OptionSelected)
    def _selected(self, _: OptionList.OptionSelected) -> None:
        self.action_choose()

    def action_try(self) -> None:
        self.start(self._try())

    def action_allow(self) -> None:
        self.start(self._allow())

    def action_view(self) -> None:
        script = self._script()
        if script is not None:
            rows = [f"{tr(label)}\n{text}\n" for label, text in _facts(script) if text]
            self.app.push_screen(Reading(str(script["scriptName"]), "\n".join(rows)))

    async def _switch(self) -> None:
        script, chat = self._script(), host(self.app).state.chat
        if script is None:
            return
        if script["scope"] == "card" and not self._told["allowed"]:
            await self._allow()
            return
        await self.call(
            "regex.switch", id=script["id"], value=bool(script["disabled"]), chat=chat.id if chat is not None else ""
        )

    async def _allow(self) -> None:
        chat = host(self.app).state.chat
        if chat is None or not self._of_card():
            return
        if self._told["allowed"]:
            await self.call("regex.allow", chat=chat.id, value=False)
            return
        detail = tr("They change what is written, shown or sent in the chats of this character. V shows each of them.")
        if await confirm(self.app, tr("Let the scripts of this card run?"), detail, tr("Let them run")):
            await self.call("regex.allow", chat=chat.id, value=True)

    async def _try(self) -> None:
        text = await ask_line(self.app, tr("A text to try the script on"))
        script, chat = self._script(), host(self.app).state.chat
        if not text or script is None:
            return
        got = await self.call("regex.test", text=text, id=script["id"], chat=chat.id if chat is not None else "")
        troubles = " ".join(notice_text(t) for t in got["troubles"].values())
        self.say(troubles or str(got["text"]), problem=bool(troubles))

    def _of_card(self) -> list[Mapping[str, Any]]:
        return [s for s in self._told.get("scripts", ()) if s["scope"] == "card"]

    def _script(self) -> Mapping[str, Any] | None:
        line = self.query_one(Listing).chosen
        return next((s for s in self._told.get("scripts", ()) if line is not None and s["id"] == line.id), None)

    def _lines(self) -> list[Line]:
        scripts = self._told["scripts"]
        everywhere = [s for s in scripts if s["scope"] == "all"]
        lines = [Line("", tr("For all chats")), *map(self._line, everywhere)] if everywhere else []
        if own := self._of_card():
            head = tr("Of this character") if self._told["allowed"] else tr("Of this character (not allowed)")
            lines += [Line("", head), *map(self._line, own)]
        if not lines:
            folder = self._told["folder"]
            note = tr("Put SillyTavern's files into {folder}, or take them in with /import.", folder=folder)
            lines = [Line("none", tr("There are no regex scripts."), note=note, wrap=True, faint=True)]
        return lines

    def _line(self, script: Mapping[str, Any]) -> Line:
        allowed = script["scope"] == "all" or self._told["allowed"]
        mark = BROKEN if not script["findRegex"] else IN_USE if allowed and not script["disabled"] else UNUSED
        return Line(
            str(script["id"]), str(script["scriptName"]), detail=_deed(script), note=str(script["findRegex"]),
            mark=mark, faint=bool(script["disabled"]) or not allowed,
        )


def _deed(script: Mapping[str, Any]) -> str:
    """What a script changes: the text itself, or what is shown or sent."""
    parts = [tr("shown")] if script["markdownOnly"] else []
    parts += [tr("sent")] if script["promptOnly"] else []
    return " · ".join(parts) or tr("changed for good")


def _facts(script: Mapping[str, Any]) -> list[tuple[str, str]]:
    places = {1: tr("what I say"), 2: tr("replies"), 3: tr("commands"), 5: tr("lore"), 6: tr("thoughts")}
    return [
        (tr("Finds"), str(script["findRegex"])), (tr("Puts in its place"), str(script["replaceString"])),
        (tr("In"), ", ".join(places[p] for p in script["placement"])), (tr("Does"), _deed(script)),
    ]
