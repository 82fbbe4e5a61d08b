"""The personas of a person, kept in `personas.json` beside the settings: for a chat, a character, or by default."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.library import Library
from tui.domain.errors import BadInput, NotFound, StoreError
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op
from tui.domain.persona import POSITIONS, ROLES, LockKind, Persona, PersonaBook
from tui.formats.files import write_atomic
from tui.formats.personas import read_personas, write_personas
from tui.wire.ids import new_id

#: Characters of a description, of a name, and of a whole file that is imported.
_LONGEST, _LONGEST_NAME, _LONGEST_FILE = 200_000, 200, 20_000_000
_NAMES = ("name", "title", "description", "position", "depth", "role", "lorebooks")


class Personas:
    """Reads the file again when it changed; a broken one counts as empty, and is never written over."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "personas.json"
        self._seen: tuple[tuple[int, int] | None, PersonaBook] = (None, PersonaBook())
        self._broken = False

    def book(self) -> PersonaBook:
        """All there is."""
        try:
            stat = self._path.stat()
        except OSError:
            return PersonaBook()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if self._seen[0] != stamp:
            try:
                data = json.loads(self._path.read_text("utf-8"))
                book, self._broken = PersonaBook.from_json(data if isinstance(data, Mapping) else {}), False
            except (OSError, ValueError, RecursionError):
                book, self._broken = PersonaBook(), True
            self._seen = (stamp, book)
        return self._seen[1]

    def of(self, fields: Mapping[str, Any]) -> tuple[Persona | None, LockKind | None]:
        """Who the person is in a chat with these fields, and by what; in a group, its first member counts."""
        cast = fields.get("cast")
        first = cast["members"][0]["id"] if cast and cast.get("members") else fields.get("character")
        return self.book().chosen(str(fields.get("persona_id") or ""), str(first or ""))

    def keep(self, book: PersonaBook) -> None:
        """Write the file. Raises StoreError."""
        self.book()
        if self._broken:
            raise StoreError(
                notice("{file} is damaged, so it is left as it is.", file=str(self._path)),
                notice("Mend it or put it aside, then try again."), kind="io",
            )
        text = json.dumps(book.to_json(), ensure_ascii=False, indent=1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_atomic(self._path, text.encode("utf-8", "replace"))
        except OSError as error:
            raise StoreError(
                notice("{file} cannot be written ({reason}).", file=str(self._path), reason=error.strerror or ""),
                notice("Look at the disk it lies on, then try again."), kind="io",
            ) from error


class PersonaCalls:
    """`personas.*`."""

    def __init__(self, personas: Personas, chats: Chats, library: Library, events: EventHub) -> None:
        self._personas = personas
        self._chats = chats
        self._library = library
        self._events = events

    def handlers(self) -> dict[str, Handler]:
        return {
            "personas.list": self.list, "personas.save": self.save, "personas.delete": self.delete,
            "personas.use": self.use, "personas.import": self.import_, "personas.export": self.export,
        }

    async def list(self, chat: str = "") -> dict[str, Any]:
        """All personas with their locks; `current` is who the person is in a chat, and `by` what that holds."""
        told = self._personas.book().to_json() | {"current": None, "by": None}
        if chat:
            persona, by = self._personas.of((await self._chats.get(chat)).fields)
            told |= {"current": persona.id if persona is not None else None, "by": by}
        return told

    async def save(self, values: dict[str, Any], id: str = "") -> dict[str, Any]:  # noqa: A002
        """Change a persona, or add one (without `id`). Raises NotFound, BadInput naming the field."""
        book = self._personas.book()
        before = self._known(book, id) if id else Persona(new_id(), "")
        persona = self._checked(before, values)
        self._keep(book.with_persona(persona))
        return {"persona": persona.to_json()}

    def _checked(self, before: Persona, values: Mapping[str, Any]) -> Persona:
        for name, value in values.items():
            if name not in _NAMES:
                raise _refused(notice("{field} must be one of: {names}.", field=name[:40], names=", ".join(_NAMES)))
            if name in ("name", "title", "description"):
                most = _LONGEST if name == "description" else _LONGEST_NAME
                if not isinstance(value, str) or len(value) > most:
                    raise _refused(notice("{field} must be a text of at most {n} characters.", field=name, n=most))
            elif name in ("position", "role") and value not in (POSITIONS if name == "position" else ROLES):
                allowed = POSITIONS if name == "position" else ROLES
                raise _refused(notice("{field} must be one of: {names}.", field=name, names=", ".join(allowed)))
            elif name == "depth" and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9999):
                raise _refused(
                    notice("{field} must be a whole number between {low} and {high}.", field=name, low=0, high=9999)
                )
            elif name == "lorebooks":
                for book in value if isinstance(value, tuple | builtins.list) else ():
                    if book not in before.lorebooks:
                        self._library.lorebook(str(book))
        persona = Persona.from_json(before.to_json() | {n: v for n, v in values.items()})
        if not persona.name.strip():
            raise _refused(notice("A persona needs a name."))
        return replace(persona, name=persona.name.strip())

    async def delete(self, id: str) -> None:  # noqa: A002
        """Take a persona away, with its locks to characters; chats that were locked to it fall back. Raises
        NotFound."""
        book = self._personas.book()
        self._known(book, id)
        self._keep(book.without(id))

    async def use(
        self, id: str = "", chat: str = "", character: str = "", default: bool = False  # noqa: A002
    ) -> dict[str, Any]:
        """Let a persona hold for a chat, for a character, or by default; "" takes that lock away. Raises NotFound."""
        book = self._personas.book()
        if id:
            self._known(book, id)
        if chat:
            op: Op = {"op": "set_field", "field": "persona_id", "value": id or None}
            await self._chats.commit(chat, [op], notice("the persona"))
        if character:
            rest = {c: p for c, p in book.characters.items() if c != character}
            self._keep(replace(book, characters=rest | ({character: id} if id else {})))
        if default:
            self._keep(replace(self._personas.book(), default=id))
        return await self.list(chat)

    async def import_(self, text: str) -> dict[str, Any]:
        """Take in a persona backup of SillyTavern. Those that are here already, by name, title and description, stay
        as they are; lorebooks that are not in the library are told. Raises BadInput."""
        if len(text) > _LONGEST_FILE:
            raise BadInput(notice("This is no backup of personas."))
        try:
            found = read_personas(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise BadInput(notice("This is no backup of personas.")) from error
        return self.take_in(found)

    def take_in(self, found: PersonaBook) -> dict[str, Any]:
        """Add personas that were read; characters are known by their file's name or their own. Raises StoreError."""
        book = self._personas.book()
        there = {(p.name, p.title, p.description): p.id for p in book.personas}
        ids, missing = {}, set[str]()
        known = {item.id for item in self._library.items("lorebooks")}
        for persona in found.personas:
            same = there.get((persona.name, persona.title, persona.description))
            ids[persona.id] = same or new_id()
            if same is None:
                missing |= {b for b in persona.lorebooks if b not in known}
                kept = tuple(b for b in persona.lorebooks if b in known)
                book = book.with_persona(replace(persona, id=ids[persona.id], lorebooks=kept))
        bound = {who: ids[p] for c, p in found.characters.items() if (who := self._character(c))}
        default = book.default or ids.get(found.default, "")
        self._keep(replace(book, characters={**bound, **book.characters}, default=default))
        new = sum(1 for i in ids.values() if i not in there.values())
        return {"added": new, "known": len(ids) - new, "missing_lorebooks": sorted(missing), "locked": len(bound)}

    def _character(self, stem: str) -> str:
        """The character of the library that a file name of SillyTavern means; "" for none."""
        for item in self._library.items("characters"):
            card = getattr(item.value, "card", None)
            if stem.casefold() in (item.id.casefold(), card.name.casefold() if card is not None else ""):
                return item.id
        return ""

    async def export(self) -> dict[str, Any]:
        """All personas as SillyTavern's backup."""
        text = json.dumps(write_personas(self._personas.book()), ensure_ascii=False, indent=4)
        return {"name": "personas.json", "text": text}

    def _keep(self, book: PersonaBook) -> None:
        self._personas.keep(book)
        self._events.emit("personas")

    @staticmethod
    def _known(book: PersonaBook, persona_id: str) -> Persona:
        found = book.get(persona_id)
        if found is None:
            raise NotFound(notice("There is no such persona."), notice("/personas lists them."))
        return found


def _refused(told: Notice) -> BadInput:
    return BadInput(told, field=str(told.args.get("field") or "name"))
