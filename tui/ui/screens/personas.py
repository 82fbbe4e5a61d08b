"""All personas: who one can be, where each holds, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.i18n import tr
from tui.ui.host import host
from tui.ui.importing import read_text
from tui.ui.screens.confirm import ask_line, choose, confirm
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.page import Hint
from tui.ui.screens.persona import placing
from tui.ui.widgets.form import Field
from tui.ui.words import IN_USE


class PersonasPage(FormPage):
    """A line for each; Enter says what can be done with it."""

    def __init__(self) -> None:
        super().__init__()
        self._told: Mapping[str, Any] = {}

    def heading(self) -> str:
        return tr("Your personas")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("what to do"), "choose"), self.back_hint())

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") in ("personas", "chat"):
            self.start(self._again())

    async def _again(self) -> None:
        await self.fetch()
        self.refill()

    async def fetch(self) -> None:
        chat = host(self.app).state.chat
        self._told = await self.call("personas.list", chat=chat.id if chat is not None else "")

    def fields(self) -> Sequence[Field | str]:
        lines: list[Field | str] = [self._line(p) for p in self._told.get("personas") or ()]
        if not lines:
            lines = [tr("There is none yet: you are who the settings say.")]
        return [
            *lines, tr("More"), Field("new", tr("A new persona…"), kind="action"),
            Field("import", tr("Import a backup of SillyTavern…"), kind="action"),
        ]

    def _line(self, persona: Mapping[str, Any]) -> Field:
        held = [tr("in this chat")] if persona["id"] == self._told["current"] and self._told["by"] == "chat" else []
        held += [tr("by default")] if persona["id"] == self._told["default"] else []
        held += [tr("with {name}", name=c) for c, p in self._told["characters"].items() if p == persona["id"]]
        about = " — ".join(text for text in (persona["title"], persona["description"]) if text)
        mark = IN_USE if persona["id"] == self._told["current"] else ""
        return Field(f"persona:{persona['id']}", str(persona["name"]), kind="action", shown=" · ".join(held),
                     hint=about[:200], mark=mark)

    async def act(self, item: Field) -> None:
        if item.id == "new":
            name = await ask_line(self.app, tr("What are you called?"))
            if name and name.strip():
                made = await self.call("personas.save", values={"name": name.strip()})
                await self._edit_persona(made["persona"])
        elif item.id == "import":
            await self._import()
        else:
            await self._of_persona(next(p for p in self._told["personas"] if f"persona:{p['id']}" == item.id))
        await self.fetch()

    async def _of_persona(self, persona: Mapping[str, Any]) -> None:
        deed = await choose(self.app, str(persona["name"]), self._deeds(persona))
        if deed == "edit":
            await self._edit_persona(persona)
        elif deed == "delete":
            question = tr("Delete the persona {name}?", name=str(persona["name"]))
            if await confirm(self.app, question, tr("What was said under this name stays."), tr("Delete")):
                await self.call("personas.delete", id=persona["id"])
        elif deed is not None:
            place, _, value = deed.partition(":")
            await self.call("personas.use", id=persona["id"] if value == "on" else "", **self._where(place))

    def _deeds(self, persona: Mapping[str, Any]) -> list[tuple[str, str]]:
        told, deeds = self._told, [("edit", tr("Read and edit"))]
        chat = host(self.app).state.chat
        if chat is not None:
            here = told["current"] == persona["id"] and told["by"] == "chat"
            bound = told["characters"].get(str(chat.fields.get("character") or "")) == persona["id"]
            deeds += [
                ("chat:off", tr("No longer lock it to this chat")) if here else ("chat:on", tr("Be this in this chat")),
                ("character:off", tr("No longer lock it to this character")) if bound
                else ("character:on", tr("Be this with this character")),
            ]
        default = told["default"] == persona["id"]
        off, on = ("default:off", tr("No longer by default")), ("default:on", tr("Be this by default"))
        deeds.append(off if default else on)
        return [*deeds, ("delete", tr("Delete"))]

    def _where(self, place: str) -> dict[str, Any]:
        chat = host(self.app).state.chat
        if place == "default" or chat is None:
            return {"default": True}
        return {"chat": chat.id} if place == "chat" else {"character": str(chat.fields.get("character") or "")}

    async def _edit_persona(self, persona: Mapping[str, Any]) -> None:
        await self.app.push_screen_wait(PersonaForm(str(persona["id"])))

    async def _import(self) -> None:
        path = await ask_line(self.app, tr("Which file?"), "", tr("A persona backup, or settings.json."))
        if not path or not path.strip():
            return
        got = await self.call("personas.import", text=await read_text(path))
        self.say(tr("{added} came in, {known} were here already.", added=got["added"], known=got["known"]))
        if got["missing_lorebooks"]:
            self.say(tr("{added} came in; these lorebooks are not in the library: {names}.", added=got["added"],
                        names=", ".join(got["missing_lorebooks"])))


class PersonaForm(FormPage):
    """One persona, field by field."""

    def __init__(self, persona: str) -> None:
        super().__init__()
        self._id = persona
        self._persona: Mapping[str, Any] = {}
        self._books: Sequence[Mapping[str, Any]] = ()

    def heading(self) -> str:
        return str(self._persona.get("name") or tr("Persona"))

    async def fetch(self) -> None:
        listed = (await self.call("personas.list"))["personas"]
        self._persona = next((p for p in listed if p["id"] == self._id), {})
        self._books = (await self.call("lorebooks.list"))["lorebooks"]
        self.head()

    def fields(self) -> Sequence[Field | str]:
        persona = self._persona
        if not persona:
            return []
        placed = {f"persona_{name}": persona[name] for name in ("position", "depth", "role")}
        return [
            Field("name", tr("Name"), str(persona["name"])),
            Field("title", tr("Title"), str(persona["title"]),
                  tr("tells two of one name apart; the model never sees it")),
            Field("description", tr("Description"), str(persona["description"]),
                  tr("what the characters can know of you: looks, past, manner"), "text"),
            *placing(placed),
            tr("Lorebooks"),
            *(Field(f"book:{b['id']}", str(b.get("name") or b["id"]), kind="action",
                    mark=IN_USE if b["id"] in persona["lorebooks"] else "") for b in self._books),
        ]

    async def change(self, item: Field, value: str) -> None:
        name = item.id.removeprefix("persona_")
        new: Any = int(value) if name == "depth" and value.strip().isdigit() else value
        await self.call("personas.save", id=self._id, values={name: new})
        await self.fetch()

    async def act(self, item: Field) -> None:
        book, books = item.id.removeprefix("book:"), list(self._persona["lorebooks"])
        books = [b for b in books if b != book] if book in books else [*books, book]
        await self.call("personas.save", id=self._id, values={"lorebooks": books})
        await self.fetch()
