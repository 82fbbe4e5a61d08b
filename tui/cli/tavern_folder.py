"""A user's whole folder of SillyTavern: in which order it comes in, and what is only found by looking inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.domain.errors import TraktirError
from tui.formats.files import read_bounded
from tui.formats.groups import is_group, read_group
from tui.formats.jsontext import parse_json

#: Bytes of files that travel together at most, so that what the core takes at a time stays small.
TOGETHER = 24 << 20
_FIRST = ("worlds", "characters", "TextGen Settings", "OpenAI Settings", "KoboldAI Settings", "NovelAI Settings",
          "instruct", "context", "sysprompt", "reasoning", "regex", "QuickReplies")


@dataclass(frozen=True, slots=True)
class ChatSet:
    """Chat files that belong together, and the file of their group, if they are one's."""

    files: tuple[Path, ...]
    group: Path | None = None


def is_tavern(folder: Path) -> bool:
    """Whether this is a user's folder of SillyTavern."""
    return (folder / "characters").is_dir() and (
        (folder / "settings.json").is_file() or (folder / "chats").is_dir()
    )


def single_files(folder: Path) -> list[Path]:
    """What comes in file by file: lorebooks before the cards that name them, cards before their chats."""
    return [file for name in _FIRST for file in _files(folder / name)]


def chat_sets(folder: Path) -> Iterator[ChatSet]:
    """The chats, a character's or a group's together as far as they travel together."""
    for place in _folders(folder / "chats"):
        yield from (ChatSet(part) for part in _parts(_files(place, ".jsonl")))
    left = {file.stem: file for file in _files(folder / "group chats", ".jsonl")}
    for group in _files(folder / "groups", ".json"):
        names = _chats_of(group)
        mine = [left.pop(name) for name in names if name in left]
        yield from (ChatSet(part, group) for part in _parts(mine))
    yield from (ChatSet(part) for part in _parts(list(left.values())))


def personas_of(folder: Path) -> str:
    """The personas among the settings as a backup of personas, and nothing else of them; "" where there are none.
    Raises BadInput for settings that cannot be read."""
    file = folder / "settings.json"
    if not file.is_file():
        return ""
    settings: Any = parse_json(read_bounded(file, 16 << 20), file.name).value
    power = settings.get("power_user") if isinstance(settings, dict) else None
    if not isinstance(power, dict) or not power.get("personas"):
        return ""
    names = ("personas", "persona_descriptions", "default_persona")
    return json.dumps({name: power[name] for name in names if name in power})


def _chats_of(group: Path) -> Sequence[str]:
    try:
        value = parse_json(read_bounded(group, 1 << 20), group.name).value
        return read_group(value).chats if is_group(value) else ()
    except TraktirError:
        return ()                                          # its chats still come, as chats without a group


def _parts(files: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    part: list[Path] = []
    size = 0
    for file in files:
        own = file.stat().st_size
        if part and size + own > TOGETHER:
            yield tuple(part)
            part, size = [], 0
        part.append(file)
        size += own
    if part:
        yield tuple(part)


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink())


def _files(folder: Path, suffix: str = "") -> list[Path]:
    """The ordinary files in a folder; links are not followed."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(
        p for p in folder.iterdir()
        if p.is_file() and not p.is_symlink() and p.name.lower() != "secrets.json" and p.name.endswith(suffix)
        and not p.name.startswith(".")
    )
