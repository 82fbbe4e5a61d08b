"""Summaries: what stands in the prompt for messages of long ago. Made, read, edited, taken away, brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.domain.chat import Chat, Node, Summary, summary_applies
from tui.i18n import tr
from tui.ui.host import host, open_chat_of
from tui.ui.ranges import nodes_of, number_range, offered
from tui.ui.screens.confirm import ask_line, choose
from tui.ui.screens.page import Hint, Page
from tui.ui.screens.reading import ask_text
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import BROKEN, IN_USE
from tui.wire.ids import new_id


class MemoryPage(Page):
    """The summaries of the chat in front, those of other branches and removed ones below."""

    BINDINGS = [Binding("n", "make", id="memory.make", show=False)]  # noqa: RUF012

    def heading(self) -> str:
        return tr("Memory: summaries of this chat")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("what to do"), "choose"), Hint("n", tr("a new one"), "make"), self.back_hint())

    def body(self) -> ComposeResult:
        yield Listing()

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    async def load(self) -> None:
        self.listing.focus()
        self._draw()

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "summary":
            self._draw()
        elif event.get("type") == "turn" and event.get("state") == "summarising" and event.get("total"):
            self.head(f"{event.get('processed', 0)} / {event['total']}")

    def _path(self, chat: Chat) -> list[Node]:
        return chat.path(host(self.app).state.head)

    def _draw(self) -> None:
        chat = open_chat_of(self.app)
        lines = summary_lines(chat, self._path(chat))
        if not lines:
            self.say(
                tr(
                    "No summaries yet. One stands in the prompt for older messages, so that the model still "
                    "knows of them when they no longer fit. The messages themselves stay."
                )
            )
        self.listing.show([*self._offer(chat), *lines, Line("make", tr("Have the model write a new one…"))])
        self.head()

    def _offer(self, chat: Chat) -> list[Line]:
        """What the last turn offers: messages that no longer fit, or soon will not."""
        numbers = offered(host(self.app).state.turn, self._path(chat))
        if numbers is None:
            return []
        title = tr("Summarise messages {first} to {last} now", first=numbers[0], last=numbers[1])
        return [Line("offer", title, "", tr("They no longer fit into the prompt, or soon will not."), wrap=True)]

    def action_choose(self) -> None:
        self.listing.action_select()

    def action_make(self) -> None:
        self.start(self._make())

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (line := self.listing.chosen) is not None:
            made = {"make": self._make, "offer": self._make_offered}.get(line.id)
            self.start(made() if made is not None else self._what_to_do(line.id))

    async def _make(self) -> None:
        chat = open_chat_of(self.app)
        path = self._path(chat)
        typed = await ask_line(
            self.app,
            tr("Which messages shall be summarised?"),
            "",
            tr("Like 1..20, of {n}. Empty: all but the last four.", n=len(path)),
        )
        if typed is None:
            return
        await self._write(chat, *nodes_of(typed, path))

    async def _make_offered(self) -> None:
        offer = host(self.app).state.turn["offer"]
        await self._write(open_chat_of(self.app), str(offer["first"]), str(offer["last"]))

    async def _write(self, chat: Chat, first: str, last: str) -> None:
        self.say(tr("The model is writing the summary. You can go on meanwhile; it will be here."))
        await self.call("summary.make", chat=chat.id, id=new_id(), first=first, last=last)
        host(self.app).state.turn.pop("offer", None)
        self.say(tr("Done. Read it once: what is wrong here stays wrong in the story."))
        self._draw()

    async def _what_to_do(self, summary_id: str) -> None:
        chat = open_chat_of(self.app)
        summary = chat.summaries[summary_id]
        if summary.removed:
            await self.call("summary.restore", chat=chat.id, summary=summary_id)
            return
        deed = await choose(
            self.app, tr("This summary"), [("edit", tr("Read and edit")), ("remove", tr("Take it away"))]
        )
        if deed == "edit":
            text = await ask_text(self.app, tr("Summary"), summary.text)
            if text is not None and text.strip() != summary.text:
                await self.call("summary.edit", chat=chat.id, summary=summary_id, text=text.strip())
        elif deed == "remove":
            await self.call("summary.remove", chat=chat.id, summary=summary_id)


def summary_lines(chat: Chat, path: Sequence[Node]) -> list[Line]:
    """Summaries as lines: those in use by the order of what they cover, then the others."""
    found = sorted(chat.summaries.values(), key=lambda s: (s.removed, s.created_ms))
    return [_line(summary, path) for summary in found]


def _line(summary: Summary, path: Sequence[Node]) -> Line:
    numbers = number_range(summary.covers, path)
    title = (
        tr("Messages {first} to {last}", first=numbers[0], last=numbers[1])
        if numbers
        else tr("Messages of another branch")
    )
    applies = summary_applies(summary, path)
    state = (
        tr("taken away; Enter brings it back")
        if summary.removed
        else {"yes": "", "stale": tr("a message has changed since"), "no": tr("not in this branch")}[applies]
    )
    mark = IN_USE if applies == "yes" else BROKEN if applies == "stale" else ""
    return Line(summary.id, title, state, summary.text, mark=mark, wrap=not summary.removed, faint=summary.removed)
