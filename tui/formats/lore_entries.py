"""Lore entries of every dialect as `LoreEntry` (cards.md 4.5, 5 and 7; sillytavern.md 1.2 and 2.3).

Decorators (`@@name value`) stay in the content as the author wrote them; `tui.domain.lore_decorators` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from tui.domain.lore import LoreEntry, LorePosition, MatchField
from tui.formats.coerce import Repairs, flag, mapping, maybe_flag, maybe_whole, plain_name, whole
from tui.formats.jsontext import NumberText

ENTRY_LIMIT = 20_000
KEY_LIMIT = 20_000

POSITIONS: dict[int, LorePosition] = {
    0: "before_char", 1: "after_char", 2: "note_top", 3: "note_bottom", 4: "at_depth", 5: "examples_top",
    6: "examples_bottom",
    7: "outlet",
}
_ROLES: dict[Any, Literal["system", "user", "assistant"]] = {
    0: "system", 1: "user", 2: "assistant", "system": "system", "user": "user", "assistant": "assistant",
}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


#: What nothing here reads but other programs do, carried along: our name (that of card books); worlds have it in camel
#: case.
_EXTRA_NAMES = {name: camel(name) for name in ("automation_id", "vectorized", "display_index")}
MATCH_NAMES: dict[MatchField, str] = {
    "persona": "match_persona_description", "description": "match_character_description",
    "personality": "match_character_personality", "character_note": "match_character_depth_prompt",
    "scenario": "match_scenario", "creator_notes": "match_creator_notes",
}
_MATCHED = [(found, name, camel(name)) for found, name in MATCH_NAMES.items()]
#: Under this name in `extensions` stands what only this program knows.
OWN = "traktir"


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

    values = {k: v for k, v in ext.items() if v is not None} | {k: v for k, v in item.items() if v is not None}

    def pick(name: str, other: str = "") -> Any:
        return values[name] if name in values else values.get(other)

    keys = read_keys(pick("key", "keys"), "keys", repairs)
    secondary = read_keys(pick("keysecondary", "secondary_keys"), "secondary_keys", repairs)
    titles = (plain_name(repairs.text(pick(name), name), 200) for name in ("comment", "name"))
    has_chance = flag(pick("useProbability", "use_probability"), True)
    return LoreEntry(
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
        outlet=repairs.text(pick("outletName", "outlet_name"), "outletName")[:200],
        extra=_extra(pick), **_group(pick, repairs), **_timing(pick), **_own(ext), **_filters(pick, repairs),
    )


_Pick = Callable[..., Any]


def _group(pick: _Pick, repairs: Repairs) -> dict[str, Any]:
    names = repairs.text(pick("group"), "group").split(",")
    return dict(
        groups=tuple(dict.fromkeys(name.strip() for name in names[:100] if name.strip())),
        group_override=flag(pick("groupOverride", "group_override"), False),
        group_weight=whole(pick("groupWeight", "group_weight"), 100, 0, 1_000_000),
        group_scoring=maybe_flag(pick("useGroupScoring", "use_group_scoring")),
    )


def _timing(pick: _Pick) -> dict[str, Any]:
    level = pick("delayUntilRecursion", "delay_until_recursion")
    number = maybe_whole(level, 0, 1000)
    return dict(
        sticky=whole(pick("sticky"), 0, 0, 1_000_000), cooldown=whole(pick("cooldown"), 0, 0, 1_000_000),
        delay=whole(pick("delay"), 0, 0, 1_000_000),
        exclude_recursion=flag(pick("excludeRecursion", "exclude_recursion"), False),
        prevent_recursion=flag(pick("preventRecursion", "prevent_recursion"), False),
        delay_until_recursion=number if number is not None and not isinstance(level, bool) else int(flag(level, False)),
    )


def _filters(pick: _Pick, repairs: Repairs) -> dict[str, Any]:
    found = mapping(pick("characterFilter", "character_filter"))
    return dict(
        triggers=tuple(repairs.texts(pick("triggers"), "triggers"))[:100],
        characters=tuple(repairs.texts(found.get("names"), "characterFilter")),
        character_tags=tuple(repairs.texts(found.get("tags"), "characterFilter")),
        characters_exclude=flag(found.get("isExclude"), False),
        match_fields=frozenset(f for f, own, worlds in _MATCHED if flag(pick(worlds, own), False)),
    )


def _own(ext: Mapping[str, Any]) -> dict[str, Any]:
    """What only this program knows: `extensions.traktir.stem` and `.anchored`, of an entry or of a book."""
    own = mapping(ext.get(OWN))
    return {name: maybe_flag(own.get(name)) for name in ("stem", "anchored")}


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
    return "before_char" if "key" in item or "keys" not in item else "after_char"


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
