"""`traktir templates`: all in this process, no core needed."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path

from tui.cli.local import library
from tui.cli.output import add_json, json_line, line, say_aside
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.prompt.detect import choose_template
from tui.domain.template import Template
from tui.i18n import tr_notice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="the prompt formats there are")
    verbs.add_parser("show", help="print one").add_argument("name", metavar="NAME")
    verbs.add_parser("check", help="say file, line and field of what is wrong")
    detect = verbs.add_parser("detect", help="which format a model wants")
    source = detect.add_mutually_exclusive_group(required=True)
    source.add_argument("--gguf", metavar="FILE", type=Path)
    source.add_argument("--jinja", metavar="FILE", type=Path)
    source.add_argument("--url", metavar="URL", help="ask the server there")
    detect.add_argument("--key-file", metavar="F", type=Path, help="a file that holds the server's key")
    for sub in verbs.choices.values():
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    return {"list": _list, "show": _show, "check": _check, "detect": _detect}[args.verb](args)


def _list(args: argparse.Namespace) -> int:
    for item in library().items("templates"):
        if not isinstance(item.value, Template):
            continue
        if args.json:
            json_line({
                "type": "template", "id": item.id, "label": item.value.label, "aliases": list(item.value.aliases),
                "source": item.source,
            })
        else:
            line(f"{item.id:20} {item.value.label:28} {', '.join(item.value.aliases)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    template = library().template(args.name)
    if args.json:
        json_line({"type": "template", **asdict(template)})
    else:
        from tui.formats.presets import template_yaml

        line(template_yaml(template).decode().rstrip())
    return 0


def _check(args: argparse.Namespace) -> int:
    items = library().items("templates")
    broken = [i for i in items if i.problem is not None]
    for item in broken:
        assert item.problem is not None
        if args.json:
            json_line({"type": "template", "id": item.id, "problem": item.problem.to_json()})
        else:
            say_aside(item.problem)
    if not broken and not args.json:
        line(f"{len(items)} ok")
    return 1 if broken else 0


def _detect(args: argparse.Namespace) -> int:
    jinja, name = _source(args)
    choice = choose_template(library().templates(), jinja=jinja, name=name)
    found = choice.template.id if choice.template else None
    if args.json:
        json_line({"type": "template", "id": found, "found_by": choice.found_by or None, "why": tr_notice(choice.why)})
    else:
        line(f"{found} ({choice.found_by})" if found else tr_notice(choice.why))
    return 0 if found else 1


def _source(args: argparse.Namespace) -> tuple[str, str]:
    """The model's own template, and its name."""
    if args.gguf is not None:
        from tui.engine.gguf import read_metadata

        info = read_metadata(args.gguf)
        return info.chat_template, info.name or args.gguf.stem
    if args.url is not None:
        return _told_by_server(args)
    return read_text(args.jinja), ""


def _told_by_server(args: argparse.Namespace) -> tuple[str, str]:
    """What a server tells of its model. Raises BackendError where it tells nothing."""
    from tui.backends.probe import probe

    key = read_text(args.key_file).strip() if args.key_file else ""
    found = asyncio.run(probe(Endpoint(url=args.url, api_key=key)))
    if found.problem is not None:
        raise found.problem
    return found.chat_template, found.model


def read_text(path: Path, limit: int = 4 << 20) -> str:
    """The text of a file the user named. Raises BadInput naming it."""
    from tui.formats.files import read_bounded

    try:
        return read_bounded(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            notice("{file} is not UTF-8 text (byte {at}).", file=str(path), at=error.start), file=str(path)
        ) from None
