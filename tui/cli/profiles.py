"""`traktir profiles`."""

from __future__ import annotations

import argparse
import getpass
import sys

from tui.cli.listing import add_edit, add_verbs, edit_preset, list_or_check, show_text
from tui.cli.output import line
from tui.cli.session import Session, add_connect, on_core
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    add_edit(verbs)
    use = verbs.add_parser("use", help="make a profile the default")
    use.add_argument("name", metavar="NAME")
    add_connect(use)
    bind = verbs.add_parser("bind", help="let a profile hold for a character, a chat or the summaries")
    bind.add_argument("name", metavar="NAME", help="the profile; none takes the binding away")
    whom = bind.add_mutually_exclusive_group(required=True)
    whom.add_argument("--character", metavar="C", help="all chats with this character that name no other")
    whom.add_argument("--chat", metavar="ID", help="this chat alone")
    whom.add_argument("--summaries", action="store_true", help="the model that writes summaries")
    add_connect(bind)
    key = verbs.add_parser("key", help="keep the key of a profile's server (asked for, or read from standard input)")
    key.add_argument("name", metavar="NAME")
    key.add_argument("--keyring", action="store_true", help="in the system's keyring instead of a private file")
    add_connect(key)


def run(args: argparse.Namespace) -> int:
    if args.verb == "use":
        return on_core(args, lambda session: _use(session, args.name))
    if args.verb == "bind":
        return on_core(args, lambda session: _bind(session, args))
    if args.verb == "key":
        secret = getpass.getpass(tr("Key: ")) if sys.stdin.isatty() else sys.stdin.readline()
        return on_core(args, lambda session: _key(session, args, secret))
    if args.verb == "show":
        return show_text(args, "profiles")
    if args.verb == "edit":
        return edit_preset(args, "profiles")
    return list_or_check(args, "presets.list", "presets", kinds=("profiles",))


async def _bind(session: Session, args: argparse.Namespace) -> int:
    profile = "" if args.name == "none" else args.name
    if args.summaries:
        await session.call("settings.set", name="summary_profile", value=profile)
        return 0
    whom = {"character": args.character} if args.character else {"chat": args.chat}
    bound = await session.call("profiles.bind", profile=profile, **whom)
    line(bound["profile"])
    return 0


async def _key(session: Session, args: argparse.Namespace, secret: str) -> int:
    kept = (await session.call("profiles.key", profile=args.name, key=secret, keyring=args.keyring))["kept"]
    line(next(f"{name}: {value}" for name, value in kept.items()))
    return 0


async def _use(session: Session, name: str) -> int:
    await session.call("profiles.use", id=name)
    return 0
