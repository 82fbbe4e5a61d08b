"""What a SillyTavern chat's header holds beside names (`chat_metadata`, sillytavern.md 2.4): notes, overrides, extra
texts, variables and timers. To a chat's own fields and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from tui.domain.cleantext import clean_line
from tui.formats.coerce import Repairs, flag, mapping, maybe_whole, plain_name
from tui.formats.jsontext import dump_json

#: Characters of one text, and of everything in a header that is kept as it stands.
_LONGEST_TEXT, _LONGEST_REST = 200_000, 500_000
_MOST = 100
_DEEPEST = 9999
ROLES = ("system", "user", "assistant")           # SillyTavern numbers them so
_NOTE_PLACES = {0: "after_story", 1: "at_depth", 2: "before_story"}
_INJECTED = {-1: "none", 0: "after", 1: "at_depth", 2: "before"}
#: Its name for a text to ours.
_TEXTS = {
    "note_prompt": "note", "scenario": "scenario", "mes_example": "mes_example", "system_prompt": "system_prompt",
}
_NOTE_DEFAULTS = {"note_depth": 4, "note_role": "system", "note_interval": 1, "note_position": "at_depth"}
#: What is written anew, so that no old value outlives what the person took away.
_WRITTEN = (*_TEXTS, *_NOTE_DEFAULTS, "script_injects", "variables")


def fields_of_header(meta: Mapping[str, Any], repairs: Repairs) -> dict[str, Any]:
    """The chat fields that a header asks for; those that only say what holds anyway are absent. `sillytavern` holds
    the header itself."""
    out: dict[str, Any] = {}
    for theirs, ours in _TEXTS.items():
        if text := _text(meta.get(theirs), theirs, repairs):
            out[ours] = text
    out |= {name: value for name, value in _note_fields(meta).items() if value != _NOTE_DEFAULTS[name]}
    more = {
        "injections": _injections(mapping(meta.get("script_injects")), repairs),
        "variables": _variables(mapping(meta.get("variables"))),
        "lore_timers": _timers(mapping(meta.get("timedWorldInfo"))),
    }
    out |= {name: value for name, value in more.items() if value}
    if meta:
        kept = dump_json(dict(meta))
        if len(kept) <= _LONGEST_REST:
            out["sillytavern"] = json.loads(kept)
        else:
            repairs.add("The rest of the chat's header is larger than {limit} characters; it was left out.",
                        limit=_LONGEST_REST)
    return out


def lorebook_of_header(meta: Mapping[str, Any]) -> str:
    """The name of the lorebook that a chat is linked to."""
    name = meta.get("world_info")
    return plain_name(name) if isinstance(name, str) else ""


def header_of_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A chat's fields as `chat_metadata`: what it came with, and over that what holds now."""
    meta = {k: v for k, v in mapping(fields.get("sillytavern")).items() if k not in _WRITTEN}
    for theirs, ours in _TEXTS.items():
        if fields.get(ours):
            meta[theirs] = fields[ours]
    if any(fields.get(name) is not None for name in ("note", *_NOTE_DEFAULTS)):
        meta |= _note_header(fields)
    if injections := fields.get("injections"):
        meta["script_injects"] = {item["id"]: _injected(item) for item in injections}
    if variables := fields.get("variables"):
        meta["variables"] = dict(variables)
    books = fields.get("lorebooks")
    if not books:
        meta.pop("world_info", None)
    elif not meta.get("world_info"):
        meta["world_info"] = books[0]
    return meta


def _text(value: Any, field: str, repairs: Repairs) -> str:
    text = repairs.text(value, field)
    if len(text) > _LONGEST_TEXT:
        repairs.add("{field} is longer than {limit} characters; the rest was left out.", field=field,
                    limit=_LONGEST_TEXT)
    return text[:_LONGEST_TEXT]


def _note_fields(meta: Mapping[str, Any]) -> dict[str, Any]:
    position, role = maybe_whole(meta.get("note_position")), maybe_whole(meta.get("note_role"))
    depth, interval = (maybe_whole(meta.get(name), 0, _DEEPEST) for name in ("note_depth", "note_interval"))
    return {
        "note_depth": 4 if depth is None else depth, "note_interval": 1 if interval is None else interval,
        "note_position": _NOTE_PLACES.get(1 if position is None else position, "at_depth"), "note_role": _role(role),
    }


def _role(number: int | None) -> str:
    return ROLES[number] if number in (0, 1, 2) else "system"


def _injections(given: Mapping[str, Any], repairs: Repairs) -> list[dict[str, Any]]:
    out = []
    for name, item in list(given.items())[:_MOST]:
        fields = mapping(item)
        text = _text(fields.get("value"), "value", repairs)
        if not text:
            continue
        if fields.get("filter"):
            repairs.add("The script that decides when the text {name} is there is never run; the text always is.",
                        name=name)
        place = maybe_whole(fields.get("position"))
        depth = maybe_whole(fields.get("depth"), 0, _DEEPEST)
        out.append({
            "id": clean_line(name, 100), "text": text, "position": _INJECTED.get(1 if place is None else place, "none"),
            "depth": 4 if depth is None else depth, "role": _role(maybe_whole(fields.get("role"))),
            "scan": flag(fields.get("scan"), False),
        })
    return out


def _injected(item: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {place: number for number, place in _INJECTED.items()}
    return {
        "value": item["text"], "position": numbers.get(str(item.get("position", "at_depth")), 1),
        "depth": item.get("depth", 4), "scan": item.get("scan") is True,
        "role": ROLES.index(str(item.get("role", "system"))), "filter": None,
    }


def _variables(given: Mapping[str, Any]) -> dict[str, str]:
    return {
        clean_line(name, 100): value if isinstance(value, str) else dump_json(value)
        for name, value in list(given.items())[:1000]
        if value is not None and len(str(value)) <= _LONGEST_TEXT
    }


def _timers(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Running effects, by the names that SillyTavern gives lorebooks. Whether an entry was edited since, its own sums
    tell; they are not ours, so it is taken for unchanged."""
    out: list[dict[str, Any]] = []
    kinds: tuple[Literal["sticky", "cooldown"], ...] = ("sticky", "cooldown")
    for kind in kinds:
        for key, item in list(mapping(given.get(kind)).items())[:1000]:
            book, _, uid = key.rpartition(".")
            start, end = maybe_whole(mapping(item).get("start")), maybe_whole(mapping(item).get("end"))
            if book and uid and start is not None and end is not None:
                out.append({
                    "book": book, "uid": uid, "kind": kind, "start": start, "end": end,
                    "protected": flag(mapping(item).get("protected"), False),
                })
    return out


def _note_header(fields: Mapping[str, Any]) -> dict[str, Any]:
    places = {place: number for number, place in _NOTE_PLACES.items()}
    found = {name: default if fields.get(name) is None else fields[name] for name, default in _NOTE_DEFAULTS.items()}
    return {
        "note_prompt": fields.get("note") or "", "note_interval": found["note_interval"],
        "note_position": places.get(str(found["note_position"]), 1), "note_depth": found["note_depth"],
        "note_role": ROLES.index(str(found["note_role"])),
    }
