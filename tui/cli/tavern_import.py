"""`traktir import` of a user's whole folder of SillyTavern: told beforehand, then taken in."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tui.cli.output import json_line, line, say_aside
from tui.cli.session import Session
from tui.cli.tavern_folder import ChatSet, chat_sets, personas_of, single_files
from tui.domain.errors import TraktirError
from tui.domain.notice import notice
from tui.formats.chat_join import joined
from tui.formats.chat_read import read_chat
from tui.formats.detect import detect_kind
from tui.formats.files import read_bounded, shown_name
from tui.i18n import tr

_Result = dict[str, Any]


async def take_tavern(
    session: Session, folder: Path, one: Callable[[Session, str, Path], Awaitable[list[_Result]]],
    report: Callable[[_Result], None],
) -> bool:
    """Take in everything, telling each as it comes; `one` takes a single file. Whether anything was refused."""
    failed = False
    if (keys := folder / "secrets.json").is_file():
        say_aside(notice("{file} holds keys, so it was not read.", file=str(keys)))
    for file in single_files(folder):
        for result in await one(session, str(file), file):
            failed |= result.get("error") is not None
            report(result)
    try:
        if text := personas_of(folder):
            await session.call("personas.import", text=text)
            line(tr("personas: taken in from settings.json"))
    except TraktirError as error:
        failed = True
        say_aside(f"settings.json: {error}")
    for chosen in chat_sets(folder):
        for result in await _chats(session, chosen):
            failed |= result.get("error") is not None
            report(result)
    return failed


async def _chats(session: Session, chosen: ChatSet) -> list[_Result]:
    try:
        files = [{"name": str(file), "data_base64": _base64(file)} for file in chosen.files]
        group = _base64(chosen.group) if chosen.group is not None else ""
        answer = await session.call("import.chats", files=files, group_base64=group)
    except TraktirError as error:
        path = str(chosen.files[0])
        return [{"type": "file", "path": path, "kind": None, "name": "", "warnings": [], "error": error.to_json()}]
    found: list[_Result] = answer["files"]
    return found


def _base64(file: Path) -> str:
    return base64.b64encode(read_bounded(file, 48 << 20)).decode("ascii")


def foretell(folder: Path, as_json: bool) -> int:
    """Say what would come from a folder, without a core and without writing anything. 1 where a file is broken."""
    counts: Counter[str] = Counter()
    broken = 0
    for file in single_files(folder):
        try:
            kind = detect_kind(read_bounded(file), file.name)
        except TraktirError:
            kind = None
        counts[str(kind or "?")] += 1
        if kind is None:
            broken += 1
            say_aside(notice("{file} would not come: it is nothing that Traktir can read.", file=shown_name(file)))
    for chosen in chat_sets(folder):
        read = []
        for file in chosen.files:
            try:
                read += read_chat(read_bounded(file), file.name)
            except TraktirError as error:
                broken += 1
                say_aside(f"{shown_name(file)}: {error}")
        counts["chat file"] += len(read)
        counts["group chat" if chosen.group else "chat"] += len(joined(read))
    try:
        counts["persona file"] += 1 if personas_of(folder) else 0
    except TraktirError as error:
        broken += 1
        say_aside(f"settings.json: {error}")
    if as_json:
        json_line({"type": "dry-run", "path": str(folder), "counts": +counts, "broken": broken})
    else:
        for name, count in sorted((+counts).items()):
            line(f"{name}: {count}")
        line(tr("Nothing was taken in. Without --dry-run it is."))
    return 1 if broken else 0
