"""`traktir regex`: the regex scripts there are, and what they make of a text."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.cli.session import Session, add_connect, on_core
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listed = verbs.add_parser("list", help="all scripts, and which are on")
    tried = verbs.add_parser("test", help="what the scripts make of a text; nothing is kept")
    tried.add_argument("text", help="the text; - reads it from the input")
    tried.add_argument("--script", default="", metavar="NAME", help="this one alone, be it on or off")
    tried.add_argument("--file", type=Path, metavar="FILE", help="the scripts of this file instead")
    for sub in (listed, tried):
        sub.add_argument("--chat", default="", metavar="ID", help="with those that the chat's character brings")
        add_connect(sub)
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    if args.verb == "test" and args.file:
        return _of_file(args)
    act = _list if args.verb == "list" else _test
    return on_core(args, lambda session: act(session, args))


async def _list(session: Session, args: argparse.Namespace) -> int:
    got = await session.call("regex.list", chat=args.chat)
    for script in got["scripts"]:
        runs = not script["disabled"] and (script["scope"] == "all" or got["allowed"])
        if args.json:
            json_line({"type": "script", **script, "runs": runs})
        else:
            line(f"{'*' if runs else ' '} {script['id']}  {script['scriptName']}  {script['findRegex']}")
    for problem in got["problems"]:
        say_aside(sentence(problem))
    return 0


async def _test(session: Session, args: argparse.Namespace) -> int:
    return _show(args, await session.call("regex.test", text=_text(args), chat=args.chat, id=args.script))


def _of_file(args: argparse.Namespace) -> int:
    """Without a core: the scripts of one file."""
    from tui.core.regex_files import named, read_regex
    from tui.domain.regex_scripts import step_of
    from tui.formats.files import PRESET_LIMIT, read_bounded
    from tui.sandbox import Sandbox
    from tui.sandbox.scripts import run_scripts

    scripts = read_regex(read_bounded(args.file, PRESET_LIMIT), args.file.name)
    chosen = (named(scripts, args.script),) if args.script else tuple(s for s in scripts if not s.disabled)
    sandbox = Sandbox()
    try:
        outcome = run_scripts(sandbox, [(_text(args), [step_of(script, str) for script in chosen])])
    finally:
        sandbox.close()
    troubles = {s.name: outcome.troubles[s.id].to_json() for s in chosen if s.id in outcome.troubles}
    changed = outcome.texts[0]
    return _show(args, {"text": changed.text, "by": [s.name for s in changed.by], "troubles": troubles})


def _text(args: argparse.Namespace) -> str:
    return sys.stdin.read() if args.text == "-" else str(args.text)


def _show(args: argparse.Namespace, got: dict[str, Any]) -> int:
    if args.json:
        json_line({"type": "tried", **got})
    else:
        line(got["text"])
        for name in got["by"]:
            say_aside(tr("changed by {name}", name=name))
    for name, why in got["troubles"].items():
        say_aside(f"{name}: {sentence(why)}")
    return 1 if got["troubles"] else 0
