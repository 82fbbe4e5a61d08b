"""What the story remembers when messages no longer fit: pinned facts, summaries (and summaries of summaries), chapters,
documents, and what is recalled. Made, read, edited, taken away, brought back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.domain.chat import Chat, Node
from tui.domain.summaries import standing
from tui.i18n import tr
from tui.ui.host import host, open_chat_of
from tui.ui.ranges import nodes_of, offered
from tui.ui.remembering import add_document, go_to_message, pin_text, show_found
from tui.ui.screens.confirm import ask_line, choose
from tui.ui.screens.memory_lines import (
    chapter_lines,
    chapter_range,
    chapters,
    document_lines,
    pin_lines,
    summary_lines,
)
from tui.ui.screens.page import Hint, Page
from tui.ui.screens.reading import Reading, ask_text
from tui.ui.widgets.listing import Line, Listing
from tui.wire.ids import new_id


class MemoryPage(Page):
    """Everything remembered of the chat in front. `part` names the line that the cursor begins on."""

    BINDINGS = [  # noqa: RUF012 (Textual's own form)
        Binding("n", "make", id="memory.make", show=False),
        Binding("p", "pin", id="memory.pin", show=False),
        Binding("o", "originals", id="memory.originals", show=False),
        Binding("u", "unfold", id="memory.unfold", show=False),
        Binding("r", "redo", id="memory.redo", show=False),
        Binding("m", "fold", id="memory.fold", show=False),
        Binding("d", "document", id="memory.document", show=False),
    ]

    def __init__(self, part: str = "") -> None:
        super().__init__()
        self._part = part
        self._recall = True

    def heading(self) -> str:
        return tr("Memory of this chat")

    def hints(self) -> Sequence[Hint]:
        return (
            Hint("Enter", tr("what to do"), "choose"), Hint("n", tr("a new one"), "make"), self.back_hint(),
            Hint("p", tr("pin"), "pin"), Hint("u", tr("unfold"), "unfold"), Hint("o", tr("originals"), "originals"),
            Hint("r", tr("anew"), "redo"), Hint("m", tr("several in one"), "fold"),
            Hint("d", tr("document"), "document"),
        )

    def body(self) -> ComposeResult:
        yield Listing()

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    async def load(self) -> None:
        self.listing.focus()
        self._draw()
        self._recall = bool((await self.call("settings.get"))["settings"].get("recall", True))
        self._draw()
        if self._part:
            self.listing.go_to(self._part)

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") in ("summary", "chat", "node"):
            self._draw()
        elif event.get("type") == "turn" and event.get("state") == "summarising" and event.get("total"):
            self.head(f"{event.get('processed', 0)} / {event['total']}")

    def _path(self, chat: Chat) -> list[Node]:
        return chat.path(host(self.app).state.head)

    def _draw(self) -> None:
        chat = open_chat_of(self.app)
        path = self._path(chat)
        summaries = summary_lines(chat, path)
        if not summaries:
            self.say(
                tr(
                    "No summaries yet. One stands in the prompt for older messages, so that the model still "
                    "knows of them when they no longer fit. The messages themselves stay."
                )
            )
        told = chapter_lines(path)
        self.listing.show([
            *self._offer(chat), *summaries, Line("make", tr("Have the model write a new one…")),
            *([Line("fold", tr("Sum up several in one…"))] if self._foldable(chat, path) else []),
            Line("", tr("Pinned facts: in every prompt")), *pin_lines(chat),
            *([Line("", tr("Chapters")), *told] if told else []),
            Line("", tr("Documents: read from when they matter")), *document_lines(chat.fields.get("documents") or ()),
            Line("", tr("What left the prompt")),
            Line("recall", tr("Bring it back where it matters"), tr("on") if self._recall else tr("off")),
            Line("try", tr("Try what a text would bring back…")),
        ])
        self.head()

    def _offer(self, chat: Chat) -> list[Line]:
        """What the last turn offers: messages that no longer fit, or soon will not."""
        numbers = offered(host(self.app).state.turn, self._path(chat))
        if numbers is None:
            return []
        title = tr("Summarise messages {first} to {last} now", first=numbers[0], last=numbers[1])
        return [Line("offer", title, "", tr("They no longer fit into the prompt, or soon will not."), wrap=True)]

    @staticmethod
    def _foldable(chat: Chat, path: Sequence[Node]) -> bool:
        return len(standing(chat.summaries.values(), path)) > 1

    # ------------------------------------------------------------------ what the keys do

    def action_choose(self) -> None:
        self.listing.action_select()

    def action_make(self) -> None:
        self.start(self._make())

    def action_pin(self) -> None:
        self.start(self._pin())

    def action_document(self) -> None:
        self.start(self._add_document())

    def action_fold(self) -> None:
        self.start(self._fold())

    def action_unfold(self) -> None:
        """Take the summary under the cursor away, so that what it stands for counts again; or bring it back."""
        if (summary := self._summary()) is not None:
            self.start(self._mark(summary))

    def action_originals(self) -> None:
        if (summary := self._summary()) is not None:
            self.start(self._originals(summary))

    def action_redo(self) -> None:
        if (summary := self._summary()) is not None:
            self.start(self._redo(summary))

    def _summary(self) -> str | None:
        """The summary under the cursor."""
        line = self.listing.chosen
        return line.id if line is not None and line.id in open_chat_of(self.app).summaries else None

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (line := self.listing.chosen) is None:
            return
        kind, _, name = line.id.partition(":")
        plain: dict[str, Callable[[], Awaitable[None]]] = {
            "make": self._make, "offer": self._make_offered, "fold": self._fold, "pin": self._pin,
            "document": self._add_document, "recall": self._switch, "try": self._try,
        }
        named: dict[str, Callable[[str], Awaitable[None]]] = {
            "pin": self._what_to_do_with_pin, "chapter": self._what_to_do_with_chapter,
            "document": self._what_to_do_with_document,
        }
        self.start(self._do(named[kind](name) if name else plain.get(kind, lambda: self._what_to_do(line.id))()))

    @staticmethod
    async def _do(deed: Awaitable[None]) -> None:
        await deed

    # ------------------------------------------------------------------ summaries

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
        await self._written("summary.make", chat=chat.id, id=new_id(), first=first, last=last)
        host(self.app).state.turn.pop("offer", None)
        self._draw()

    async def _redo(self, summary: str) -> None:
        await self._written("summary.redo", chat=open_chat_of(self.app).id, summary=summary, id=new_id())

    async def _fold(self) -> None:
        await self._written("summary.fold", chat=open_chat_of(self.app).id, id=new_id())

    async def _written(self, method: str, /, **params: Any) -> None:
        self.say(tr("The model is writing the summary. You can go on meanwhile; it will be here."))
        await self.call(method, **params)
        self.say(tr("Done. Read it once: what is wrong here stays wrong in the story."))
        self._draw()

    async def _mark(self, summary: str) -> None:
        chat = open_chat_of(self.app)
        method = "summary.restore" if chat.summaries[summary].removed else "summary.remove"
        await self.call(method, chat=chat.id, summary=summary)

    async def _originals(self, summary: str) -> None:
        """The messages that a summary stands for, to read."""
        chat = open_chat_of(self.app)
        nodes = [chat.nodes[node] for node, _ in chat.summaries[summary].covers if node in chat.nodes]
        text = "\n\n".join(f"{node.name}: {node.text}" if node.name else node.text for node in nodes)
        self.app.push_screen(Reading(tr("What it stands for"), text))

    async def _what_to_do(self, summary_id: str) -> None:
        chat = open_chat_of(self.app)
        summary = chat.summaries[summary_id]
        if summary.removed:
            await self._mark(summary_id)
            return
        deeds = [
            ("edit", tr("Read and edit")), ("originals", tr("Show the messages it stands for")),
            ("go", tr("Go to the first of them")), ("redo", tr("Have it written anew")),
            ("remove", tr("Take it away")),
        ]
        if len(summary.texts) > 1:
            deeds.insert(1, ("texts", tr("Earlier texts of it")))
        deed = await choose(self.app, tr("This summary"), deeds)
        if deed == "edit":
            text = await ask_text(self.app, tr("Summary"), summary.text)
            if text is not None and text.strip() != summary.text:
                await self.call("summary.edit", chat=chat.id, summary=summary_id, text=text.strip())
        elif deed == "texts":
            self.app.push_screen(Reading(tr("Earlier texts of it"), "\n\n".join(reversed(summary.texts))))
        elif deed == "originals":
            await self._originals(summary_id)
        elif deed == "go":
            go_to_message(self, summary.covers[0][0])
        elif deed == "redo":
            await self._redo(summary_id)
        elif deed == "remove":
            await self._mark(summary_id)

    # ------------------------------------------------------------------ facts, chapters, documents

    async def _pin(self) -> None:
        await pin_text(self.app)

    async def _what_to_do_with_pin(self, pin_id: str) -> None:
        chat = open_chat_of(self.app)
        pin = next(p for p in chat.fields.get("pins") or () if p["id"] == pin_id)
        deeds = [("edit", tr("Edit")), ("remove", tr("Unpin it"))]
        if pin.get("node") in chat.nodes:
            deeds.append(("go", tr("Go to where it was said")))
        deed = await choose(self.app, tr("This fact"), deeds)
        if deed == "edit":
            text = await ask_text(self.app, tr("Pinned fact"), str(pin["text"]))
            if text is not None and text.strip() != pin["text"]:
                await self.call("pins.edit", chat=chat.id, pin=pin_id, text=text)
        elif deed == "remove":
            await self.call("pins.remove", chat=chat.id, pin=pin_id)
        elif deed == "go":
            go_to_message(self, str(pin["node"]))

    async def _what_to_do_with_chapter(self, node: str) -> None:
        chat = open_chat_of(self.app)
        path = self._path(chat)
        number = [path[at].id for at, _ in chapters(path)].index(node) + 1
        title = chapters(path)[number - 1][1]
        deed = await choose(self.app, title, [
            ("go", tr("Go to its beginning")), ("summarise", tr("Have it summarised")), ("rename", tr("Rename")),
            ("remove", tr("No chapter begins there")),
        ])
        if deed == "go":
            go_to_message(self, node)
        elif deed == "summarise" and (found := chapter_range(path, number)) is not None:
            await self._write(chat, *found)
        elif deed == "rename":
            typed = await ask_line(self.app, tr("The title of the chapter"), title)
            if typed is not None and typed.strip():
                await self.call("chapters.set", chat=chat.id, node=node, title=typed)
        elif deed == "remove":
            await self.call("chapters.set", chat=chat.id, node=node)

    async def _add_document(self) -> None:
        typed = await ask_line(self.app, tr("Which file shall be read from?"), "", tr("A text or Markdown file."))
        if typed is not None and typed.strip():
            self.say(await add_document(self.app, typed))

    async def _what_to_do_with_document(self, document: str) -> None:
        chat = open_chat_of(self.app)
        deed = await choose(self.app, tr("This document"), [("read", tr("Read it")), ("remove", tr("Take it away"))])
        if deed == "read":
            got = await self.call("documents.text", chat=chat.id, document=document)
            self.app.push_screen(Reading(str(got["name"]), str(got["text"])))
        elif deed == "remove":
            await self.call("documents.remove", chat=chat.id, document=document)

    # ------------------------------------------------------------------ what is recalled

    async def _switch(self) -> None:
        await self.call("settings.set", name="recall", value=not self._recall)
        self._recall = not self._recall
        self._draw()

    async def _try(self) -> None:
        typed = await ask_line(self.app, tr("For which words?"), "", tr("What you would say in the story."))
        if typed is not None and typed.strip():
            await show_found(self.app, typed)
