"""`traktir backup`: the whole home or one chat in one file, made beside a core at work."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from tui import paths
from tui.cli.output import add_json, json_line, line, say_aside
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.i18n import mark, tr

_KINDS = {
    "daily": mark("daily"), "schema": mark("before an upgrade"), "home": mark("by hand"), "chat": mark("one chat"),
    "before-restore": mark("before a restore"), "": mark("other"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=tr("where to write it; by default beside the other copies")
    )
    parser.add_argument("--chat", metavar="ID", help=tr("this chat alone, with its whole tree and history"))
    parser.add_argument("--list", action="store_true", help=tr("list the copies there are"))
    add_json(parser)


def database() -> Path:
    """The database of the home in use."""
    return paths.data_dir() / "traktir.db"


def run(args: argparse.Namespace) -> int:
    if args.list:
        return print_list(args.json)
    from tui.core.backup_calls import made_to_json
    from tui.store import making

    if args.output == "-":
        raise BadInput(notice("A backup needs a file to be written to."), field="output")
    target = Path(args.output).expanduser().resolve() if args.output else None
    if args.chat:
        made = making.chat(database(), args.chat, target)
    else:
        made = making.home(database(), paths.config_dir(), target)
    if args.json:
        json_line({"type": "backup", **made_to_json(made)})
        return 0
    line(str(made.file))
    manifest = made.manifest
    say_aside(notice(
        "{chats} chats, {messages} messages and {files} files; {size}. Read back and found whole.",
        chats=manifest.chats, messages=manifest.messages, size=megabytes(made.bytes),
        files=len(manifest.members) - bool(manifest.schema),
    ))
    return 0


def print_list(as_json: bool) -> int:
    """Every copy, newest first: when, what, how large, and whether it was checked when it was made."""
    from tui.core.backup_calls import copy_to_json
    from tui.store import copies

    found = [copy_to_json(copy) for copy in copies.listed(database())]
    for copy in found:
        if as_json:
            json_line({"type": "copy", "file": str(copies.folder(database()) / copy["name"]), **copy})
        else:
            line(_described(copy))
    if not found and not as_json:
        say_aside(notice("There are no backups yet."))
    return 0


def megabytes(size: int) -> str:
    return tr("{megabytes} MB", megabytes=f"{size / 1e6:.1f}")


def _described(copy: dict[str, Any]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy["made"]))
    held = tr("{chats} chats, {messages} messages", chats=copy["chats"], messages=copy["messages"])
    checked = held if copy["verified"] else tr("not checked")
    return f"{copy['name']:52} {when}  {megabytes(copy['bytes']):>10}  {tr(_KINDS[copy['kind']])}; {checked}"
