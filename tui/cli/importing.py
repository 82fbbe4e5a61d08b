"""`traktir import`: the client reads the files, the core takes their bytes."""

from __future__ import annotations

import argparse
import base64
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.cli.import_profile import hint, make_profile
from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.cli.session import Session, add_connect, on_core
from tui.cli.tavern_folder import is_tavern
from tui.cli.tavern_import import foretell, take_tavern
from tui.domain.errors import BadInput, TraktirError
from tui.domain.notice import notice

#: Bytes of one file at most; the largest real cards are some tens of megabytes.
LIMIT = 48 * 1024 * 1024
#: Files of a folder at most.
MOST_FILES = 10_000
#: What else lies in a user's folder of SillyTavern: pictures of its pages, its own settings, and keys.
_TAVERN = frozenset({"settings.json", "characters"})
_LEFT_OUT = frozenset({
    "assets", "backgrounds", "backups", "extensions", "thumbnails", "user", "user avatars", "vectors", "content.log",
    "image-metadata.json", "settings.json", "stats.json",
})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+", help="files or folders; - is standard input")
    parser.add_argument(
        "--as-profile", default="", metavar="NAME",
        help="make a profile of the instruct and context preset among them, which writes prompts as SillyTavern does",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="of a user's folder of SillyTavern only say what would come",
    )
    add_connect(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    if args.dry_run:
        folders = [Path(path) for path in args.paths]
        other = next((f for f in folders if not is_tavern(f)), None)
        if other is not None:
            raise BadInput(notice("{file} is no user's folder of SillyTavern.", file=_shown(other)),
                           "It is the one that holds characters and chats, as data/default-user.")
        return max(foretell(folder, args.json) for folder in folders)
    return on_core(args, lambda session: _import(session, args))


async def _import(session: Session, args: argparse.Namespace) -> int:
    failed = False
    taken = []
    for path in args.paths:
        if path != "-" and is_tavern(Path(path)):
            failed |= await take_tavern(session, Path(path), _one, lambda result: _report(result, args.json))
            continue
        for name, source in _files(path):
            for result in await _one(session, name, source):
                failed |= result.get("error") is not None
                _report(result, args.json)
                if not result.get("error"):
                    taken.append(result)
    if args.as_profile:
        _tell_profile(await make_profile(session, args.as_profile, taken), args)
    elif (told := hint(taken, args.paths)) is not None:
        say_aside(told)
    return 1 if failed else 0


def _tell_profile(profile: str, args: argparse.Namespace) -> None:
    if args.json:
        json_line({"type": "profile", "kind": "profile", "id": profile, "name": args.as_profile})
    else:
        line(f"profile {args.as_profile} ({profile})")
    say_aside(notice("Use it for all chats: traktir profiles use {name}. For one: traktir chats set ID profile={name}",
                     name=profile))


async def _one(session: Session, name: str, source: Path | None) -> list[dict[str, Any]]:
    try:
        data = sys.stdin.buffer.read(LIMIT + 1) if source is None else _read(source)
        if len(data) > LIMIT:
            raise BadInput(notice("{file} is larger than {limit} MiB.", file=name, limit=LIMIT >> 20), file=name)
        answer = await session.call("import", name=name, data_base64=base64.b64encode(data).decode("ascii"))
    except TraktirError as error:
        return [{"type": "file", "path": name, "kind": None, "name": "", "warnings": [], "error": error.to_json()}]
    files: list[dict[str, Any]] = answer["files"]
    return files


def _files(path: str) -> Iterator[tuple[str, Path | None]]:
    """A file, or the files of a folder; links to folders are not followed."""
    if path == "-":
        yield "-", None
        return
    root = Path(path)
    if not root.is_dir():
        yield _shown(root), root
        return
    count = 0
    closed: list[Path] = []
    for folder, folders, names in os.walk(root, onerror=lambda error: closed.append(Path(error.filename))):
        _leave_out(folder, folders, names)
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                say_aside(notice("{file} holds more than {n} files; the rest was left out.", file=path, n=MOST_FILES))
                return
            file = Path(folder) / name
            yield _shown(file), file
    yield from ((_shown(folder), folder) for folder in closed)     # reading one says what is wrong with it


def _leave_out(folder: str, folders: list[str], names: list[str]) -> None:
    """Take away what is not read: files of keys, and the rest of a user's folder of SillyTavern."""
    tavern = {*folders, *names} >= _TAVERN
    for listed in (folders, names):
        for name in sorted(listed):
            if name.lower() == "secrets.json":
                say_aside(notice("{file} holds keys, so it was not read.", file=_shown(Path(folder) / name)))
                listed.remove(name)
            elif tavern and name.lower() in _LEFT_OUT:
                say_aside(notice("{file} holds nothing that is kept here; it was left out.",
                                 file=_shown(Path(folder) / name)))
                listed.remove(name)


def _read(path: Path) -> bytes:
    """The bytes of an ordinary file. Raises BadInput naming it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadInput(notice("{file} is not an ordinary file.", file=_shown(path)), file=_shown(path))
            return file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(notice("{file} cannot be read: {reason}.", file=_shown(path), reason=reason)) from error


def _shown(path: Path) -> str:
    """A path as text that can travel, whatever bytes its name holds."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _report(result: dict[str, Any], as_json: bool) -> None:
    path = result["path"].replace("\n", "\\n")          # a name with a line break must not look like two results
    if as_json:
        flat = {**result, "warnings": [sentence(w) for w in result["warnings"]]}
        json_line(flat)
    elif result.get("error"):
        error = TraktirError.from_json(result["error"])
        say_aside(f"{path}: {error}")
    else:
        line(f"{path}: {result['kind']} {result['name']} ({result.get('id', '')})")
        for warning in result["warnings"]:
            say_aside(f"{path}: {sentence(warning)}")
