"""A card object of any version as `Card` (cards.md 2 to 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tui.domain.card import Card
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.formats.coerce import Repairs, mapping, plain_name, whole
from tui.formats.jsontext import parse_json
from tui.formats.lore_read import book_from_card

#: What is offered of a card's greetings; all of them stay in its file. Each becomes a message of a new chat.
GREETING_LIMIT = 1000
#: A field of the card and the names under which files hold it; the first that holds something counts.
TEXT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "description": ("description", "char_persona", "context"),
    "personality": ("personality",),
    "scenario": ("scenario", "world_scenario"),
    "first_mes": ("first_mes", "char_greeting", "greeting"),
    "mes_example": ("mes_example", "example_dialogue", "sampleChat"),
    "creator_notes": ("creator_notes", "creatorcomment"),
    "system_prompt": ("system_prompt",),
    "post_history_instructions": ("post_history_instructions",),
    "creator": ("creator",),
    "character_version": ("character_version",),
}
_NAMES = ("name", "char_name", "bot")
#: Extensions that other programs run.
_SCRIPTS = (
    "regex_scripts", "TavernHelper_scripts", "tavern_helper", "triggerscript", "virtualscript", "customScripts",
    "backgroundHTML",
)
_TAGS = re.compile("[\U000e0000-\U000e0fff]")
#: A mapping with one of these (beside a name) is taken for a card.
_MARKS = {name for names in TEXT_FIELDS.values() for name in names} - {
    "creator", "context", "description", "system_prompt", "post_history_instructions", "character_version",
}


def looks_like_card(value: Any) -> bool:
    """Whether a parsed file may be a card of any version."""
    if isinstance(value, list):
        return bool(value) and len(value) < 10_000 and isinstance(value[0], Mapping) and looks_like_card(value[0])
    if not isinstance(value, Mapping):
        return False
    if str(value.get("spec", "")).startswith("chara_card"):
        return True
    if isinstance(value.get("data"), Mapping) and value["data"].get("name") is not None and _MARKS & set(value["data"]):
        return True
    if isinstance(value.get("character"), Mapping):
        character = value["character"]
        return "definition" in character or "aiName" in character or "aiPersona" in character
    named = any(n in value for n in (*_NAMES, "greeting"))
    return named and (bool(_MARKS & set(value)) or value.get("kind") == "character" or "description" in value)


def card_from_object(value: Any, stem: str, file: str, repairs: Repairs) -> Card:
    """The card in a parsed object. `stem` names it where it has no name. Raises BadInput where it is no card."""
    if isinstance(value, list) and looks_like_card(value):
        if len(value) > 1:
            repairs.add("The file holds {count} cards; the first one was taken.", count=len(value))
        value = value[0]
    if not looks_like_card(value):
        raise BadInput(
            notice("{file} is not a character card: it has none of a card's fields.", file=file),
            "Cards are PNG, JSON, CHARX or YAML files with a name, a description, a first message.",
            file=file,
        )
    spec = _spec(value, repairs)
    data = _data(value, file, repairs)
    extensions = mapping(data.get("extensions"))
    note = mapping(extensions.get("depth_prompt"))
    name = _name(data, value, stem, repairs)
    texts = {field: _text(data, names, repairs) for field, names in TEXT_FIELDS.items()}
    _warn(extensions, texts, repairs)
    return Card(
        name=name, **texts,
        alternate_greetings=_greetings(data, ("alternate_greetings", "alternateGreetings"), repairs),
        group_only_greetings=_greetings(data, ("group_only_greetings",), repairs),
        tags=_tags(data.get("tags"), repairs),
        nickname=plain_name(data["nickname"]) if isinstance(data.get("nickname"), str) else "",
        book=_book(data, name, repairs),
        depth_prompt=repairs.text(note.get("prompt"), "depth_prompt"),
        depth_prompt_depth=whole(note.get("depth"), 4, 0, 10_000),
        depth_prompt_role=note["role"] if note.get("role") in ("system", "user", "assistant") else "system",
        spec=spec, raw=value,
    )


def _warn(extensions: Mapping[str, Any], texts: Mapping[str, str], repairs: Repairs) -> None:
    """Tell what a person would want to know before trusting the card (hostile.md 4 and 10)."""
    carried = {**mapping(extensions.get("risuai")), **extensions}
    if scripts := [name for name in _SCRIPTS if carried.get(name)]:
        repairs.add(
            "The card carries scripts for other programs ({names}); they stay in its file and are never run.",
            names=", ".join(scripts),
        )
    if any(_TAGS.search(text) for text in texts.values()):
        repairs.add("The card's texts hold characters that nobody can see, but that a model may read.")


def _spec(value: Mapping[str, Any], repairs: Repairs) -> str:
    spec = value.get("spec")
    if spec in ("chara_card_v2", "chara_card_v3"):
        version = str(value.get("spec_version", ""))
        if spec == "chara_card_v3" and re.fullmatch(r"\d{1,3}(\.\d{1,3})?", version) and float(version) > 3.0:
            repairs.add("The card is of a newer version ({version}); unknown fields are kept.", version=version)
        return str(spec)
    if spec is not None:
        repairs.add("The card's kind {spec} is not known; it was read by its fields.", spec=str(spec))
        return "chara_card_v3"
    return "chara_card_v2" if isinstance(value.get("data"), Mapping) else "v1"


def _data(value: Mapping[str, Any], file: str, repairs: Repairs) -> Mapping[str, Any]:
    data = value.get("data")
    if isinstance(data, str) and data.lstrip().startswith("{"):
        repairs.add("The card's data was a text; it was read as JSON.")
        data = parse_json(data, file).value
    if isinstance(data, Mapping):
        return data
    if "spec" in value:
        repairs.add("The card has no data object; its fields were taken from the top.")
    character = value.get("character")
    if isinstance(character, Mapping):
        return _foreign_character(character)
    if value.get("kind") == "character" and isinstance(value.get("persona"), Mapping):
        return _agnai(value)
    return value


def _foreign_character(character: Mapping[str, Any]) -> Mapping[str, Any]:
    """A character.ai dump (definition) or a legacy Backyard card (aiName …)."""
    if "aiName" in character or "aiPersona" in character:
        lore = character.get("loreItems")
        items = [mapping(item) for item in lore] if isinstance(lore, list) else []
        return {
            "name": character.get("aiDisplayName") or character.get("aiName"),
            "description": character.get("aiPersona"), "scenario": character.get("scenario"),
            "first_mes": character.get("firstMessage"), "mes_example": character.get("customDialogue"),
            "system_prompt": character.get("basePrompt"),
            "character_book": {
                "entries": [{"keys": item.get("key"), "content": item.get("value")} for item in items]
            } if items else None,
        }
    definition = character.get("definition")
    example = re.sub(r"\{\{random_user_\d+\}\}", "{{user}}", definition) if isinstance(definition, str) else definition
    return {
        "name": character.get("name"), "description": character.get("description"),
        "first_mes": character.get("greeting"),
        "mes_example": f"<START>\n{example}" if example else "", "creator_notes": character.get("title"),
    }


def _agnai(value: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = mapping(value["persona"].get("attributes"))
    lines = [
        ", ".join(map(str, v)) if k == "text" else f"{k}: {', '.join(map(str, v))}"
        for k, v in attributes.items() if isinstance(v, list)
    ]
    return {**value, "description": "\n".join(lines), "creator_notes": value.get("description"),
            "character_book": value.get("characterBook")}


def _name(data: Mapping[str, Any], top: Mapping[str, Any], stem: str, repairs: Repairs) -> str:
    for source in (data, top):
        for key in _NAMES:
            if source.get(key) is not None and (name := plain_name(repairs.text(source[key], "name"))):
                return name
    repairs.add("The card has no name; the file's name was taken.")
    return plain_name(stem) or "Nameless"


def _text(data: Mapping[str, Any], names: tuple[str, ...], repairs: Repairs) -> str:
    for name in names:
        if data.get(name) not in (None, ""):
            return repairs.text(data[name], name)
    return ""


def _greetings(data: Mapping[str, Any], names: tuple[str, ...], repairs: Repairs) -> tuple[str, ...]:
    for name in names:
        if data.get(name) is not None:
            found = repairs.texts(data[name], name)
            if len(found) > GREETING_LIMIT:
                repairs.add(
                    "There are {count} greetings; only the first {limit} are used.",
                    count=len(found), limit=GREETING_LIMIT,
                )
            return found[:GREETING_LIMIT]
    return ()


def _tags(value: Any, repairs: Repairs) -> tuple[str, ...]:
    names = (plain_name(tag, 60) for tag in repairs.texts(value, "tags", split=True)[:1000])
    return tuple(dict.fromkeys(name for name in names if name))


def _book(data: Mapping[str, Any], name: str, repairs: Repairs) -> Any:
    book = data.get("character_book")
    if isinstance(book, Mapping) and book:
        return book_from_card(book, name, repairs)
    if book not in (None, [], {}):
        repairs.add("The card's lorebook could not be read; the rest was taken.")
    return None
