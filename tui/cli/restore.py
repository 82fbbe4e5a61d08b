"""`traktir restore`: a backup in the place of the home, or one chat out of it beside the chats there are."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui import paths
from tui.cli.backup import database, print_list
from tui.cli.output import add_json, fail, json_line, line, say_aside
from tui.cli.session import Session, on_core
from tui.domain.errors import NotFound, Refused, StoreError
from tui.domain.notice import notice
from tui.i18n import tr

if TYPE_CHECKING:
    from tui.store.staging import Staged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "backup", nargs="?", metavar="FILE|NAME|latest",
        help=tr("a file, the name of one of the copies, or the newest good one; without it: list them"),
    )
    parser.add_argument("--chat", metavar="ID", help=tr("only this chat; one of that id that is here stays as it is"))
    parser.add_argument("--list", action="store_true", help=tr("list the copies there are"))
    parser.add_argument("--dry-run", action="store_true", help=tr("check the backup and say what is in it, no more"))
    parser.add_argument("--yes", action="store_true", help=tr("do not ask"))
    parser.add_argument("--force", action="store_true", help=tr("also in the middle of a reply; what came is kept"))
    parser.set_defaults(connect=None, standalone=False)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Restore, or say why not; then nothing has changed. Raises TraktirError."""
    if args.list or args.backup is None:
        return print_list(args.json)
    with _staged(args) as (file, staged):
        chat = args.chat or staged.chat
        if args.dry_run:
            _say_what_is_in(file, staged, args)
            return 0
        if chat:
            return _restore_chat(file, staged, chat, args)
        return _restore_whole(file, staged, args)


@contextmanager
def _staged(args: argparse.Namespace) -> Iterator[tuple[Path, Staged]]:
    """The backup that is meant, unpacked and checked. Raises NotFound, StoreError."""
    from tui.store import staging

    file = _newest_good(args) if args.backup == "latest" else staging.find(database(), args.backup)
    with staging.stage(database(), file) as staged:
        if chat := args.chat or staged.chat:
            staging.alone(staged, chat, file.name)
        yield file, staged


def _newest_good(args: argparse.Namespace) -> Path:
    """The newest copy that is sound, and has the chat where one is asked for; bad ones are named on the way."""
    from tui.store import copies, staging

    found = copies.listed(database()) if args.chat else sorted(
        copies.restorable(database()), key=lambda copy: copy.made, reverse=True
    )
    for copy in found:
        try:
            with staging.stage(database(), copy.path) as staged:
                if args.chat:
                    staging.alone(staged, args.chat, copy.path.name)
            return copy.path
        except NotFound:
            continue
        except StoreError as error:
            if error.details.get("kind") != "bad_copy":
                raise
            fail(error)
    if args.chat:
        raise NotFound(notice("None of the copies holds that chat."), chat=args.chat[:40])
    raise NotFound(notice("There is no good copy to restore."), notice("Name a file that you kept elsewhere."))


def _say_what_is_in(file: Path, staged: Staged, args: argparse.Namespace) -> None:
    if args.json:
        json_line({
            "type": "checked", "file": str(file), "kind": staged.kind, "made": staged.made, "schema": staged.schema,
            "chats": staged.chats, "messages": staged.messages, "files": len(staged.config), "chat": staged.chat,
        })
    else:
        line(tr("{file} is sound: {chats} chats, {messages} messages and {files} files.", file=file.name,
                chats=staged.chats, messages=staged.messages, files=len(staged.config)))


def _restore_chat(file: Path, staged: Staged, chat: str, args: argparse.Namespace) -> int:
    async def act(session: Session) -> int:
        new = (await session.call("backup.take_chat", stage=staged.folder.name, chat=chat))["chat"]
        if args.json:
            json_line({"type": "restored", "file": str(file), "chat": new})
        elif new == chat:
            line(new)
            say_aside(notice("The chat is back."))
        else:
            line(new)
            say_aside(notice("The chat that is here stays as it is; the restored one lies beside it."))
        return 0

    return on_core(args, act)


def _restore_whole(file: Path, staged: Staged, args: argparse.Namespace) -> int:
    from tui.cli.stop import stop_core
    from tui.store import restoring

    if not staged.database and not staged.config:
        raise NotFound(notice("{file} holds neither chats nor files: there is nothing to restore.", file=file.name))
    if not args.yes:
        _ask(file, staged)
    try:
        if asyncio.run(stop_core(args.force)):
            return 1
    except Refused as refused:
        if not refused.details.get("busy"):
            raise
        raise Refused(refused.what, notice("Wait for it, or restore all the same with --force.")) from refused
    done = restoring.whole(database(), paths.config_dir(), staged)
    _say_done(file, staged, done.aside, done.damaged, args.json)
    return 0


def _ask(file: Path, staged: Staged) -> None:
    """Raises Refused unless the person says yes."""
    if not sys.stdin.isatty():
        raise Refused(
            notice("{file} would take the place of everything that is here.", file=file.name),
            notice("Say that you want it with --yes, or look first with --dry-run."),
        )
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(staged.made))
    say_aside(notice(
        "{file} of {when} takes the place of what is here: {chats} chats, {messages} messages and {files} files. "
        "What is here now is copied aside first.", file=file.name, when=when, chats=staged.chats,
        messages=staged.messages, files=len(staged.config),
    ))
    print(tr("Go on? [y/N]"), end=" ", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().casefold() not in ("y", "yes", "д", "да"):
        raise Refused(notice("Nothing was changed."))


def _say_done(file: Path, staged: Staged, aside: Path | None, damaged: Path | None, as_json: bool) -> None:
    if as_json:
        data: dict[str, Any] = {
            "type": "restored", "file": str(file), "schema": staged.schema, "chats": staged.chats,
            "messages": staged.messages, "files": len(staged.config), "aside": str(aside) if aside else None,
            "damaged": str(damaged) if damaged else None,
        }
        json_line(data)
        return
    line(tr("Restored from {file}: {chats} chats, {messages} messages and {files} files.", file=file.name,
            chats=staged.chats, messages=staged.messages, files=len(staged.config)))
    if damaged is not None:
        say_aside(notice("The damaged database is kept as {file}.", file=str(damaged)))
    elif aside is not None:
        say_aside(notice("What was here before comes back with: traktir restore {copy}", copy=aside.name))
