"""Lorebooks of every known dialect as `Lorebook` (cards.md 7). The raw file stays in `raw`, for a lossless way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tui.domain.errors import BadInput
from tui.domain.lore import Lorebook, LoreEntry
from tui.domain.notice import Notice, notice
from tui.formats.coerce import Repairs, flag, mapping, maybe_flag, maybe_whole, plain_name, whole
from tui.formats.files import shown_name, slug
from tui.formats.jsontext import parse_json
from tui.formats.lore_entries import (
    OWN,
    is_pattern,
    raw_entries,
    read_entries,
    read_keys,
    standard_entry,
)

Dialect = Literal["world", "lorebook_v3", "card_book", "card", "novelai", "agnai", "risu", "aidungeon"]
#: The key under which a book keeps a file that is a bare list (AI Dungeon).
WHOLE = ""
_EntryReader = Callable[[Mapping[str, Any], str, Repairs], LoreEntry | None]


@dataclass(frozen=True, slots=True)
class LoreFile:
    """A book with what was found out about its file."""

    book: Lorebook
    dialect: Dialect
    notes: tuple[Notice, ...] = ()


def read_lorebook(data: bytes, filename: str = "") -> Lorebook:
    """The book in a file. Raises BadInput naming the file (and line) where there is none."""
    return read_lore_file(data, filename).book


def read_lore_file(data: bytes, filename: str = "") -> LoreFile:
    """The book in a file, its dialect, and what was repaired. Raises BadInput."""
    name = shown_name(filename) or "lorebook"
    stem = plain_name(name.rsplit(".", 1)[0])
    if data.startswith((b"\x89PNG", b"PK\x03\x04")):
        return _from_card(data, name)
    if name.lower().endswith((".yaml", ".yml")):
        from tui.formats.yaml_read import read_yaml

        return lore_from_value(read_yaml(data, name).value, stem, name)
    parsed = parse_json(data, name)
    return lore_from_value(parsed.value, stem, name, parsed.notes)


def _from_card(data: bytes, name: str) -> LoreFile:
    from tui.formats.card_read import read_card

    file = read_card(data, name)
    if file.card.book is None:
        raise BadInput(
            notice("{file} is a card without a lorebook.", file=name), "Import it as a character.", file=name
        )
    return LoreFile(file.card.book, "card_book", file.notes)


def dialect_of(value: Any) -> Dialect | None:
    """Which dialect a parsed file speaks, None where it is no lorebook."""
    if isinstance(value, list):
        first = next((v for v in value if isinstance(v, Mapping)), {})
        return "aidungeon" if "keys" in first and ("entry" in first or "value" in first) else None
    if not isinstance(value, Mapping):
        return None
    if value.get("spec") == "lorebook_v3":
        return "lorebook_v3"
    if "lorebookVersion" in value:
        return "novelai"
    if value.get("kind") == "memory":
        return "agnai"
    if value.get("type") == "risu" and isinstance(value.get("data"), list):
        return "risu"
    data = value.get("data")
    if isinstance(data, Mapping) and isinstance(data.get("character_book"), Mapping):
        return "card"
    if isinstance(value.get("character_book"), Mapping):
        return "card"
    entries = value.get("entries")
    if isinstance(entries, Mapping):
        return "world"
    if isinstance(entries, list):
        first = next((e for e in entries if isinstance(e, Mapping)), {})
        return "agnai" if "keywords" in first and "keys" not in first else "card_book"
    return None


def lore_from_value(value: Any, stem: str, file: str, notes: tuple[Notice, ...] = ()) -> LoreFile:
    """A book from a parsed file; `stem` names it where it does not name itself. Raises BadInput."""
    nested = mapping(value).get("lorebook")
    if isinstance(nested, Mapping) and "lorebookVersion" in nested:
        value = nested                                 # a NovelAI story or scenario
    elif isinstance(inner := mapping(mapping(value).get("content")).get("lorebook"), Mapping):
        value = inner
    dialect = dialect_of(value)
    if dialect is None:
        raise BadInput(
            notice("{file} is not a lorebook of any known kind.", file=file),
            "Traktir reads SillyTavern worlds, V3 lorebooks, cards with a book, NovelAI, Agnai, RisuAI and AI Dungeon.",
            file=file,
        )
    repairs = Repairs(notes)
    raw: Mapping[str, Any] = {WHOLE: value} if isinstance(value, list) else value
    if dialect == "card":
        data = mapping(raw.get("data"))
        source = data if isinstance(data.get("character_book"), Mapping) else raw
        book = book_from_card(mapping(source.get("character_book")), str(source.get("name") or stem), repairs)
        return LoreFile(book, "card_book", repairs.done())
    inner_book = mapping(raw.get("data")) if dialect == "lorebook_v3" else raw
    book = _book(raw, inner_book, _entries_of(dialect, inner_book), _READERS[dialect], stem, repairs)
    return LoreFile(book, dialect, repairs.done())


def book_from_card(book: Mapping[str, Any], fallback_name: str, repairs: Repairs | None = None) -> Lorebook:
    """The book of a card (`character_book`), in V2, V3 or SillyTavern names."""
    return _book(book, book, raw_entries(book), standard_entry, plain_name(fallback_name), repairs or Repairs())


def _entries_of(dialect: Dialect, book: Mapping[str, Any]) -> list[Any]:
    found = book.get({"risu": "data", "aidungeon": WHOLE}.get(dialect, "entries"))
    return found if isinstance(found, list) else raw_entries(book)


def _book(
    raw: Mapping[str, Any], book: Mapping[str, Any], items: list[Any], reader: _EntryReader, name: str, repairs: Repairs
) -> Lorebook:
    own = book.get("name")
    title = plain_name(own) if isinstance(own, str) else ""
    entries = tuple(entry for _, entry in read_entries(items, reader, repairs))
    own_settings = mapping(mapping(book.get("extensions")).get(OWN))
    return Lorebook(
        id=slug(title or name) or "lorebook", name=title or name, entries=entries,
        scan_depth=maybe_whole(book.get("scan_depth"), 0, 1000),
        token_budget=maybe_whole(book.get("token_budget"), 0, 1_000_000),
        recursive=flag(book.get("recursive_scanning"), False),
        stem=maybe_flag(own_settings.get("stem")), anchored=maybe_flag(own_settings.get("anchored")), raw=raw,
    )


def _novelai(item: Mapping[str, Any], uid: str, repairs: Repairs) -> LoreEntry | None:
    context = mapping(item.get("contextConfig"))
    text = repairs.text(item.get("text"), "text")
    prefix, suffix = repairs.text(context.get("prefix"), "prefix"), repairs.text(context.get("suffix"), "suffix")
    keys = read_keys(item.get("keys"), "keys", repairs)
    return LoreEntry(
        uid=uid, keys=keys, content=prefix + text + suffix.rstrip("\n"),
        comment=plain_name(repairs.text(item.get("displayName"), "displayName"), 200),
        enabled=flag(item.get("enabled"), True), constant=flag(item.get("forceActivation"), False),
        order=whole(context.get("budgetPriority"), 400), use_regex=any(is_pattern(k) for k in keys),
    )


def _agnai(item: Mapping[str, Any], uid: str, repairs: Repairs) -> LoreEntry | None:
    content = item.get("entry") if item.get("entry") is not None else item.get("content")
    return LoreEntry(
        uid=uid, keys=read_keys(item.get("keywords") or item.get("keys"), "keywords", repairs),
        content=repairs.text(content, "entry"), comment=plain_name(repairs.text(item.get("name"), "name"), 200),
        enabled=flag(item.get("enabled"), True), constant=flag(item.get("constant"), False),
        order=whole(item.get("weight"), 100), priority=maybe_whole(item.get("priority")),
    )


def _risu(item: Mapping[str, Any], uid: str, repairs: Repairs) -> LoreEntry | None:
    if item.get("mode") == "folder":
        return None
    keys = read_keys(item.get("key"), "key", repairs)
    secondary = read_keys(item.get("secondkey"), "secondkey", repairs)
    return LoreEntry(
        uid=uid, keys=keys, secondary_keys=secondary, content=repairs.text(item.get("content"), "content"),
        comment=plain_name(repairs.text(item.get("comment"), "comment"), 200),
        constant=flag(item.get("alwaysActive"), False), selective=flag(item.get("selective"), False),
        order=whole(item.get("insertorder"), 100), use_regex=flag(item.get("useRegex"), False),
        probability=whole(item.get("activationPercent"), 100, 0, 100),
        case_sensitive=maybe_flag(mapping(item.get("extentions")).get("risu_case_sensitive")),
    )


def _aidungeon(item: Mapping[str, Any], uid: str, repairs: Repairs) -> LoreEntry | None:
    content = item.get("entry") if item.get("entry") is not None else item.get("value")
    return LoreEntry(
        uid=uid, keys=read_keys(item.get("keys"), "keys", repairs), content=repairs.text(content, "entry"),
        comment=plain_name(repairs.text(item.get("title"), "title"), 200),
    )


_READERS: dict[Dialect, _EntryReader] = {
    "world": standard_entry, "lorebook_v3": standard_entry, "card_book": standard_entry, "card": standard_entry,
    "novelai": _novelai, "agnai": _agnai, "risu": _risu, "aidungeon": _aidungeon,
}


def entries_with_raw(raw: Mapping[str, Any], dialect: Dialect) -> list[tuple[Any, LoreEntry]]:
    """(raw entry, entry) as reading gives them, for writing changes back to where they came from."""
    book = mapping(raw.get("data")) if dialect == "lorebook_v3" else raw
    return list(read_entries(_entries_of(dialect, book), _READERS[dialect], Repairs()))
