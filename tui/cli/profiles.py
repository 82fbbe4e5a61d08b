"""`traktir profiles`."""

from __future__ import annotations

import argparse

from tui.cli.listing import add_edit, add_verbs, edit_preset, list_or_check, show_text
from tui.cli.session import Session, add_connect, on_core


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    add_edit(verbs)
    use = verbs.add_parser("use", help="make a profile the default")
    use.add_argument("name", metavar="NAME")
    add_connect(use)


def run(args: argparse.Namespace) -> int:
    if args.verb == "use":
        return on_core(args, lambda session: _use(session, args.name))
    if args.verb == "show":
        return show_text(args, "profiles")
    if args.verb == "edit":
        return edit_preset(args, "profiles")
    return list_or_check(args, "presets.list", "presets", kinds=("profiles",))


async def _use(session: Session, name: str) -> int:
    await session.call("profiles.use", id=name)
    return 0
