"""The calls of the API about characters, lorebooks and presets, and what comes in and goes out as files."""

from __future__ import annotations

import asyncio
import base64
import binascii
from importlib import import_module
from typing import Any

from tui.core.chat_export import export_chat
from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.library import PRESET_KINDS, Library
from tui.core.profile_calls import holds
from tui.core.settings import Settings
from tui.core.snapshots import card_to_json
from tui.domain.errors import BadInput, NotFound
from tui.domain.lore import LoreEntry
from tui.domain.notice import notice
from tui.formats.card_read import CardFile
from tui.formats.card_write import card_json, card_png
from tui.formats.chat_parts import Choice
from tui.formats.files import read_bounded
from tui.formats.library import Item
from tui.formats.library import Library as Folder
from tui.formats.lore_write import lorebook_json
from tui.formats.preset_export import sillytavern_json
from tui.formats.presets import SamplerPreset
from tui.store import Store
from tui.store.text import clean
from tui.wire.pace import Steps, paced, paced_list

#: Octets that are written in base64, or characters read, at one go; a multiple of 3 and of 4.
_AT_ONCE = 3 << 18
#: Card fields that `characters.edit` may change.
EDITABLE = (
    "name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes", "system_prompt",
    "post_history_instructions", "alternate_greetings", "tags", "creator", "character_version", "nickname",
)


class LibraryCalls:
    """`characters.*`, `lorebooks.*`, `presets.*`, `import`, `chats.export`."""

    def __init__(
        self, library: Library, settings: Settings, chats: Chats, events: EventHub, store: Store,
    ) -> None:
        self._store = store
        self._library = library
        self._settings = settings
        self._chats = chats
        self._events = events

    def handlers(self) -> dict[str, Handler]:
        return {
            "characters.list": self.characters, "characters.get": self.character,
            "characters.favourite": self.favourite,
            "characters.export": self.export_character, "characters.edit": self.edit_character,
            "characters.delete": self.delete_character,
            "lorebooks.list": self.lorebooks, "lorebooks.get": self.lorebook, "lorebooks.delete": self.delete_lorebook,
            "lorebooks.export": self.export_lorebook, "lorebooks.save": self.save_lorebook,
            "presets.list": self.presets, "presets.get": self.preset, "presets.export": self.export_preset,
            "presets.save": self.save_preset,
            "import": self.import_file, "import.chats": self.import_chats, "chats.export": self.export_chat,
        }

    async def characters(self) -> dict[str, Any]:
        """All characters: favourites first, then those that were talked to last, then by name. `used_ms` is when a chat
        with one last changed, 0 for never."""
        lines = await paced_list(_character_line, self._library.items("characters"))
        used, loved = await self._store.characters_used(), frozenset(self._settings.get("favourites"))
        told = [line | {"favourite": line["id"] in loved, "used_ms": used.get(line["id"], 0)} for line in lines]
        told.sort(key=lambda line: (not line["favourite"], -line["used_ms"]))
        return {"characters": told}

    async def favourite(self, id: str, value: bool) -> None:  # noqa: A002
        """Let a character stand first in lists, or no more. Raises NotFound."""
        self._library.card(id)
        others = [one for one in self._settings.get("favourites") if one != id]
        self._settings.set("favourites", [*others, id] if value else others)
        self._events.emit("library", kind="characters")

    async def character(self, id: str) -> dict[str, Any]:  # noqa: A002
        file = self._library.card_file(id)
        card = await asyncio.to_thread(card_to_json, file.card)
        return {"id": id, "card": card, "warnings": [n.to_json() for n in file.notes]}

    async def export_character(self, id: str, format: str = "png") -> dict[str, Any]:  # noqa: A002
        file = self._library.card_file(id)
        if format not in ("png", "json"):
            told = notice("A card can be exported as png or json, not {value}.", value=format[:20])
            raise BadInput(told, field="format")
        data = await asyncio.to_thread(card_png if format == "png" else card_json, file)
        return await _file(f"{id}.{format}", data)

    async def edit_character(self, id: str, fields: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        """Change fields of a card; a shipped one becomes the user's own copy. Unknown fields of the file stay."""
        unknown = sorted(set(fields) - set(EDITABLE))
        if unknown:
            raise BadInput(notice("A card has no field called {field}.", field=unknown[0][:60]), field=unknown[0][:60])
        file = self._library.card_file(id)

        def save(folder: Folder) -> str:
            if file.container == "png":
                return folder.save(id, ".png", card_png(file, fields), replace=True)
            return folder.save(id, ".json", card_json(file, fields), replace=True)

        return {"id": await self._library.change("characters", save)}

    async def delete_character(self, id: str) -> None:  # noqa: A002
        await self._library.change("characters", lambda folder: folder.delete(id))

    async def lorebooks(self) -> dict[str, Any]:
        return {
            "lorebooks": [
                {
                    "id": i.id, "name": getattr(i.value, "name", "") or i.id, "source": i.source,
                    "entries": len(i.value.entries) if i.value is not None else 0, "problem": _problem(i),
                }
                for i in self._library.items("lorebooks")
            ]
        }

    async def lorebook(self, id: str) -> dict[str, Any]:  # noqa: A002
        book = self._library.lorebook(id)
        return {"id": id, "name": book.name, "entries": await paced_list(_entry_line, book.entries)}

    async def export_lorebook(self, id: str) -> dict[str, Any]:  # noqa: A002
        return await _file(f"{id}.json", await asyncio.to_thread(lorebook_json, self._library.lorebook(id)))

    async def save_lorebook(self, id: str, text: str) -> dict[str, Any]:  # noqa: A002
        """Write a lorebook's JSON as the user's own. Raises BadInput naming the line, and then nothing changes."""
        return {"id": await self._saved("lorebooks", id, ".json", text)}

    async def delete_lorebook(self, id: str) -> None:  # noqa: A002
        await self._library.change("lorebooks", lambda folder: folder.delete(id))

    async def presets(self, kind: str) -> dict[str, Any]:
        in_use = self._settings.get("profile") if kind == "profiles" else None
        bound, kept = self._settings.get("character_profiles"), self._settings.get("profile_keys")
        return {
            "presets": [
                {
                    "id": i.id, "label": getattr(i.value, "label", "") or i.id, "source": i.source,
                    "problem": _problem(i), "in_use": i.id == in_use,
                    **(holds(i, bound, kept) if kind == "profiles" else {}),
                }
                for i in self._preset_items(kind)
            ]
        }

    async def preset(self, kind: str, id: str) -> dict[str, Any]:  # noqa: A002
        """A preset as its file says it."""
        for item in self._preset_items(kind):
            if item.id == id:
                found = {"id": id, "source": item.source, "text": _text(item), "problem": _problem(item)}
                return found | {"values": dict(item.value.values)} if isinstance(item.value, SamplerPreset) else found
        raise NotFound(notice("There is no preset called {name}.", name=id[:80]))

    async def export_preset(self, kind: str, id: str, format: str = "yaml") -> dict[str, Any]:  # noqa: A002
        """A preset as its file says it, or as the SillyTavern preset that it was made of."""
        if format == "sillytavern":
            await self.preset(kind, id)
            value = next(item.value for item in self._preset_items(kind) if item.id == id)
            return await _file(f"{id}.json", sillytavern_json(value))
        if format != "yaml":
            told = notice("A preset can be exported as yaml or sillytavern, not {value}.", value=format[:20])
            raise BadInput(told, field="format")
        return await _file(f"{id}.yaml", (await self.preset(kind, id))["text"].encode())

    async def save_preset(self, kind: str, id: str, text: str) -> dict[str, Any]:  # noqa: A002
        """Write the user's own version of a preset. Raises BadInput naming line and field, and then nothing changes."""
        self._preset_items(kind)
        return {"id": await self._saved(kind, id, ".yaml", text)}

    async def _saved(self, kind: str, id: str, suffix: str, text: str) -> str:  # noqa: A002
        data = clean(text).encode()
        return await self._library.change(kind, lambda folder: folder.save(id, suffix, data, replace=True))

    async def import_file(self, name: str, data_base64: str) -> dict[str, Any]:
        """Take a file in; what it is shows from its bytes."""
        # Here and not above: what reads other programs' files would cost every start some hundredths of a second.
        await asyncio.to_thread(import_module, "tui.core.importing")
        from tui.core.importing import Importer

        importer = Importer(self._library, self._chats, self._events)
        return {"files": await importer.take(name, await paced(_decoded(data_base64)))}

    async def import_chats(self, files: list[dict[str, str]], group_base64: str = "") -> dict[str, Any]:
        """Take in the chat files of one folder together (`name`, `data_base64`); `group` is the file of their group."""
        await asyncio.to_thread(import_module, "tui.core.importing")
        from tui.core.chat_sets import ChatSets
        from tui.core.importing import Importer

        importer = Importer(self._library, self._chats, self._events)
        read = [(str(f["name"]), await paced(_decoded(f["data_base64"]))) for f in files]
        group = await paced(_decoded(group_base64))
        return {"files": await ChatSets(self._library, self._chats, importer.chat).take(read, group)}

    async def export_chat(
        self, id: str, format: str = "jsonl", branches: bool = False, replies: bool = False,  # noqa: A002
        hidden: bool = True,
    ) -> dict[str, Any]:
        """A chat as a file: `jsonl` is SillyTavern's (path and swipes), the others are for readers and for training.
        `branches`: all of them; `replies`: only what characters said; `hidden`: also hidden messages."""
        chat = await self._chats.get(id)
        choice = Choice(branches is True, replies is True, hidden is not False)
        return await _file(*await asyncio.to_thread(export_chat, chat, format, choice))

    def _preset_items(self, kind: str) -> list[Item]:
        if kind not in PRESET_KINDS:
            raise BadInput(notice("There are no presets of the kind {name}.", name=kind[:40]), field="kind")
        return self._library.items(kind)


def _text(item: Item) -> str:
    return read_bounded(item.path).decode("utf-8", "replace")


def _problem(item: Item) -> dict[str, Any] | None:
    return item.problem.to_json() if item.problem is not None else None


async def _file(name: str, data: bytes) -> dict[str, Any]:
    return {"filename": name, "data_base64": await paced(_encoded(data))}


def _encoded(data: bytes) -> Steps[str]:
    parts = []
    for start in range(0, len(data), _AT_ONCE):
        parts.append(base64.b64encode(data[start : start + _AT_ONCE]).decode("ascii"))
        yield
    return "".join(parts)


def _decoded(data: str) -> Steps[bytes]:
    parts = []
    try:
        for start in range(0, len(data), _AT_ONCE):
            parts.append(base64.b64decode(data[start : start + _AT_ONCE], validate=True))
            if len(parts[-1]) * 4 != _AT_ONCE * 3 and start + _AT_ONCE < len(data):
                raise ValueError("it ends before its end")
            yield
    except (binascii.Error, ValueError):
        raise BadInput(notice("{field} is not base64.", field="data_base64"), field="data_base64") from None
    return b"".join(parts)


def _entry_line(e: LoreEntry) -> dict[str, Any]:
    return {
        "uid": e.uid, "keys": list(e.keys), "secondary_keys": list(e.secondary_keys), "content": e.content,
        "comment": e.comment, "enabled": e.enabled, "constant": e.constant, "order": e.order,
        "position": e.position, "depth": e.depth,
    }


def _character_line(item: Item) -> dict[str, Any]:
    file = item.value
    line: dict[str, Any] = {"id": item.id, "source": item.source, "problem": _problem(item), "name": item.id}
    if isinstance(file, CardFile):
        card = file.card
        line |= {
            "name": card.display_name, "tags": list(card.tags), "creator": card.creator,
            "notes": card.creator_notes.strip().split("\n\n")[0][:300], "greetings": len(card.greetings),
            "entries": len(card.book.entries) if card.book else 0, "spec": file.spec,
        }
    return line
