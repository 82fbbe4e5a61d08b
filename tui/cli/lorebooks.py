"""`traktir lorebooks`."""

from __future__ import annotations

import argparse
import base64

from tui.cli.listing import add_edit, add_verbs, list_or_check
from tui.cli.output import json_line, line
from tui.cli.session import Session, edit_text, on_core


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_edit(add_verbs(parser))


def run(args: argparse.Namespace) -> int:
    if args.verb == "show":
        return on_core(args, lambda session: _show(session, args))
    if args.verb == "edit":
        return on_core(args, lambda session: _edit(session, args))
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


async def _edit(session: Session, args: argparse.Namespace) -> int:
    old = base64.b64decode((await session.call("lorebooks.export", id=args.name))["data_base64"]).decode("utf-8")
    new = edit_text(args.text, old, ".json")
    if new != old:
        await session.call("lorebooks.save", id=args.name, text=new)
    return 0
