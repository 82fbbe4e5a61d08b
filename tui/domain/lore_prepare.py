"""Lorebooks made ready for scanning: what does not change from turn to turn is worked out once.

Decorators are read, keys become `KeySpec`s, digests are taken, and entries are put where a scan finds those whose keys
occurred without walking over the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from tui.domain.lore import Lorebook, LoreEntry, LorePosition, LoreSettings, MatchField
from tui.domain.lore_decorators import Decorators, split_as_sillytavern, split_decorators
from tui.domain.lore_keys import KeySpec, is_pattern
from tui.domain.notice import Notice, notice
from tui.domain.prompt.types import LoreHit

#: Messages that are looked through at most.
MAX_SCAN = 1_000
MAX_DEPTH = 9_999
_MAX_ORDER = 1_000_000_000
_LAYOUTS_KEPT = 4

_OFF = Notice("The entry is switched off.")
_EMPTY = Notice("The entry has no text.")
_NO_KEYS = Notice("The entry has no keys.")
NOT_NOW = Notice("A decorator of the entry keeps it out of this turn.")
_DIGESTED = tuple(f.name for f in fields(LoreEntry) if f.name != "extra")


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one entry. Each group of `needed` must have one that occurs; none of `unwanted` may."""

    primary: tuple[KeySpec, ...] = ()
    secondary: tuple[KeySpec, ...] = ()
    needed: tuple[tuple[KeySpec, ...], ...] = ()
    unwanted: tuple[KeySpec, ...] = ()

    def every(self) -> Iterable[KeySpec]:
        yield from self.primary
        yield from self.secondary
        for group in self.needed:
            yield from group
        yield from self.unwanted


@dataclass(frozen=True, slots=True)
class Window:
    """What an entry looks at: the last `depth` messages (None: as many as the settings say), fields beside the chat,
    and, where it may be fired by other entries, their texts."""

    depth: int | None
    fields: frozenset[MatchField]
    recursion: bool


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One entry as the scan sees it, all its numbers within their limits. `at` is its place among all entries in the
    order of the books; `always` fires without keys; `certain` fires on every turn."""

    at: int
    book: Lorebook
    entry: LoreEntry
    marks: Decorators
    content: str
    keys: Keys
    window: Window
    position: LorePosition
    depth: int
    order: int
    digest: str
    anchored: bool
    always: bool
    certain: bool
    open: bool                                    # not switched off, has a text, …

    @property
    def name(self) -> str:
        return f"{self.book.id}:{self.entry.uid}"

    @property
    def key(self) -> tuple[str, str]:
        return (self.book.id, self.entry.uid)


@dataclass(frozen=True, slots=True)
class Layout:
    """All entries of some books under one set of settings.

    `specs` are all keys; the same object as long as nothing changed. `by_key` leads from a window and a key to the
    entries that have it as a primary key. `conditioned` are open entries that more than their keys keeps out of some
    turns, `patterned` those with regular expressions, `named` those with macros in their keys. `levels` are the
    distinct delays of recursion, ascending. `idle` is the trace of each entry while nothing happens to it.
    """

    items: tuple[Item, ...]
    specs: tuple[KeySpec, ...]
    by_key: Mapping[Window, Mapping[KeySpec, tuple[Item, ...]]]
    always: tuple[Item, ...]
    conditioned: tuple[Item, ...]
    patterned: tuple[Item, ...]
    named: tuple[Item, ...]
    levels: tuple[int, ...]
    idle: tuple[LoreHit, ...]


class PreparedBooks:
    """Books with what scans have worked out about them. Make a new one when a book changes; keep it otherwise."""

    def __init__(self, books: Sequence[Lorebook]) -> None:
        self.books = tuple(books)
        self._digests: dict[int, str] = {}
        self._layouts: dict[tuple[LoreSettings, bool], Layout] = {}
        self._places: dict[tuple[str, str], int] | None = None

    def layout(self, lore: LoreSettings, exact: bool) -> Layout:
        """The entries under these settings; `exact` reads them as SillyTavern does."""
        known = self._layouts.get((lore, exact))
        if known is None:
            while len(self._layouts) >= _LAYOUTS_KEPT:
                self._layouts.pop(next(iter(self._layouts)))
            known = self._layouts[lore, exact] = _lay_out(self._items(lore, exact), lore)
        return known

    def place(self, key: tuple[str, str]) -> int | None:
        """The place of an entry, by the ids of its book and its own, in the layouts' `items`."""
        if self._places is None:
            self._places = {}
            names = [(book.id, entry.uid) for book in self.books for entry in book.entries]
            for at, name in enumerate(names):
                self._places.setdefault(name, at)
        return self._places.get(key)

    def _items(self, lore: LoreSettings, exact: bool) -> tuple[Item, ...]:
        pairs = [(book, entry) for book in self.books for entry in book.entries]
        out = []
        for at, (book, entry) in enumerate(pairs):
            if at not in self._digests:
                self._digests[at] = entry_digest(entry)
            out.append(_item(at, book, entry, lore, exact, self._digests[at]))
        return tuple(out)


def prepare_books(books: Sequence[Lorebook]) -> PreparedBooks:
    """Books made ready for `scan_lore`; what a scan works out stays with them for the next."""
    return PreparedBooks(books)


def entry_digest(entry: LoreEntry) -> str:
    """A short digest of all that the scan reads of an entry: another one after an edit."""
    values: list[Any] = [getattr(entry, name) for name in _DIGESTED]
    text = repr([sorted(v) if isinstance(v, frozenset) else v for v in values])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def keys_of(item: Item, lore: LoreSettings, exact: bool, named: Any = None) -> Keys:
    """The keys of an entry as specs; `named` fills macros in them."""
    return _keys(item.book, item.entry, item.marks, lore, exact, named)


def _keys(
    book: Lorebook, entry: LoreEntry, marks: Decorators, lore: LoreSettings, exact: bool, named: Any = None
) -> Keys:
    case = lore.case_sensitive if entry.case_sensitive is None else entry.case_sensitive
    words = lore.whole_words if entry.whole_words is None else entry.whole_words
    stem = next(s for s in (entry.stem, book.stem, lore.stem) if s is not None) and not exact

    def specs(texts: Iterable[str]) -> tuple[KeySpec, ...]:
        filled = (named(text) if named is not None and "{{" in text else text for text in texts)
        return tuple(KeySpec(text.strip(), case, words, exact or lore.ascii_words, stem)
                     for text in filled if text.strip())

    return Keys(
        specs(entry.keys), specs(entry.secondary_keys) if entry.selective else (),
        tuple(specs(group) for group in marks.additional_keys), specs(marks.exclude_keys),
    )


def _item(at: int, book: Lorebook, entry: LoreEntry, lore: LoreSettings, exact: bool, digest: str) -> Item:
    marks, content = split_as_sillytavern(entry.content) if exact else split_decorators(entry.content)
    position, depth = entry.position, entry.depth
    if marks.position is not None:
        position = marks.position
    elif marks.depth is not None:
        position, depth = "at_depth", marks.depth
    own_depth = next((n for n in (marks.scan_depth, entry.scan_depth) if n is not None), None)
    if own_depth is None and not exact:
        own_depth = book.scan_depth
    if own_depth is not None:
        own_depth = max(0, min(own_depth, MAX_SCAN))
    recursion = True if exact else book.recursive if lore.book_recursion else lore.recursive
    always = marks.activate or (entry.constant and not marks.dont_activate)
    is_open = entry.enabled and (exact or bool(content.strip())) and not (marks.dont_activate and not marks.activate)
    anchored = next(a for a in (entry.anchored, book.anchored, lore.anchored) if a is not None)
    return Item(
        at, book, entry, marks, content, _keys(book, entry, marks, lore, exact),
        Window(own_depth, entry.match_fields, recursion or entry.delay_until_recursion > 0), position,
        max(0, min(depth, MAX_DEPTH)), max(-_MAX_ORDER, min(entry.order, _MAX_ORDER)), digest, anchored, always,
        is_open and always and not _conditions(entry, marks) and entry.probability >= 100 and not entry.groups
        and not entry.sticky and not entry.cooldown and not entry.delay_until_recursion,
        is_open,
    )


def _conditions(entry: LoreEntry, marks: Decorators) -> bool:
    """Whether something beside keys keeps the entry out of some turns."""
    return bool(
        entry.triggers or entry.characters or entry.character_tags or entry.delay > 0 or marks.only_after
        or marks.only_every or marks.once or marks.greeting is not None
    )


def _lay_out(items: tuple[Item, ...], lore: LoreSettings) -> Layout:
    by_key: dict[Window, dict[KeySpec, list[Item]]] = {}
    specs: dict[KeySpec, None] = {}
    for item in items:
        if not item.open or (item.always and not item.entry.groups):
            continue
        specs.update(dict.fromkeys(item.keys.every()))
        if not item.always and not _named(item):
            found = by_key.setdefault(item.window, {})
            for spec in item.keys.primary:
                found.setdefault(spec, []).append(item)
    opened = [item for item in items if item.open]
    return Layout(
        items, tuple(specs),
        {window: {spec: tuple(some) for spec, some in found.items()} for window, found in by_key.items()},
        tuple(item for item in opened if item.always),
        tuple(item for item in opened if _conditions(item.entry, item.marks)),
        tuple(item for item in opened if any(is_pattern(spec.key) for spec in item.keys.primary)),
        tuple(item for item in opened if _named(item)),
        tuple(sorted({i.entry.delay_until_recursion for i in items if i.entry.delay_until_recursion > 0})),
        tuple(idle_hit(item, _idle_why(item, lore.scan_depth)) for item in items),
    )


def _named(item: Item) -> bool:
    """Whether there are macros in the keys, which have to be filled before each scan."""
    return any("{{" in spec.key for spec in item.keys.every())


def _idle_why(item: Item, depth: int) -> Notice | None:
    if not item.entry.enabled:
        return _OFF
    if not item.open:
        return NOT_NOW if item.content.strip() else _EMPTY
    if item.always:
        return None
    return no_key(item, depth) if item.keys.primary else _NO_KEYS


def no_key(item: Item, depth: int) -> Notice:
    """That no key of an entry occurs, `depth` being what the settings look through."""
    count = item.window.depth if item.window.depth is not None else min(depth, MAX_SCAN)
    return notice("None of its keys occurs in the last {count} messages.", count=count)


def idle_hit(item: Item, why: Notice | None) -> LoreHit:
    """The trace of an entry that nothing happened to."""
    return LoreHit(
        item.book.id, item.entry.uid, item.entry.comment, False, position=item.position, depth=item.depth,
        order=item.order, role=item.marks.role or item.entry.role, constant=item.entry.constant, why=why,
        outlet=item.entry.outlet, anchored=item.anchored, digest=item.digest,
    )
