"""What the commands about files of the library share: list, show, check."""

from __future__ import annotations

import argparse
from typing import Any

from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.cli.session import Session, add_connect, edit_text, on_core


def add_verbs(parser: argparse.ArgumentParser, *, kinds: tuple[str, ...] = ()) -> Any:
    """`list`, `show NAME` and `check`; with `kinds`, each takes one, and `list` and `check` take all without it."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = [
        verbs.add_parser("list", help="what there is"), verbs.add_parser("show", help="print one"),
        verbs.add_parser("check", help="say file, line and field of what is wrong"),
    ]
    for sub in made:
        if kinds:
            sub.add_argument("kind", choices=kinds, nargs=None if sub is made[1] else "?")
        add_connect(sub)
        add_json(sub)
    made[1].add_argument("name", metavar="NAME")
    return verbs


def list_or_check(args: argparse.Namespace, method: str, key: str, kinds: tuple[str, ...] = ()) -> int:
    """Print all of a kind, or only what is wrong with them (exit status 1 when something is)."""

    async def act(session: Session) -> int:
        found = [] if kinds else (await session.call(method))[key]
        for kind in kinds:
            listed = (await session.call(method, kind=kind))[key]
            found += listed if len(kinds) == 1 else [item | {"id": f"{kind}/{item['id']}"} for item in listed]
        broken = [item for item in found if item["problem"]]
        for item in broken if args.verb == "check" else found:
            _print(item, key, args.json)
        if args.verb == "check" and not args.json and not broken:
            line(f"{len(found)} ok")
        return 1 if args.verb == "check" and broken else 0

    return on_core(args, act)


def add_edit(verbs: Any, *, kinds: tuple[str, ...] = ()) -> None:
    """`edit NAME`: what is written is checked before it takes the old one's place."""
    edit = verbs.add_parser("edit", help="change one, in $EDITOR or from standard input")
    if kinds:
        edit.add_argument("kind", choices=kinds)
    edit.add_argument("name", metavar="NAME")
    edit.add_argument("--text", metavar="TEXT", help="the new text; - reads standard input; default: $EDITOR")
    add_connect(edit)


def edit_preset(args: argparse.Namespace, kind: str) -> int:
    """The user's own version of a preset; a shipped one stays as it is beneath."""

    async def act(session: Session) -> int:
        old = (await session.call("presets.get", kind=kind, id=args.name))["text"]
        new = edit_text(args.text, old, ".yaml")
        if new != old:
            await session.call("presets.save", kind=kind, id=args.name, text=new)
        return 0

    return on_core(args, act)


def show_text(args: argparse.Namespace, kind: str) -> int:
    """Print a preset as its file says it."""

    async def act(session: Session) -> int:
        preset = await session.call("presets.get", kind=kind, id=args.name)
        if args.json:
            json_line({"type": kind, **preset})
        else:
            line(preset["text"].rstrip())
        return 0

    return on_core(args, act)


def _print(item: dict[str, Any], key: str, as_json: bool) -> None:
    problem = sentence(item["problem"])
    if as_json:
        json_line({"type": key, **item, "problem": problem or None})
        return
    label = item.get("label") or item.get("name") or ""
    star = "*" if item.get("in_use") else " "
    line(f"{star} {item['id']:24} {label if label != item['id'] else '':32} {item['source']}")
    if problem:
        say_aside(f"{item['id']}: {problem}")
