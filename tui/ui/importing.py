"""Files that the person names: read and written here, on this side of the line; the core sees only bytes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from textual.app import App

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, TraktirError
from tui.domain.notice import Notice, notice
from tui.i18n import tr, tr_notice
from tui.ui.host import link

#: A card with a large picture is a few megabytes; what is beyond this is something else.
LARGEST_FILE = 64 * 1024 * 1024
#: Files taken from one folder at a time.
MOST_FILES = 500
_SUFFIXES = frozenset({
    ".png", ".json", ".yaml", ".yml", ".jsonl", ".charx", ".webp", ".jpg", ".jpeg", ".lorebook", ".kcpps",
})


async def import_path(app: App[Any], path: str) -> list[str]:
    """Hand a file, or the files of a folder, to the core. Returns a sentence for each; failures are among them.

    Raises BadInput when there is nothing of that name or no file in the folder that could be imported.
    """
    sentences: list[str] = []
    for file in await asyncio.to_thread(files_of, path):
        try:
            data = await asyncio.to_thread(_read, file)
            answer = await link(app).call("import", name=file.name, data_base64=base64.b64encode(data).decode("ascii"))
            sentences += [_told(entry) for entry in answer["files"]]
        except TraktirError as error:
            sentences.append(f"{clean_line(file.name, 80)}: {tr_notice(error.what)}")
    return sentences


def files_of(path: str) -> list[Path]:
    """The file of that name, or those in the folder and below it that may be imported. Raises BadInput."""
    place = Path(path.strip().strip("'\"")).expanduser()
    if place.is_dir():
        found = sorted(islice(_below(place), MOST_FILES))
        if not found:
            raise BadInput(notice("There is nothing to import in {file}.", file=str(place)), file=str(place))
        return found
    if not place.is_file():
        raise BadInput(notice("There is no file {file}.", file=str(place)), "Check the path.", file=str(place))
    return [place]


async def read_text(path: str) -> str:
    """The text of one file of the person's. Raises NotFound, Refused."""
    return (await asyncio.to_thread(lambda: _read(files_of(path)[0]))).decode("utf-8", "replace")


def _below(folder: Path) -> Iterator[Path]:
    """Files that may be imported; links to folders are not followed, and files of keys are nobody's business."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            if file.suffix.lower() in _SUFFIXES and name.lower() != "secrets.json" and file.is_file():
                yield file


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise BadInput(notice("{file} is too large to be a card or a preset.", file=file.name), file=file.name)
        return file.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(
            notice("{file} cannot be read: {reason}", file=file.name, reason=reason), file=file.name
        ) from error


def _told(entry: Mapping[str, Any]) -> str:
    name = clean_line(str(entry.get("name") or entry.get("path") or ""), 80)
    if entry.get("error"):
        error = entry["error"]
        what = error.get("what", error) if isinstance(error, Mapping) else {"id": str(error)}
        return tr("Not imported: {name}. {reason}", name=name, reason=tr_notice(Notice.from_json(what)))
    told = tr("Imported: {name} ({kind}).", name=name, kind=str(entry.get("kind") or ""))
    warnings = [tr_notice(Notice.from_json(w)) for w in entry.get("warnings") or ()]
    return " ".join([told, *warnings])


def export_words(words: str) -> tuple[str, bool]:
    """Where to write to, and whether all branches are meant: `branches story.md`."""
    first, _, rest = words.strip().partition(" ")
    return (rest.strip(), True) if first in ("branches", "ветки") else (words, False)


def write_export(exported: Mapping[str, Any], target: str = "") -> Path:
    """Write what the core exported to `target` (a file or a folder; default: the folder the program was started
    in), under a free name: nothing is overwritten. Returns the path. Raises BadInput."""
    try:
        data = base64.b64decode(exported["data_base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("What the core sent is not a file.") from error
    name = clean_line(Path(str(exported["filename"])).name, 100).lstrip(".") or "card"
    place = Path(target).expanduser() if target else Path.cwd()
    path = free_name(place / name if place.is_dir() else place)
    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(notice("{file} cannot be written: {reason}", file=str(path), reason=reason)) from error
    return path


def free_name(path: Path) -> Path:
    """`path`, or `name (2).ext`, … the first that does not exist."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free
