"""Lore entries of every dialect as `LoreEntry` (cards.md 4.5, 5 and 7; sillytavern.md 1.2 and 2.3).

Decorators (`@@name value`) stay in the content as the author wrote them; `tui.domain.lore_decorators` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from tui.domain.lore import LoreEntry, LorePosition
from tui.formats.coerce import Repairs, flag, mapping, maybe_flag, maybe_whole, plain_name, whole
from tui.formats.jsontext import NumberText

ENTRY_LIMIT = 20_000
KEY_LIMIT = 20_000

POSITIONS: dict[int, LorePosition] = {
    0: "before_char", 1: "after_char", 2: "note_top", 3: "note_bottom", 4: "at_depth", 5: "examples_top",
    6: "examples_bottom",
}
_OUTLET = 7
_ROLES: dict[Any, Literal["system", "user", "assistant"]] = {
    0: "system", 1: "user", 2: "assistant", "system": "system", "user": "user", "assistant": "assistant",
}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


#: What later pieces read: our name (that of card books) and the one in SillyTavern worlds.
_EXTRA_NAMES = {
    name: _camel(name)
    for name in (
        "group", "group_override", "group_weight", "use_group_scoring", "sticky", "cooldown", "delay",
        "exclude_recursion", "prevent_recursion", "delay_until_recursion", "automation_id", "outlet_name", "vectorized",
        "display_index", "triggers", "match_persona_description", "match_character_description",
        "match_character_personality",
        "match_character_depth_prompt", "match_scenario", "match_creator_notes", "character_filter",
    )
}


def raw_entries(book: Mapping[str, Any]) -> list[Any]:
    """The entries of a book as a list, whichever way they are kept."""
    found = book.get("entries")
    if isinstance(found, Mapping):
        return list(found.values())
    return list(found) if isinstance(found, list) else []


def read_entries(items: Sequence[Any], reader: Any, repairs: Repairs) -> Iterator[tuple[Any, LoreEntry]]:
    """(raw entry, entry) for all that `reader` can read; uids are made unique. A bad entry costs only itself."""
    taken: set[str] = set()
    if len(items) > ENTRY_LIMIT:
        repairs.add(
            "The book has {count} entries; only the first {limit} are used.", count=len(items), limit=ENTRY_LIMIT
        )
    for number, item in enumerate(items[:ENTRY_LIMIT]):
        if not isinstance(item, Mapping):
            repairs.add("Entry {number} is not an entry; it was left out.", number=number + 1)
            continue
        uid = own_uid(item, number, taken)
        entry = reader(item, uid, repairs)
        if entry is not None:
            yield item, entry


def own_uid(item: Mapping[str, Any], number: int, taken: set[str]) -> str:
    """The file's own id where it is a short word that nobody else has, else the entry's position."""
    found = next((item[k] for k in ("uid", "id", "_id") if item.get(k) is not None), number)
    uid = str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else str(number)
    if not re.fullmatch(r"[\w.:-]{1,64}", uid) or uid in taken:
        uid = f"n{number}"
        while uid in taken:
            uid += "x"
    taken.add(uid)
    return uid


def standard_entry(item: Mapping[str, Any], uid: str, repairs: Repairs) -> LoreEntry | None:
    """An entry of a card book (V2, V3) or of a SillyTavern world, or of both at once (then the world's names win)."""
    if item.get("mode") == "folder" or _is_folder(item):
        return None
    ext = mapping(item.get("extensions"))

    def pick(*names: str) -> Any:
        for name in names:
            for source in (item, ext):
                if source.get(name) is not None:
                    return source[name]
        return None

    keys = read_keys(pick("key", "keys"), "keys", repairs)
    secondary = read_keys(pick("keysecondary", "secondary_keys"), "secondary_keys", repairs)
    titles = (plain_name(repairs.text(pick(name), name), 200) for name in ("comment", "name"))
    has_chance = flag(pick("useProbability", "use_probability"), True)
    entry = LoreEntry(
        uid=uid, keys=keys, secondary_keys=secondary, content=repairs.text(pick("content"), "content"),
        comment=next(filter(None, titles), ""),
        enabled=not flag(item["disable"], False) if item.get("disable") is not None else flag(pick("enabled"), True),
        constant=flag(pick("constant"), False),
        selective=flag(pick("selective"), bool(secondary)),
        logic=whole(pick("selectiveLogic", "selective_logic"), 0, 0, 3),
        order=whole(pick("order", "insertion_order"), 100),
        priority=maybe_whole(pick("priority")),
        position=_position(item, ext), depth=whole(pick("depth"), 4, 0, 100_000), role=_role(pick("role")),
        case_sensitive=maybe_flag(pick("caseSensitive", "case_sensitive")),
        whole_words=maybe_flag(pick("matchWholeWords", "match_whole_words")),
        use_regex=flag(pick("use_regex", "useRegex"), False) or any(is_pattern(k) for k in keys),
        scan_depth=maybe_whole(pick("scanDepth", "scan_depth"), 0, 100_000),
        probability=whole(pick("probability"), 100, 0, 100) if has_chance else 100,
        ignore_budget=flag(pick("ignoreBudget", "ignore_budget"), False),
        extra=_extra(pick),
    )
    if _place(item, ext) == _OUTLET and entry.enabled:
        repairs.add("Entries that belong to an outlet are switched off: outlets are not known here.")
        entry = replace(entry, enabled=False)
    return entry


def _is_folder(item: Mapping[str, Any]) -> bool:
    keys = item.get("keys") or item.get("key")
    first = keys[0] if isinstance(keys, list) and keys else keys
    return isinstance(first, str) and first.startswith("\uf000folder:")


def read_keys(value: Any, field: str, repairs: Repairs) -> tuple[str, ...]:
    """Keys without blanks around them, blank ones dropped: an empty key would match everything."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = [value]
    found = repairs.texts(value, field, split=not (isinstance(value, str) and is_pattern(value)))
    return tuple(k.strip() for k in found if k.strip())[:KEY_LIMIT]


def is_pattern(key: str) -> bool:
    """Whether a key has the form `/…/flags`; only then is it a pattern, whatever `use_regex` says (cards.md 5)."""
    return len(key) > 2 and re.fullmatch(r"/.+/[a-z]*", key, re.DOTALL) is not None


def _place(item: Mapping[str, Any], ext: Mapping[str, Any]) -> int | None:
    """SillyTavern's number of a position; the one in `extensions` wins."""
    own = ext.get("position")
    return maybe_whole(own if own not in (None, "") else item.get("position"), 0, 99)


def _position(item: Mapping[str, Any], ext: Mapping[str, Any]) -> LorePosition:
    place = _place(item, ext)
    if place is None and (item.get("position") in ("before_char", "after_char")):
        return "before_char" if item["position"] == "before_char" else "after_char"
    if place is not None:
        return POSITIONS.get(place, "after_char")
    return "before_char" if "key" in item else "after_char"


def _role(value: Any) -> Literal["system", "user", "assistant"]:
    key = value.strip().casefold() if isinstance(value, str) else maybe_whole(value)
    if isinstance(key, str) and key.isdigit():
        key = int(key[:3])
    return _ROLES.get(key, "system")


def _extra(pick: Callable[..., Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, camel in _EXTRA_NAMES.items():
        value = pick(name, camel)
        if value not in (None, "", False, []):
            out[name] = float(value) if isinstance(value, NumberText) else value
    return out
