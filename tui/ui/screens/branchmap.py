"""The map of a chat's branches: runs of messages, the ways aside of each fork before the way on; Enter goes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from textual import on
from textual.app import ComposeResult

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.host import host, open_chat_of
from tui.ui.screens.page import Hint, Page
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker
from tui.ui.words import IN_USE

if TYPE_CHECKING:
    from tui.ui.app import TraktirApp

Part = Literal["all", "marks"]

#: How far ways aside of ways aside are set in at most.
_DEEPEST = 8


class BranchMap(Page):
    """All branches, or (`marks`) the chapters and checkpoints alone."""

    def __init__(self, part: Part = "all") -> None:
        super().__init__()
        self._part: Part = part
        self._rows: list[Mapping[str, Any]] = []

    def heading(self) -> str:
        return tr("Branches") if self._part == "all" else tr("Places to come back to")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("go there"), "choose"), self.back_hint())

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search"))

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    async def load(self) -> None:
        self.picker.query_one("SearchBox").focus()
        state = host(self.app).state
        self._rows = (await self.call("chats.map", id=open_chat_of(self.app).id, head=state.head))["rows"]
        lines = row_lines(self._rows) if self._part == "all" else mark_lines(self._rows)
        self.picker.show(lines)
        here = next((line.id for line in lines if line.mark == IN_USE), None)
        if here is not None:
            self.picker.listing.go_to(here)            # of thousands of lines it is perhaps not drawn yet
        if not lines:
            self.say(tr("There is none yet: /checkpoint NAME makes one."))

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        self.start(self._go(event.line.id))

    @on(Picker.Back)
    def _back_asked(self) -> None:
        self.action_back()

    def action_choose(self) -> None:
        if (line := self.picker.listing.chosen) is not None:
            self.start(self._go(line.id))

    async def _go(self, node: str) -> None:
        chat, head = open_chat_of(self.app).id, host(self.app).state.head
        above = any(
            row["on_path"] and not row["here"] for row in self._rows if node == row["first"] or node in _marked(row)
        )
        leaf = head if above else (await self.call("chats.leaf", id=chat, node=node))["leaf"]
        await host(self.app).actions.open_chat(chat, leaf)
        story = cast("TraktirApp", self.app).chat
        story.set_focus(story.story)                   # the message that was gone to is the chosen one
        host(self.app).show_head(leaf, node)
        self.dismiss(node)


def row_lines(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The runs as lines of a list."""
    lines = []
    for row in rows:
        first, count = int(row["number"]), int(row["count"])
        numbers = f"#{first}" if count == 1 else f"#{first}–{first + count - 1}"
        depth = min(int(row["depth"]), _DEEPEST)
        aside = "  " * (depth - 1) + "├ " if depth else ""
        name, text = clean_line(str(row["name"]), 40), clean_line(str(row["text"]), 200)
        marks = "  ".join(f"⚑ {clean_line(str(mark[2]), 60)}" for mark in row["marks"])
        ways = f"‹{row['version']}/{row['versions']}›" if int(row["versions"]) > 1 else ""
        lines.append(Line(
            str(row["first"]), f"{aside}{numbers} {name}: {text}", ways, marks,
            mark=IN_USE if row["here"] else "", faint=not row["on_path"],
        ))
    return lines


def _marked(row: Mapping[str, Any]) -> list[str]:
    return [str(node) for node, _, _ in row["marks"]]


def mark_lines(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The chapters and checkpoints, each with the branch that it is in."""
    return [
        Line(
            str(node), clean_line(str(name), 100), tr("chapter") if kind == "chapter" else tr("checkpoint"),
            clean_line(str(row["text"]), 200), faint=not row["on_path"],
        )
        for row in rows for node, kind, name in row["marks"]
    ]
