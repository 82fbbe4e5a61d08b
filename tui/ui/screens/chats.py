"""F2: chats and characters in one searchable list, new chats, the trash, full-text search, importing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from tui.i18n import tr
from tui.ui.host import host
from tui.ui.importing import import_path, write_export
from tui.ui.screens.card import card_text
from tui.ui.screens.confirm import ask_line, choose, confirm
from tui.ui.screens.library_lines import character_lines, chat_lines, hit_lines, more_lines, snippet
from tui.ui.screens.page import Hint, Page
from tui.ui.screens.reading import Reading
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker
from tui.wire.ids import new_id

Part = Literal["all", "characters", "chats", "trash", "hits"]


class Library(Page):
    """One list, several views: everything, characters alone, the trash, what a search found."""

    BINDINGS = [  # noqa: RUF012
        Binding("f2,ctrl+b", "back", id="library.close", show=False),
        Binding("ctrl+e", "rename", id="library.rename", show=False, priority=True),
        Binding("ctrl+t", "trash", id="library.trash", show=False),
        Binding("tab", "more", id="library.more", show=False),
    ]

    def __init__(self, part: Part = "all", query: str = "", first: str = "") -> None:
        """`first` is the id of a character to be listed before all others."""
        super().__init__()
        self._first_character = first
        self._part: Part = part
        self._first_query = query
        self._searched = ""
        self._chats: dict[str, Mapping[str, Any]] = {}
        self._characters: dict[str, Mapping[str, Any]] = {}

    def heading(self) -> str:
        return {
            "all": tr("Chats and characters"),
            "chats": tr("Chats"),
            "characters": tr("Who do you want to talk to?"),
            "trash": tr("Trash"),
            "hits": tr("Found: {query}", query=self._searched),
        }[self._part]

    def hints(self) -> Sequence[Hint]:
        enter = {"trash": tr("bring back"), "characters": tr("talk")}.get(self._part, tr("open"))
        return (
            Hint("Enter", enter, "choose"),
            Hint("Tab", tr("what else"), "more"),
            self.back_hint(),
            Hint("Ctrl+T", tr("trash"), "trash"),
        )

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search"), self._extra)

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    async def load(self) -> None:
        self.picker.query_one("SearchBox").focus()
        if self._part == "hits":
            await self._search(self._first_query)
        else:
            await self._show()

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") in ("chats", "library") and self._part != "hits":
            self.start(self._show())

    async def _show(self) -> None:
        """Ask the core for what this view lists."""
        if self._part == "trash":
            self._chats = await self._list_chats(trashed=True)
            self.picker.show(chat_lines(self._chats.values(), ""))
            if not self._chats:
                self.say(tr("The trash is empty."))
        else:
            self._characters = {c["id"]: c for c in (await self.call("characters.list"))["characters"]}
            self._chats = {} if self._part == "characters" else await self._list_chats(trashed=False)
            self.picker.show(self._everything())
        self.head()
        self.redraw_hints()

    async def _list_chats(self, *, trashed: bool) -> dict[str, Mapping[str, Any]]:
        found = (await self.call("chats.list", trashed=trashed))["chats"]
        return {c["id"]: c for c in found}

    def _everything(self) -> list[Line]:
        chat = host(self.app).state.chat
        lines = chat_lines(self._chats.values(), tr("Chats"), chat.id if chat is not None else "")
        if self._part != "chats":
            heading = tr("Start a new chat with") if self._part == "all" else ""
            characters = sorted(self._characters.values(), key=lambda c: c["id"] != self._first_character)
            lines += character_lines(characters, heading)
        return lines + more_lines(with_trash=self._part == "all")

    def _extra(self, query: str) -> Sequence[Line]:
        if self._part == "all" and len(query.strip()) > 1:
            return [Line("search", tr("Search the text of all chats for “{query}”", query=query.strip()))]
        return ()

    async def _search(self, query: str) -> None:
        chat = host(self.app).state.chat
        hits = (await self.call("chats.search", query=query, here=chat.id if chat is not None else ""))["hits"]
        self._part, self._searched = "hits", query
        self.picker.clear_search()
        self.picker.show(hit_lines(hits), keep=False)
        self.say("" if hits else tr("Nothing found for “{query}”.", query=query))
        self.head()
        self.redraw_hints()

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        self.say("")
        self.start(self._open(event.line.id), once="open")

    @on(Picker.MoreAsked)
    def _more_asked(self, event: Picker.MoreAsked) -> None:
        self.start(self._more(event.line.id))

    @on(Picker.RemoveAsked)
    def _remove_asked(self, event: Picker.RemoveAsked) -> None:
        self.start(self._remove(event.line.id))

    @on(Picker.Back)
    def _back_asked(self) -> None:
        self.action_back()

    def action_choose(self) -> None:
        if (line := self.picker.listing.chosen) is not None:
            self.start(self._open(line.id), once="open")

    def action_more(self) -> None:
        self.picker.ask_more()

    def action_rename(self) -> None:
        if (line := self.picker.listing.chosen) is not None and line.id.startswith("chat:"):
            self.start(self._rename(line.id.removeprefix("chat:")))

    def action_trash(self) -> None:
        if self._part in ("all", "trash"):
            self._part = "trash" if self._part == "all" else "all"
            self.say("")
            self.start(self._show())

    def action_back(self) -> None:
        if self._part in ("trash", "hits") and not self._first_query:
            self._part = "all"
            self.say("")
            self.start(self._show())
        else:
            self.dismiss(None)

    async def _open(self, line_id: str) -> None:
        kind, _, rest = line_id.partition(":")
        if kind == "chat" and self._part == "trash":
            await self._restore(rest)
        elif kind == "chat":
            await host(self.app).actions.open_chat(rest)
            self.dismiss(rest)
        elif kind == "hit":
            chat_id, _, node = rest.partition(":")
            await host(self.app).actions.open_chat(chat_id, node)
            self.dismiss(chat_id)
        elif kind == "char":
            await self._new_chat(rest)
        elif kind == "search":
            await self._search(self.picker.query_text.strip())
        elif kind == "group":
            self.dismiss(None)
            host(self.app).open_screen("group")
        elif kind == "import":
            await self._import()
        elif kind == "trash":
            self.action_trash()

    async def _new_chat(self, character: str) -> None:
        chat_id = new_id()
        await self.call("chats.create", id=chat_id, character=character)
        await host(self.app).actions.open_chat(chat_id)
        self.dismiss(chat_id)

    async def _restore(self, chat_id: str) -> None:
        await self.call("chats.restore", id=chat_id)
        await self._show()
        self.say(tr("“{title}” is back among the chats.", title=str(self._title(chat_id))))

    def _title(self, chat_id: str) -> str:
        chat = self._chats.get(chat_id, {})
        return str(chat.get("title") or chat.get("name") or tr("untitled"))

    async def _more(self, line_id: str) -> None:
        kind, _, rest = line_id.partition(":")
        if kind == "chat" and self._part != "trash":
            await self._more_of_chat(rest)
        elif kind == "char":
            await self._more_of_character(rest)
        else:
            await self._open(line_id)

    async def _more_of_chat(self, chat_id: str) -> None:
        deed = await choose(
            self.app,
            self._title(chat_id),
            [("open", tr("Open")), ("rename", tr("Rename")), ("delete", tr("Delete"))],
        )
        if deed == "open":
            await self._open(f"chat:{chat_id}")
        elif deed == "rename":
            await self._rename(chat_id)
        elif deed == "delete":
            await self._remove(f"chat:{chat_id}")

    async def _rename(self, chat_id: str) -> None:
        title = await ask_line(self.app, tr("The name of this chat"), self._title(chat_id))
        if title is not None and title.strip():
            await self.call("chats.set", id=chat_id, field="title", value=title.strip())
            await self._show()

    async def _more_of_character(self, character_id: str) -> None:
        character = self._characters[character_id]
        deeds = [
            ("talk", tr("Start a new chat")),
            ("favourite", tr("No favourite any more") if character.get("favourite") else tr("Make it a favourite")),
            ("read", tr("Read the card")),
            ("png", tr("Write the card to a PNG file")),
            ("json", tr("Write the card to a JSON file")),
        ]
        if character.get("source") == "own":
            deeds.append(("delete", tr("Delete")))
        deed = await choose(self.app, str(character["name"]), deeds)
        if deed == "talk":
            await self._new_chat(character_id)
        elif deed == "favourite":
            await self.call("characters.favourite", id=character_id, value=not character.get("favourite"))
            await self._show()
        elif deed == "read":
            got = await self.call("characters.get", id=character_id)
            self.app.push_screen(Reading(str(character["name"]), card_text(got)))
        elif deed in ("png", "json"):
            exported = await self.call("characters.export", id=character_id, format=deed)
            path = await asyncio.to_thread(write_export, exported)
            self.say(tr("Written: {file}", file=str(path)))
        elif deed == "delete":
            await self._remove(f"char:{character_id}")

    async def _remove(self, line_id: str) -> None:
        kind, _, rest = line_id.partition(":")
        if kind == "chat" and self._part != "trash":
            await self._remove_chat(rest)
        elif kind == "char" and self._characters[rest].get("source") == "own":
            name = str(self._characters[rest]["name"])
            told = tr("Its chats stay: each keeps a copy of the card. The file is deleted.")
            if await confirm(self.app, tr("Delete the character {name}?", name=name), told, tr("Delete")):
                await self.call("characters.delete", id=rest)
                await self._show()

    async def _remove_chat(self, chat_id: str) -> None:
        chat = self._chats[chat_id]
        question = tr("Delete the chat “{title}” with {name}?", title=self._title(chat_id), name=str(chat["name"]))
        last = snippet(chat, 200)
        told = tr("Messages: {n}. The last one: {last}", n=chat["messages"], last=last) if last else tr("It is empty.")
        told += "\n" + tr("It goes to the trash and can be brought back from there.")
        if await confirm(self.app, question, told, tr("Delete")):
            await self.call("chats.delete", id=chat_id)
            await self._show()
            await self._leave_deleted(chat_id)

    async def _leave_deleted(self, chat_id: str) -> None:
        """The chat in front went to the trash: the newest of the others takes its place."""
        front = host(self.app).state.chat
        if front is None or front.id != chat_id:
            return
        if self._chats:
            await host(self.app).actions.open_chat(next(iter(self._chats)))
        else:
            host(self.app).close_chat()

    async def _import(self) -> None:
        path = await ask_line(
            self.app,
            tr("Which file?"),
            "",
            tr("A character card (PNG, JSON), a lorebook or a preset; or a folder of them."),
        )
        if path is None or not path.strip():
            return
        lines = await import_path(self.app, path.strip())
        await self._show()
        self.say("\n".join(lines))
