"""What scripts of quick replies ask of the core: variables, macros, a text written beside the story; and their sets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.core.chats import Chats
from tui.core.dispatch import Handler
from tui.core.gathering import GLOBALS, Gatherer
from tui.domain.errors import BadInput, TraktirError
from tui.domain.notice import notice
from tui.domain.prompt.types import PlanState
from tui.domain.quick_replies import QuickReplySet, holds_quick_replies, read_set
from tui.formats.files import PRESET_LIMIT, read_bounded, safe_id, shown_name, write_atomic
from tui.formats.jsontext import parse_json
from tui.store import Store

_MOST_FILES = 200
#: Variables of one chat, and characters of one.
_MOST, _LONGEST = 1000, 200_000


class Scripting:
    """`script.*` and `quick.list`."""

    def __init__(self, store: Store, chats: Chats, gatherer: Gatherer, config: Path) -> None:
        self._store = store
        self._chats = chats
        self._gatherer = gatherer
        self._folder = config / "quick-replies"

    def handlers(self) -> dict[str, Handler]:
        return {
            "script.variables": self.variables, "script.keep": self.keep, "script.fill": self.fill,
            "quick.list": self.list_sets,
        }

    async def list_sets(self) -> dict[str, Any]:
        """All sets, by their files' names."""
        sets, problems = await asyncio.to_thread(read_folder, self._folder)
        return {
            "sets": [s.to_json() for s in sets], "folder": str(self._folder),
            "problems": [p.what.to_json() for p in problems],
        }

    async def variables(self, chat: str, head: str | None = None) -> dict[str, Any]:
        """The variables at the end of a path, and those of all chats."""
        tree = await self._chats.get(chat)
        kept = await self._store.plan_state(chat, [n.id for n in tree.path(head)])
        state = PlanState.from_json(kept) if kept else None
        begun = dict(tree.fields.get("variables") or {})
        return {
            "local": dict(state.variables) if state is not None else begun,
            "shared": await self._store.get_value(GLOBALS) or {},
        }

    async def keep(self, chat: str, local: dict[str, Any], shared: dict[str, Any], head: str | None = None) -> None:
        """Keep variables with the message `head`: each branch has its own. Raises BadInput."""
        for values in (local, shared):
            if len(values) > _MOST or not all(isinstance(v, str) and len(v) <= _LONGEST for v in values.values()):
                raise BadInput(notice("A script keeps at most {n} variables.", n=_MOST))
        tree = await self._chats.get(chat)
        path = [n.id for n in tree.path(head)]
        if path:
            kept = await self._store.plan_state(chat, path)
            state = replace(PlanState.from_json(kept) if kept else PlanState(), variables=dict(local))
            await self._store.set_plan_state(chat, path[-1], state.to_json(), await self._store.plan(chat, path[-1]))
        before = await self._store.get_value(GLOBALS) or {}
        if shared != before:
            await self._store.set_value(GLOBALS, dict(shared))

    async def fill(self, chat: str, text: str, head: str | None = None) -> dict[str, Any]:
        """A text with its macros filled, as if it were said now."""
        tree = await self._chats.get(chat)
        return {"text": (await self._gatherer.filled(tree, tree.path(head), text, "script")).text}


def read_folder(folder: Path) -> tuple[list[QuickReplySet], list[TraktirError]]:
    """The sets of a folder, and what is wrong with files of it."""
    sets, problems = [], []
    paths = sorted(folder.glob("*.json"))[:_MOST_FILES] if folder.is_dir() else []
    for path in paths:
        try:
            sets.append(read_quick_replies(read_bounded(path, PRESET_LIMIT), path.name))
        except TraktirError as error:
            problems.append(error)
    return sets, problems


def read_quick_replies(data: bytes, name: str) -> QuickReplySet:
    """The set of a file. Raises BadInput where it is none."""
    shown = shown_name(name)
    value = parse_json(data, shown, PRESET_LIMIT).value
    if not holds_quick_replies(value):
        raise BadInput(notice("{file} holds no quick replies.", file=shown), file=shown)
    return read_set(value, Path(name).stem)


def keep_quick_replies(folder: Path, name: str, data: bytes) -> tuple[Path, QuickReplySet]:
    """Write a set into `folder`, beside others of that name. Raises BadInput, StoreError."""
    found = read_quick_replies(data, name)
    stem, number = safe_id(found.name, data), 1
    path = folder / f"{stem}.json"
    while path.exists() and path.read_bytes() != data:
        number += 1
        path = folder / f"{stem}-{number}.json"
    write_atomic(path, data)
    return path, found
