"""`traktir lorebooks`."""

from __future__ import annotations

import argparse

from tui.cli.listing import add_verbs, list_or_check
from tui.cli.output import json_line, line
from tui.cli.session import Session, on_core


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_verbs(parser)


def run(args: argparse.Namespace) -> int:
    if args.verb == "show":
        return on_core(args, lambda session: _show(session, args))
    return list_or_check(args, "lorebooks.list", "lorebooks")


async def _show(session: Session, args: argparse.Namespace) -> int:
    book = await session.call("lorebooks.get", id=args.name)
    for entry in book["entries"]:
        if args.json:
            json_line({"type": "entry", "book": book["id"], **entry})
        else:
            state = "constant" if entry["constant"] else ", ".join(entry["keys"])
            line(f"{entry['uid']:>4} {'' if entry['enabled'] else '(off) '}[{state}] {entry['comment']}")
            line(f"     {entry['content']}")
    return 0
