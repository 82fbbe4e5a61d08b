"""Folders of files that people edit: presets, characters, lorebooks. Their own shadow the shipped ones by name.

Files are read again when they change. A broken one keeps its last good version and carries what is wrong with it.
"""

from __future__ import annotations

import builtins
import dataclasses
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, NotFound, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.formats import presets
from tui.formats.card_read import CardFile, read_card
from tui.formats.decoded import DecodedTemplates
from tui.formats.files import FILE_LIMIT, PRESET_LIMIT, read_bounded, safe_id, shown_name, slug, write_atomic
from tui.formats.lore_read import read_lorebook

__all__ = ["Item", "Library", "LibraryKind", "safe_id"]

LibraryKind = Literal["templates", "samplers", "prompts", "profiles", "characters", "lorebooks"]
Source = Literal["shipped", "own"]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry. `value` is None where the file never could be read; `problem` says what is wrong with the file as
    it stands now (then `value` is its last good version, or the shipped one that it shadows)."""

    id: str
    source: Source
    value: Any
    problem: Notice | None
    path: Path

    def text(self) -> str:
        """The file as it stands, for presets and other text files. Raises BadInput when it is gone."""
        return read_bounded(self.path, PRESET_LIMIT).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: tuple[int, int]
    value: Any
    problem: Notice | None


@dataclass(frozen=True, slots=True)
class _Kind:
    missing: str                                   # what is said when there is no such item
    suffixes: tuple[str, ...]
    limit: int
    read: Callable[[bytes, Path], Any]


def item_id(path: Path) -> str:
    """What a file is called here: its name without suffix (composed Unicode), or a safe one where that name cannot
    be shown or sent."""
    stem = unicodedata.normalize("NFC", path.stem)
    shown = clean_line(os.fsencode(path.stem).decode("utf-8", "replace"))
    return stem if stem and shown == path.stem else safe_id(shown, os.fsencode(path.name))


def _light_card(data: bytes, path: Path) -> CardFile:
    """A card without the bytes it came in, which `card_read.whole_file` fetches: hundreds of pictures need not stay
    in memory."""
    file = read_card(data, shown_name(path))
    return dataclasses.replace(file, original=b"", picture=None, json_text="", path=str(path))


def _preset(read: Callable[[bytes, str, str], Any]) -> Callable[[bytes, Path], Any]:
    return lambda data, path: read(data, item_id(path), shown_name(path))


def _stamp(path: Path, size: int) -> tuple[int, int] | None:
    """What tells that a file was written anew; None where it is no longer the one of `size` bytes."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status.st_size == size else None


_YAML = (".yaml", ".yml")
_CARDS = (".png", ".json", *_YAML, ".charx", ".webp", ".jpg", ".jpeg")
_BOOKS = (".json", *_YAML, ".lorebook")
_KINDS: Mapping[str, _Kind] = {
    "templates": _Kind(
        "There is no template called {name}.", _YAML, PRESET_LIMIT, _preset(presets.read_template)
    ),
    "samplers": _Kind(
        "There is no sampler preset called {name}.", _YAML, PRESET_LIMIT, _preset(presets.read_samplers)
    ),
    "prompts": _Kind(
        "There is no prompt preset called {name}.", _YAML, PRESET_LIMIT, _preset(presets.read_prompt)
    ),
    "profiles": _Kind("There is no profile called {name}.", _YAML, PRESET_LIMIT, _preset(presets.read_profile)),
    "characters": _Kind("There is no character called {name}.", _CARDS, FILE_LIMIT, _light_card),
    "lorebooks": _Kind(
        "There is no lorebook called {name}.", _BOOKS, FILE_LIMIT,
        lambda data, path: read_lorebook(data, shown_name(path)),
    ),
}
FILE_COUNT = 20_000


class Library:
    """One kind of files in two folders, `shipped` (read only) and `own`. Threads may share it."""

    def __init__(self, shipped: Path, own: Path, kind: LibraryKind, decoded: Path | None = None) -> None:
        """`decoded` is a file of the program's own, in which prompt formats are kept as they were decoded."""
        self._shipped, self._own = shipped, own
        self._decoded = DecodedTemplates(decoded) if decoded is not None and kind == "templates" else None
        self._kind = _KINDS[kind]
        self._seen: dict[Path, _Seen] = {}
        self._items: dict[str, Item] | None = None
        self._scanned: tuple[Any, Any] | None = None
        self._lock = threading.RLock()

    @property
    def own(self) -> Path:
        """The folder of the person's own files."""
        return self._own

    def refresh(self) -> builtins.list[Item]:
        """Look at both folders and read what changed. Returns the items whose problem is new since the last look."""
        with self._lock:
            self._scanned = (self._scan(self._shipped), self._scan(self._own))
            before = {i.path: i.problem for i in (self._items or {}).values()}
            found = [("shipped", path, stamp) for path, stamp in self._files(self._shipped)]
            found += [("own", path, stamp) for path, stamp in self._files(self._own)]
            self._seen = {path: self._look(path, stamp) for _, path, stamp in found}
            if self._decoded is not None:
                self._decoded.save(set(self._seen))
            items: dict[str, Item] = {}
            for source, path, _ in found:
                seen, name = self._seen[path], item_id(path)
                value = seen.value
                if value is None and name in items:
                    value = items[name].value              # the shipped one serves until the own one is mended
                items[name] = Item(name, "own" if source == "own" else "shipped", value, seen.problem, path)
            self._items = dict(sorted(items.items()))
            return [i for i in items.values() if i.problem is not None and before.get(i.path) != i.problem]

    def list(self) -> builtins.list[Item]:
        """All items by id, as of the last refresh (the first call refreshes)."""
        return builtins.list(self._all().values())

    def get(self, id: str) -> Item:  # noqa: A002
        """One item. Raises NotFound."""
        item = self._all().get(id)
        if item is None:
            raise NotFound(
                notice(self._kind.missing, name=clean_line(id, 80)),
                notice("There are: {names}.", names=", ".join(sorted(self._all())[:20])) if self._all() else None,
                id=id[:100],
            )
        return item

    def data(self, id: str) -> bytes:  # noqa: A002
        """The file of an item, whole. Characters are listed without their bytes; `read_card` of these has them.

        Raises NotFound, BadInput.
        """
        return read_bounded(self.get(id).path, self._kind.limit)

    def save(self, id: str, suffix: str, data: bytes, replace: bool = False) -> str:  # noqa: A002
        """Write one of the person's own files; returns its id. `id` may be any name; what is made of it is safe.

        Another file of that name stays unless `replace`: the new one gets a number. The same bytes again change
        nothing. Raises BadInput (nothing is written) when the data cannot be read, StoreError when the disk refuses.
        """
        if suffix not in self._kind.suffixes:
            raise BadInput(notice("Files that end in {suffix} are not kept here.", suffix=suffix[:20]))
        with self._lock:
            known = self._all().get(id) if replace else None
            wanted = known.path.stem if known is not None else safe_id(id, data)
            value = self._kind.read(data, self._own / (wanted + suffix))
            stem, there = (wanted, False) if replace else self._free(wanted, suffix, data)
            if not there:
                path = self._own / (stem + suffix)
                write_atomic(path, data)
                self._seen.pop(path, None)
                stamp = _stamp(path, len(data)) if stem == wanted and self._decoded is None else None
                if stamp is not None:
                    self._seen[path] = _Seen(stamp, value, None)   # so that a large file is not read again
                self._trash_twins(stem, path)
            self.refresh()
            return item_id(Path(stem + suffix))

    def delete(self, id: str) -> Path:  # noqa: A002
        """Move one of the person's own files to the folder `trash` beside them; returns where it is now.

        Raises NotFound, and Refused for one that ships with the program.
        """
        item = self.get(id)
        if item.source == "shipped":
            raise Refused(
                notice("{name} ships with the program and cannot be deleted.", name=item.id),
                "Make one of your own with the same name; it takes its place.",
            )
        with self._lock:
            moved = self._to_trash(item.path)
            self.refresh()
        return moved

    def _all(self) -> dict[str, Item]:
        if self._items is None:
            self.refresh()
        return self._items or {}

    def changed(self) -> bool:
        """Whether a look would find anything new. Many times cheaper than `refresh`: every turn asks."""
        return (self._scan(self._shipped), self._scan(self._own)) != self._scanned

    def _files(self, folder: Path) -> builtins.list[tuple[Path, tuple[int, int]]]:
        """Regular files of this kind in name order, links to files included, folders not."""
        return sorted((Path(path), (mtime, size)) for path, mtime, size in self._scan(folder))

    def _scan(self, folder: Path) -> builtins.list[tuple[str, int, int]]:
        """The files of this kind as the folder has them: path, time of change, bytes."""
        out: list[tuple[str, int, int]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or not entry.name.lower().endswith(self._kind.suffixes):
                        continue
                    try:
                        if entry.is_file():
                            status = entry.stat()
                            out.append((entry.path, status.st_mtime_ns, status.st_size))
                    except OSError:
                        continue                       # gone meanwhile, or a link in a circle
                    if len(out) >= FILE_COUNT:
                        break
        except OSError:
            return []
        return out

    def _look(self, path: Path, stamp: tuple[int, int]) -> _Seen:
        last = self._seen.get(path)
        if last is not None and last.stamp == stamp:
            return last
        kept = self._decoded.get(path) if self._decoded is not None and last is None else None
        if kept is not None:
            return _Seen(stamp, kept, None)
        try:
            data = read_bounded(path, self._kind.limit)
            value = self._kind.read(data, path)
            if self._decoded is not None:
                self._decoded.put(path, value)
            return _Seen(stamp, value, None)
        except TraktirError as error:
            return _Seen(stamp, last.value if last else None, error.what)

    def _free(self, stem: str, suffix: str, data: bytes) -> tuple[str, bool]:
        """A stem nobody has (whatever its suffix and case), and whether the very same file is there already."""
        taken = {path.stem.casefold(): path for folder in (self._shipped, self._own) for path, _ in self._files(folder)}
        number = 1
        name = stem
        while (path := taken.get(name.casefold())) is not None:
            if path.parent == self._own and path.suffix == suffix and self._same(path, data):
                return path.stem, True
            number += 1
            name = f"{stem}-{number}"
        return name, False

    def _same(self, path: Path, data: bytes) -> bool:
        try:
            return read_bounded(path, self._kind.limit) == data
        except BadInput:
            return False

    def _trash_twins(self, stem: str, keep: Path) -> None:
        for path, _ in self._files(self._own):
            if path.stem == stem and path != keep:
                self._to_trash(path)

    def _to_trash(self, path: Path) -> Path:
        folder = self._own / "trash"
        target = folder / f"{slug(path.stem) or 'file'}-{time.time_ns()}{path.suffix}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(path, target)
        except OSError as error:
            raise Refused(
                notice(
                    "{file} could not be moved to the trash: {reason}.", file=shown_name(path), reason=error.strerror
                ),
                "Check the rights of the folder.",
            ) from None
        return target
