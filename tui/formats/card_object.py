"""A card as the JSON object that files hold: built anew, or the object it was read from with changes patched in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tui.domain.card import Card
from tui.domain.errors import BadInput
from tui.domain.lore import Lorebook
from tui.domain.lore_decorators import split_decorators
from tui.domain.notice import notice
from tui.formats.coerce import mapping
from tui.formats.jsontext import parse_json
from tui.formats.lore_write import card_book_object

V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
_TEXTS = (
    *V1_FIELDS, "creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version",
    "nickname",
)
_LISTS = ("alternate_greetings", "group_only_greetings", "tags")
_NOTE = {"depth_prompt": "prompt", "depth_prompt_depth": "depth", "depth_prompt_role": "role"}
#: What may be changed in a card.
EDITABLE = (*_TEXTS, *_LISTS, *_NOTE, "book")


def object_from_card(card: Card) -> dict[str, Any]:
    """A whole V2 or V3 object for a card that was read from none."""
    data: dict[str, Any] = {name: getattr(card, name) for name in _TEXTS if name != "nickname"}
    data["alternate_greetings"] = list(card.alternate_greetings)
    data["tags"] = list(card.tags)
    data["extensions"] = {}
    if card.depth_prompt:
        data["extensions"]["depth_prompt"] = {key: getattr(card, field) for field, key in _NOTE.items()}
    if card.book is not None:
        data["character_book"] = card_book_object(replace(card.book, raw={}))
    v3 = card.spec == "chara_card_v3" or bool(card.nickname or card.group_only_greetings)
    if v3:
        data["group_only_greetings"] = list(card.group_only_greetings)
        if card.nickname:
            data["nickname"] = card.nickname
    return {"spec": "chara_card_v3" if v3 else "chara_card_v2", "spec_version": "3.0" if v3 else "2.0", "data": data}


def patched(card: Card, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The object `card` was read from with `fields` (names of `EDITABLE`) changed; everything else stays as it was,
    and the top-level mirror of the V1 fields follows. A V1 object becomes V2. Raises BadInput for other names."""
    for name in fields:
        if name not in EDITABLE:
            raise BadInput(notice("A card has no field called {field}.", field=name[:60]), field=name[:60])
    top = _with_data(card)
    data = dict(top["data"])
    for name in _TEXTS:
        if name in fields:
            data[name] = str(fields[name])
            if name in V1_FIELDS and name in top:
                top[name] = str(fields[name])
    for name in _LISTS:
        if name in fields:
            data[name] = [str(item) for item in fields[name]]
            if name == "tags" and "tags" in top:
                top["tags"] = data["tags"]
    if "creator_notes" in fields and "creatorcomment" in top:
        top["creatorcomment"] = str(fields["creator_notes"])
    if any(name in fields for name in _NOTE):
        data["extensions"] = _with_note(data, card, fields)
    if "book" in fields:
        _set_book(data, fields["book"])
    top["data"] = data
    return top


def _with_data(card: Card) -> dict[str, Any]:
    """The raw object in the V2 or V3 shape, a copy at its top level."""
    raw = card.raw
    if not isinstance(raw, Mapping) or not raw:
        return object_from_card(card)
    data = raw.get("data")
    if isinstance(data, str) and data.lstrip().startswith("{"):   # as it was read
        data = parse_json(data, "card").value
    if isinstance(data, Mapping):
        return {**raw, "data": data}
    built = object_from_card(card)
    built["data"].update({
        key: raw[key] for key in ("extensions", "assets", "source") if isinstance(raw.get(key), (dict, list))
    })
    if isinstance(raw.get("character_book"), Mapping):
        built["data"]["character_book"] = raw["character_book"]
    return {**raw, **built}


def _with_note(data: Mapping[str, Any], card: Card, fields: Mapping[str, Any]) -> dict[str, Any]:
    extensions = dict(mapping(data.get("extensions")))
    note = {"prompt": card.depth_prompt, "depth": card.depth_prompt_depth, "role": card.depth_prompt_role}
    note.update(mapping(extensions.get("depth_prompt")))
    note.update({key: fields[field] for field, key in _NOTE.items() if field in fields})
    return {**extensions, "depth_prompt": note}


def _set_book(data: dict[str, Any], book: Lorebook | Mapping[str, Any] | None) -> None:
    if book is None:
        data.pop("character_book", None)
    else:
        data["character_book"] = card_book_object(book) if isinstance(book, Lorebook) else dict(book)


def as_v3(top: Mapping[str, Any]) -> dict[str, Any]:
    """The object under the V3 spec, with the fields that V3 demands."""
    data = dict(mapping(top.get("data")))
    data.setdefault("group_only_greetings", [])
    if top.get("spec") == "chara_card_v3":
        return {**top, "data": data}
    return {**top, "spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def as_v2(top: Mapping[str, Any]) -> dict[str, Any]:
    """The object under the V2 spec, decorators stripped from its book (cards.md 4.2)."""
    if top.get("spec") == "chara_card_v2":
        return {**top, "spec_version": "2.0"}
    data = dict(mapping(top.get("data")))
    if data.get("group_only_greetings") == []:
        del data["group_only_greetings"]               # V3 demands the field, V2 does not know it
    book = data.get("character_book")
    entries = book.get("entries") if isinstance(book, Mapping) else None
    if isinstance(book, Mapping) and isinstance(entries, list):
        data["character_book"] = {**book, "entries": [_undecorated(item) for item in entries]}
    return {**top, "spec": "chara_card_v2", "spec_version": "2.0", "data": data}


def _undecorated(item: Any) -> Any:
    if isinstance(item, Mapping) and isinstance(item.get("content"), str) and item["content"].startswith("@@"):
        return {**item, "content": split_decorators(item["content"])[1]}
    return item
