"""Taking files in: the kind is read from the bytes; one that cannot be taken is named, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any

from tui.core.chat_sets import ALREADY, id_of
from tui.core.chats import Chats, now_ms
from tui.core.events import EventHub
from tui.core.library import Library
from tui.core.regex_files import keep_scripts
from tui.core.scripting import keep_quick_replies
from tui.core.snapshots import card_to_json
from tui.domain.card import Card
from tui.domain.chat import Chat, Node, Revision
from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.prompt.derive import derive_template
from tui.domain.template import Template
from tui.formats.card_read import read_card
from tui.formats.chat_read import ChatFile, ImportedMessage, read_chat
from tui.formats.detect import detect_kind
from tui.formats.files import shown_name
from tui.formats.jsontext import parse_json
from tui.formats.library import Library as Folder
from tui.formats.lore_read import read_lore_file
from tui.formats.preset_import import convert_preset
from tui.formats.preset_report import Converted
from tui.formats.yaml_read import read_yaml
from tui.sandbox import Sandbox
from tui.wire.ids import new_id

_Taker = Callable[[str, bytes], "_Taken"]
_Taken = dict[str, Any]
_CONTAINERS = {
    "png": ".png", "json": ".json", "yaml": ".yaml", "charx": ".charx", "jpeg": ".jpg", "webp": ".webp",
}
#: What a chat template was refused for that it will be refused for always.
_NEVER_RENDERS = {
    "syntax": notice("The chat template in {file} cannot be read: line {line}: {reason}"),
    "memory": notice("The chat template in {file} wants too much memory."),
    "output": notice("The chat template in {file} writes too much text."),
    "security": notice("The chat template in {file} tries what no template may: {reason}"),
}
_FOLDERS = {
    "card": "characters", "lorebook": "lorebooks", "template": "templates", "samplers": "samplers",
    "prompt": "prompts", "profile": "profiles",
}


class Importer:
    """One file in, one or more results out (a file may hold several chats, or several presets)."""

    def __init__(self, library: Library, chats: Chats, events: EventHub) -> None:
        self._library = library
        self._chats = chats
        self._events = events

    async def take(self, name: str, data: bytes) -> list[dict[str, Any]]:
        """Import `data`, called `name` by its owner. Never raises for bad data: the result carries the error."""
        base = PurePath(name.replace("\\", "/")).name
        try:
            kind = await asyncio.to_thread(detect_kind, data, base)
            if kind == "chat":
                return await self._chat_files(name, data, base)
            if kind == "preset":
                return await self._foreign_presets(name, data, base)
            if kind == "regex":
                taken = await asyncio.to_thread(self._scripts, name, data, base)
                self._events.emit("regex")
                return [taken]
            if kind == "quick replies":
                return [await asyncio.to_thread(self._quick_replies, name, data, base)]
            taken = await self._file(str(kind or ""), base, data)
        except TraktirError as error:
            return [_refused(name, error)]
        self._events.emit("library", kind=taken["folder"])
        return [{"type": "file", "path": name, "error": None, **taken}]

    async def _file(self, kind: str, base: str, data: bytes) -> _Taken:
        takers: dict[str, _Taker] = {"characters": self._card, "lorebooks": self._lorebook}
        folder = _FOLDERS.get(kind)
        if folder is None:
            raise await asyncio.to_thread(_unknown, base, data)
        take = takers.get(folder, partial(self._preset, kind))
        return await self._library.change(folder, lambda _: take(base, data))

    async def _foreign_presets(self, name: str, data: bytes, base: str) -> list[dict[str, Any]]:
        """Another program's preset: each part becomes a file of its own, and one that cannot be kept does not keep
        the others away."""
        derive = partial(_derived, shown_name(base))
        convert = partial(convert_preset, data, base, derive=derive, find_template=self._template)
        results: list[dict[str, Any]] = []
        for part in await asyncio.to_thread(convert):
            folder = _FOLDERS[part.kind]
            try:
                taken = await self._library.change(folder, partial(_keep, part=part))
                self._events.emit("library", kind=folder)
                results.append({"type": "file", "path": name, "error": None, **taken})
            except TraktirError as error:
                results.append(_refused(name, error))
        return results

    def _quick_replies(self, name: str, data: bytes, base: str) -> dict[str, Any]:
        """A set of quick replies: the file as it is."""
        path, found = keep_quick_replies(self._library.config / "quick-replies", base, data)
        taken = _taken("quick replies", "quick-replies", path.stem, found.name, (), replies=len(found.replies))
        return {"type": "file", "path": name, "error": None, **taken}

    def _scripts(self, name: str, data: bytes, base: str) -> dict[str, Any]:
        """Regex scripts: the file as it is."""
        path, scripts = keep_scripts(self._library.config / "regex", base, data)
        label = ", ".join(script.name for script in scripts[:5])
        return {"type": "file", "path": name, "error": None, **_taken("regex", "regex", path.stem, label, ())}

    def _template(self, wanted: str) -> Template | None:
        """The prompt format of that id, alias or label."""
        known = self._library.templates()
        word = wanted.casefold()
        return next((t for t in known if word in (t.id, t.label.casefold(), *t.aliases)), None)

    def _card(self, base: str, data: bytes) -> _Taken:
        file = read_card(data, base)
        card_id = self._library.folders["characters"].save(file.card.name, _CONTAINERS[file.container], data)
        return _taken("card", "characters", card_id, file.card.name, file.notes, spec=file.spec)

    def _lorebook(self, base: str, data: bytes) -> _Taken:
        file = read_lore_file(data, base)
        name = file.book.name or PurePath(base).stem
        suffix = ".yaml" if base.lower().endswith((".yaml", ".yml")) else ".json"
        book_id = self._library.folders["lorebooks"].save(name, suffix, data)
        blank = sum(1 for e in file.book.entries if not e.keys and not e.constant)
        notes = file.notes
        if blank:
            notes = (*notes, notice("Entries without keys, which never fire: {n}.", n=blank))
        return _taken("lorebook", "lorebooks", book_id, name, notes, entries=len(file.book.entries))

    def _preset(self, kind: str, base: str, data: bytes) -> _Taken:
        folder = _FOLDERS[kind]
        preset_id = self._library.folders[folder].save(PurePath(base).stem, ".yaml", data)
        return _taken(kind, folder, preset_id, preset_id, ())

    async def _chat_files(self, name: str, data: bytes, base: str) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for number, file in enumerate(await asyncio.to_thread(read_chat, data, base)):
            chat = await asyncio.to_thread(self.chat, file, PurePath(name.replace("\\", "/")).parent.name)
            chat = replace(chat, id=id_of([data, *[b"more"] * number]))
            notes = file.notes
            if file.lorebook and not chat.fields.get("lorebooks"):
                notes = (*notes, _no_book(file.lorebook, chat.id))
            if not await self._chats.add(chat):
                notes = (ALREADY,)
            title = file.title or file.character
            taken = _taken("chat", "chats", chat.id, title, notes, messages=len(file.messages))
            results.append({"type": "file", "path": name, "error": None, **taken})
        return results

    def chat(self, file: ChatFile, folder: str) -> Chat:
        """The chat that a file comes to, with the character and the lorebook that it names."""
        name = file.character or "Character"
        fields: dict[str, Any] = {
            "title": file.title or name, "character": "", "card": card_to_json(Card(name=name)),
        }
        if (found := self._speaker(file.character, folder)) is not None:
            fields |= {"character": found[0], "card": card_to_json(found[1])}
        if file.user:
            fields["persona"] = file.user
        fields |= self._with_own_books(file.fields)
        if (book := self._book(file.lorebook)) is not None:
            fields["lorebooks"] = [book]
        chat = Chat(new_id(), now_ms(), now_ms(), None, fields)
        nodes: dict[str, Node] = {}
        parent: str | None = None
        for message in file.messages:
            parent = _add(nodes, parent, message)
        return replace(chat, head=parent, nodes=nodes)

    def _speaker(self, name: str, folder: str) -> tuple[str, Card] | None:
        """Whose chat it is: SillyTavern keeps chats in folders named after the card's file. Else by name, the person's
        own cards first."""
        cards = [
            (item.source == "shipped", item.id, item.value.card)
            for item in self._library.items("characters") if getattr(item.value, "card", None) is not None
        ]
        for wanted in (folder, name):
            ours = [c for c in cards if wanted and wanted in (c[1], c[2].name, c[2].display_name)]
            if ours:
                best = min(ours, key=lambda card: card[0])
                return best[1], best[2]
        return None

    def _with_own_books(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A chat's fields with lorebooks by the names that they have here."""
        timers = [
            {**timer, "book": self._book(timer["book"]) or timer["book"]} for timer in fields.get("lore_timers") or ()
        ]
        return {**fields, "lore_timers": timers} if timers else dict(fields)

    def _book(self, name: str) -> str | None:
        """The id of the lorebook of that name."""
        word = name.casefold() or None
        names = ((item.id, getattr(item.value, "name", "")) for item in self._library.items("lorebooks"))
        return next((book for book, label in names if word in (book.casefold(), label.casefold())), None)


def _no_book(name: str, chat: str) -> Notice:
    return notice(
        "The chat's lorebook {name} is not here. Import it, then: traktir chats set {chat} lorebooks=NAME",
        name=clean_line(name, 80), chat=chat,
    )


def _add(nodes: dict[str, Node], parent: str | None, message: ImportedMessage) -> str:
    """Add a message and its swipes as siblings. Returns the id of the one that was on view."""
    texts = list(message.swipes) or [message.text]
    thoughts = list(message.thoughts) or [""] * len(texts)
    chosen = message.swipe_index if 0 <= message.swipe_index < len(texts) else 0
    texts[chosen], thoughts[chosen] = message.text, message.reasoning or thoughts[chosen]
    ids: list[str] = []
    for text, thought in zip(texts, thoughts, strict=True):
        created = message.created_ms or now_ms()
        revision = Revision(new_id(), text, created, reasoning=thought)
        node = Node(
            new_id(), parent, message.role, message.name, created, len(nodes), (revision,), revision.id,
            hidden=message.hidden,
        )
        nodes[node.id] = node
        ids.append(node.id)
    return ids[chosen]


def _unknown(base: str, data: bytes) -> BadInput:
    """Why a file cannot be taken. Raises BadInput where it is damaged: the parser names the line."""
    suffix, name = PurePath(base).suffix.lower(), shown_name(base)
    if suffix in (".yaml", ".yml"):
        told = _no_use(read_yaml(data, name).value, name)
    elif suffix in (".json", ".lorebook", ".story", ".kcpps", ".preset", ".settings"):
        told = _no_use(parse_json(data, name).value, name)
    elif not data.strip():
        told = notice("{file} is empty.", file=name)
    elif suffix in (".charx", ".byaf", ".zip"):
        told = notice("{file} is named like an archive, but is none that can be opened.", file=name)
    elif suffix in (".jinja", ".jinja2", ".j2"):
        told = notice("{file} is a chat template by itself; these are read from models and presets only.", file=name)
    elif b"\0" in data[:4096]:
        told = notice("{file} holds bytes that are neither text nor a picture or archive known here.", file=name)
    else:
        told = notice("{file} is a text that is neither JSON nor YAML.", file=name)
    return BadInput(
        told, notice("Traktir takes character cards, lorebooks, chats and presets: its own and those of SillyTavern, "
                     "text-generation-webui and KoboldCpp."), file=base,
    )


def _no_use(value: Any, name: str) -> Notice:
    """Why a file that was parsed is none of ours."""
    if isinstance(value, dict) and value:
        fields = clean_line(", ".join(clean_line(str(field), 40) for field in list(value)[:20]), 200)
        return notice("{file} is nothing that Traktir can read; its fields are: {names}.", file=name, names=fields)
    return notice("{file} holds no fields, so it is no card, lorebook, chat or preset.", file=name)


def _derived(file: str, jinja: str) -> Template | None:
    """A prompt format read off a Jinja chat template, which a process of its own renders under limits; None where it
    is no such format. Raises BadInput for one that cannot be rendered at all."""
    sandbox = Sandbox()
    try:
        render = sandbox.renderer(jinja)
        derived = derive_template(render, jinja=jinja)
        refusal = render.refusal
        if derived.template is None and refusal is not None and refusal.kind in _NEVER_RENDERS:
            told = Notice(_NEVER_RENDERS[refusal.kind].id, {**refusal.why.args, "file": file})
            raise BadInput(told, "Nothing was made of it.", file=file)
        return derived.template
    finally:
        sandbox.close()


def _keep(folder: Folder, part: Converted) -> _Taken:
    """Write one converted preset; another of that name stays, and this one gets a number."""
    preset_id = folder.save(part.name, ".yaml", part.data)
    return _taken(part.kind, _FOLDERS[part.kind], preset_id, part.name, part.notes, source=part.source)


def _refused(name: str, error: TraktirError) -> dict[str, Any]:
    return {"type": "file", "path": name, "kind": None, "name": "", "warnings": [], "error": error.to_json()}


def _taken(
    kind: str, folder: str, item_id: str, name: str, notes: tuple[Notice, ...], **more: Any
) -> dict[str, Any]:
    warnings = [n.to_json() for n in notes]
    return {"kind": kind, "folder": folder, "id": item_id, "name": name, "warnings": warnings, **more}


