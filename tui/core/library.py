"""Characters, lorebooks and presets: the user's own files over those that ship, read again when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from tui import paths, resources
from tui.backends.tables import TABLES
from tui.domain.card import Card
from tui.domain.errors import NotFound
from tui.domain.lore import Lorebook
from tui.domain.notice import Notice, notice
from tui.domain.profile import Profile, PromptPreset
from tui.domain.samplers import Samplers
from tui.domain.template import Template
from tui.formats.card_read import CardFile
from tui.formats.library import Item, LibraryKind
from tui.formats.library import Library as Folder
from tui.formats.presets import SamplerPreset

T = TypeVar("T")
PRESET_KINDS: tuple[LibraryKind, ...] = ("templates", "samplers", "prompts", "profiles")
KINDS = ("characters", "lorebooks", *PRESET_KINDS)


class Library:
    """Typed access to all folders.

    What is asked is answered from memory; `refresh` looks at the folders, and reads what changed, on a thread, because
    hundreds of cards take seconds. Without an event loop, the first question reads a folder.
    """

    def __init__(self, config: Path, looked: Callable[[], None] = lambda: None) -> None:
        """`looked` is called after each look at the folders: what is wrong there may be told at once."""
        self._looked = looked
        self.config = config
        shipped = resources.presets_dir()
        self.folders: dict[str, Folder] = {
            "characters": Folder(resources.characters_dir(), config / "characters", "characters"),
            "lorebooks": Folder(config / "none", config / "lorebooks", "lorebooks"),
        }
        for kind in PRESET_KINDS:
            decoded = paths.data_dir() / "cache" / "templates.json" if kind == "templates" else None
            self.folders[kind] = Folder(shipped / kind, config / "presets" / kind, kind, decoded)
        self._locks = {kind: asyncio.Lock() for kind in self.folders}
        self._read: set[str] = set()

    async def refresh(self, kinds: Iterable[str] = KINDS) -> None:
        """Read again what changed on disk."""
        wanted = list(kinds)
        for kind in await asyncio.to_thread(self._changed, wanted):
            await self.change(kind, lambda folder: folder.refresh())
            self._read.add(kind)
        self._looked()

    def _changed(self, kinds: list[str]) -> list[str]:
        """Those of `kinds` in whose folders something changed since they were read; one hop to a thread for all."""
        return [kind for kind in kinds if kind not in self._read or self.folders[kind].changed()]

    async def change(self, kind: str, work: Callable[[Folder], T]) -> T:
        """Let `work` read or write a folder, on a thread, while nobody else does."""
        async with self._locks[kind]:
            task = asyncio.ensure_future(asyncio.to_thread(work, self.folders[kind]))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                await asyncio.wait([task])        # the thread cannot be called off, and the folder is its own till then
                raise

    def card(self, card_id: str) -> Card:
        return self.card_file(card_id).card

    def card_file(self, card_id: str) -> CardFile:
        return self._get("characters", card_id, CardFile)

    def lorebook(self, book_id: str) -> Lorebook:
        return self._get("lorebooks", book_id, Lorebook)

    def lorebooks(self, ids: Iterable[str]) -> tuple[Lorebook, ...]:
        """Those of `ids` that are there."""
        found = {i.id: i.value for i in self.items("lorebooks") if isinstance(i.value, Lorebook)}
        return tuple(found[i] for i in ids if i in found)

    def template(self, template_id: str) -> Template:
        """By id or alias. Raises NotFound."""
        for template in self.templates():
            if template_id == template.id or template_id in template.aliases:
                return template
        raise self._missing("templates", template_id)

    def templates(self) -> tuple[Template, ...]:
        return tuple(i.value for i in self.items("templates") if isinstance(i.value, Template))

    def samplers(self, preset_id: str) -> Samplers:
        return Samplers().with_values(self._get("samplers", preset_id, SamplerPreset).values)

    def prompt(self, preset_id: str) -> PromptPreset:
        return self._get("prompts", preset_id, PromptPreset)

    def profile(self, profile_id: str) -> Profile:
        return self._get("profiles", profile_id, Profile)

    def items(self, kind: str) -> list[Item]:
        """Everything of a kind as last read, broken files among them."""
        self._read.add(kind)
        return self.folders[kind].list()

    def problems(self) -> list[Notice]:
        """What is wrong with any file."""
        return [i.problem for kind in KINDS for i in self.items(kind) if i.problem is not None] + TABLES.problems()

    def known_problems(self) -> list[Notice]:
        """What is wrong with the files that were read so far, and with tables of servers; reads no library."""
        found = [i.problem for kind in KINDS if kind in self._read for i in self.items(kind) if i.problem is not None]
        return found + TABLES.problems()

    def _get(self, kind: str, item_id: str, expected: type[T]) -> T:
        for item in self.items(kind):
            if item.id == item_id:
                if isinstance(item.value, expected):
                    return item.value
                if item.problem is not None:
                    raise NotFound(item.problem, kind=kind, id=item_id)
        raise self._missing(kind, item_id)

    def _missing(self, kind: str, item_id: str) -> NotFound:
        names = ", ".join(sorted(item.id for item in self.items(kind))[:20])
        there = notice("There are: {names}.", names=names) if names else None
        return NotFound(_NAMES[kind](item_id[:80]), there, kind=kind, id=item_id[:80])


_NAMES: dict[str, Callable[[str], Notice]] = {
    "characters": lambda name: notice("There is no character called {name}.", name=name),
    "lorebooks": lambda name: notice("There is no lorebook called {name}.", name=name),
    "templates": lambda name: notice("There is no template called {name}.", name=name),
    "samplers": lambda name: notice("There is no sampler preset called {name}.", name=name),
    "prompts": lambda name: notice("There is no prompt preset called {name}.", name=name),
    "profiles": lambda name: notice("There is no profile called {name}.", name=name),
}
