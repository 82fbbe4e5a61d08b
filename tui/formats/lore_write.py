"""Lorebooks back to files: what was not touched leaves as it came, byte for byte in meaning (cards.md 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.domain.lore import Lorebook, LoreEntry
from tui.formats.coerce import mapping, maybe_flag
from tui.formats.jsontext import dump_json
from tui.formats.lore_entries import MATCH_NAMES, OWN, POSITIONS, camel, is_pattern
from tui.formats.lore_read import WHOLE, Dialect, dialect_of, entries_with_raw

_PLACE_NUMBER = {name: number for number, name in POSITIONS.items()}
_ROLE_NUMBER = {"system": 0, "user": 1, "assistant": 2}
#: Fields of an entry by their names in a SillyTavern world.
_WORLD = {
    "keys": "key", "secondary_keys": "keysecondary", "content": "content", "comment": "comment", "constant": "constant",
    "selective": "selective", "logic": "selectiveLogic", "order": "order", "depth": "depth",
    "case_sensitive": "caseSensitive", "whole_words": "matchWholeWords", "scan_depth": "scanDepth",
    "probability": "probability", "ignore_budget": "ignoreBudget", "outlet": "outletName",
    "group_override": "groupOverride", "group_weight": "groupWeight", "group_scoring": "useGroupScoring",
    "sticky": "sticky", "cooldown": "cooldown", "delay": "delay", "exclude_recursion": "excludeRecursion",
    "prevent_recursion": "preventRecursion", "delay_until_recursion": "delayUntilRecursion", "triggers": "triggers",
}
#: … and in a card's book: (name, whether it stands in `extensions`).
_CARD = {
    "keys": ("keys", False), "secondary_keys": ("secondary_keys", False), "content": ("content", False),
    "comment": ("comment", False), "enabled": ("enabled", False), "constant": ("constant", False),
    "selective": ("selective", False), "order": ("insertion_order", False), "priority": ("priority", False),
    "case_sensitive": ("case_sensitive", False), "use_regex": ("use_regex", False), "logic": ("selectiveLogic", True),
    "depth": ("depth", True), "role": ("role", True), "whole_words": ("match_whole_words", True),
    "scan_depth": ("scan_depth", True), "probability": ("probability", True), "ignore_budget": ("ignore_budget", True),
    "outlet": ("outlet_name", True), "group_override": ("group_override", True), "group_weight": ("group_weight", True),
    "group_scoring": ("use_group_scoring", True), "sticky": ("sticky", True), "cooldown": ("cooldown", True),
    "delay": ("delay", True), "exclude_recursion": ("exclude_recursion", True),
    "prevent_recursion": ("prevent_recursion", True), "delay_until_recursion": ("delay_until_recursion", True),
    "triggers": ("triggers", True),
}
_FILTER = ("characters", "character_tags", "characters_exclude")
_DEFAULT = LoreEntry("")


def lorebook_json(book: Lorebook) -> bytes:
    """The book as a file in the dialect it was read in; a new book, or a changed one of a dialect that only other
    programs write, as a SillyTavern world."""
    return dump_json(lorebook_object(book), "    ").encode()


def lorebook_object(book: Lorebook) -> Any:
    """As `lorebook_json`, as a value."""
    raw = book.raw
    value: Any = raw.get(WHOLE, raw)
    dialect = dialect_of(value)
    if dialect is None or not raw:
        return world_object(book)
    before = entries_with_raw(raw, dialect)
    if tuple(entry for _, entry in before) == book.entries and not _own_of_book_changed(book, dialect):
        return value
    if dialect in ("world", "lorebook_v3", "card_book"):
        return _patched(book, dialect, before)
    return world_object(book)


def _patched(book: Lorebook, dialect: Dialect, before: list[tuple[Any, LoreEntry]]) -> Any:
    known = {entry.uid: (item, entry) for item, entry in before}
    world = dialect == "world"
    items: list[Any] = []
    for entry in book.entries:
        item, old = known.get(entry.uid, ({}, None))
        if old != entry:
            item = patched_world_entry(item, old, entry) if world else patched_card_entry(item, old, entry)
        items.append(item)
    holder = mapping(book.raw.get("data")) if dialect == "lorebook_v3" else book.raw
    readable = {id(item) for item, _ in before}
    kept = holder.get("entries")
    unread = [i for i in (kept.values() if isinstance(kept, Mapping) else kept or []) if id(i) not in readable]
    entries: Any = [*items, *unread]
    if isinstance(kept, Mapping):
        names = {id(item): key for key, item in kept.items()}
        entries = _named(book.entries, items, unread, known, names)
    changed = {**holder, "entries": entries}
    if _own_of_book_changed(book, dialect):
        changed["extensions"] = _with_own(mapping(holder.get("extensions")), book.stem, book.anchored)
    return {**book.raw, "data": changed} if dialect == "lorebook_v3" else changed


def _own_of_book_changed(book: Lorebook, dialect: Dialect) -> bool:
    holder = mapping(book.raw.get("data")) if dialect == "lorebook_v3" else book.raw
    own = mapping(mapping(holder.get("extensions")).get(OWN))
    return (maybe_flag(own.get("stem")), maybe_flag(own.get("anchored"))) != (book.stem, book.anchored)


def _named(
    entries: tuple[LoreEntry, ...], items: list[Any], unread: list[Any], known: Mapping[str, Any],
    names: Mapping[int, str],
) -> dict[str, Any]:
    """Entries under the keys they had; new ones under the next free number."""
    out: dict[str, Any] = {}
    for entry, item in zip(entries, items, strict=True):
        key = names.get(id(known[entry.uid][0])) if entry.uid in known else None
        out[key if key is not None else _free(out, names)] = item
    for item in unread:
        out[names[id(item)]] = item
    return out


def _free(out: Mapping[str, Any], names: Mapping[int, str]) -> str:
    number = len(names)
    while str(number) in out or str(number) in names.values():
        number += 1
    return str(number)


def world_object(book: Lorebook) -> dict[str, Any]:
    """The book as a SillyTavern world."""
    own = _with_own({}, book.stem, book.anchored)
    return {
        "name": book.name,
        **({"extensions": own} if own else {}),
        "entries": {
            str(n): {"uid": n, **patched_world_entry({}, None, entry), "displayIndex": n}
            for n, entry in enumerate(book.entries)
        },
    }


def card_book_object(book: Lorebook) -> dict[str, Any]:
    """The book as a card's `character_book`; what it was read from stays, with changes patched in."""
    if dialect_of(book.raw) in ("card_book", "world"):
        before = entries_with_raw(book.raw, "card_book")
        if tuple(e for _, e in before) == book.entries and not _own_of_book_changed(book, "card_book"):
            return dict(book.raw)
        patched: dict[str, Any] = _patched(book, "card_book", before)
        return patched
    out: dict[str, Any] = {"name": book.name, "extensions": _with_own({}, book.stem, book.anchored)}
    for name, value in (("scan_depth", book.scan_depth), ("token_budget", book.token_budget)):
        if value is not None:
            out[name] = value
    if book.recursive:
        out["recursive_scanning"] = True
    out["entries"] = [{"id": n, **patched_card_entry({}, None, entry)} for n, entry in enumerate(book.entries)]
    return out


def _value(entry: LoreEntry, field: str) -> Any:
    value = getattr(entry, field)
    return list(value) if isinstance(value, tuple) else value


def patched_world_entry(item: Mapping[str, Any], old: LoreEntry | None, entry: LoreEntry) -> dict[str, Any]:
    """A world entry with what changed between `old` and `entry`; all of it where there was none."""
    out = dict(item)
    for field, name in _WORLD.items():
        if old is None or getattr(old, field) != getattr(entry, field):
            out[name] = _value(entry, field)
    if old is None or old.position != entry.position:
        out["position"] = _PLACE_NUMBER[entry.position]
    if old is None or old.role != entry.role:
        out["role"] = _ROLE_NUMBER[entry.role]
    if old is None or old.enabled != entry.enabled:
        out["disable"] = not entry.enabled
    if old is None or old.probability != entry.probability:
        out["useProbability"] = True
    if old is None:
        out["addMemo"] = bool(entry.comment)
    out |= {camel(name): value for name, value in _composed(old, entry).items()}
    if _own_changed(old, entry):
        out["extensions"] = _with_own(mapping(item.get("extensions")), entry.stem, entry.anchored)
    return out


def _composed(old: LoreEntry | None, entry: LoreEntry) -> dict[str, Any]:
    """Group, character filter and further texts to look in, where they changed, by the names of card books."""
    before = old or _DEFAULT
    out: dict[str, Any] = {}
    if before.groups != entry.groups:
        out["group"] = ",".join(entry.groups)
    if any(getattr(before, name) != getattr(entry, name) for name in _FILTER):
        out["character_filter"] = {
            "isExclude": entry.characters_exclude, "names": list(entry.characters), "tags": list(entry.character_tags),
        }
    out |= {
        name: field in entry.match_fields for field, name in MATCH_NAMES.items()
        if (field in before.match_fields) != (field in entry.match_fields)
    }
    return out


def _own_changed(old: LoreEntry | None, new: LoreEntry) -> bool:
    return (old.stem, old.anchored) != (new.stem, new.anchored) if old else (new.stem, new.anchored) != (None, None)


def _with_own(extensions: Mapping[str, Any], stem: bool | None, anchored: bool | None) -> dict[str, Any]:
    """`extensions` with what only this program knows."""
    own = {k: v for k, v in mapping(extensions.get(OWN)).items() if k not in ("stem", "anchored")}
    own |= {k: v for k, v in (("stem", stem), ("anchored", anchored)) if v is not None}
    out = {k: v for k, v in extensions.items() if k != OWN}
    return {**out, OWN: own} if own else out


def patched_card_entry(item: Mapping[str, Any], old: LoreEntry | None, entry: LoreEntry) -> dict[str, Any]:
    """A card book's entry with what changed between `old` and `entry`; what differs from the defaults where
    there was none."""
    out = dict(item)
    extensions = dict(mapping(item.get("extensions")))
    required = {"keys", "content", "enabled", "order", "use_regex"}
    for field, (name, extended) in _CARD.items():
        changed = getattr(old or _DEFAULT, field) != getattr(entry, field)
        if not changed and not (old is None and field in required):
            continue
        value = _value(entry, field)
        if field == "use_regex" and old is None:
            value = any(is_pattern(key) for key in entry.keys)
        (extensions if extended else out)[name] = value
    if old is None or old.position != entry.position:
        out["position"] = "before_char" if entry.position == "before_char" else "after_char"
        if entry.position not in ("before_char", "after_char") or "position" in extensions:
            extensions["position"] = _PLACE_NUMBER[entry.position]
    if old is None:
        extensions.update(entry.extra)
    extensions |= _composed(old, entry)
    if _own_changed(old, entry):
        extensions = _with_own(extensions, entry.stem, entry.anchored)
    out["extensions"] = extensions
    return out
