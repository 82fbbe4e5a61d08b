"""`traktir characters`."""

from __future__ import annotations

import argparse

from tui.cli.listing import add_verbs, list_or_check
from tui.cli.output import json_line, line, say_aside, sentence
from tui.cli.session import Session, add_connect, edit_text, on_core

_SHOWN = (
    "name", "nickname", "creator", "character_version", "tags", "description", "personality", "scenario", "first_mes",
    "alternate_greetings", "mes_example", "system_prompt", "post_history_instructions", "creator_notes",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    edit = verbs.add_parser("edit", help="change one field, in $EDITOR or from standard input")
    edit.add_argument("name", metavar="NAME")
    edit.add_argument("field", choices=[f for f in _SHOWN if f not in ("tags", "alternate_greetings")])
    edit.add_argument("--text", metavar="TEXT", help="the new text; - reads standard input; default: $EDITOR")
    add_connect(edit)


def run(args: argparse.Namespace) -> int:
    if args.verb == "show":
        return on_core(args, lambda session: _show(session, args))
    if args.verb == "edit":
        return on_core(args, lambda session: _edit(session, args))
    return list_or_check(args, "characters.list", "characters")


async def _show(session: Session, args: argparse.Namespace) -> int:
    found = await session.call("characters.get", id=args.name)
    if args.json:
        json_line({"type": "character", **found, "warnings": [sentence(w) for w in found["warnings"]]})
        return 0
    for field in _SHOWN:
        value = found["card"][field]
        if value:
            line(f"{field}: {', '.join(value) if isinstance(value, list) else value}")
    for warning in found["warnings"]:
        say_aside(sentence(warning))
    return 0


async def _edit(session: Session, args: argparse.Namespace) -> int:
    card = (await session.call("characters.get", id=args.name))["card"]
    text = edit_text(args.text, card[args.field])
    if text != card[args.field]:
        await session.call("characters.edit", id=args.name, fields={args.field: text})
    return 0
