"""`traktir export`: what was imported comes back, unknown fields kept."""

from __future__ import annotations

import argparse

from tui.cli.session import Session, add_connect, on_core, write_file

_FORMATS = {"card": ("png", "json"), "chat": ("jsonl", "txt"), "lorebook": ("json",), "preset": ("yaml",)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=sorted(_FORMATS))
    parser.add_argument("name", metavar="NAME", help="an id; for a preset KIND/NAME, such as samplers/default")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="- is standard output")
    parser.add_argument("--format", metavar="F", help="card: png or json; chat: jsonl or txt")
    add_connect(parser)


def run(args: argparse.Namespace) -> int:
    formats = _FORMATS[args.kind]
    if args.format and args.format not in formats:
        raise SystemExit(2)
    args.format = args.format or _from_name(args.output, formats)
    return on_core(args, lambda session: _export(session, args))


def _from_name(output: str, formats: tuple[str, ...]) -> str:
    suffix = output.rpartition(".")[2].lower()
    return suffix if suffix in formats else formats[0]


async def _export(session: Session, args: argparse.Namespace) -> int:
    if args.kind == "card":
        result = await session.call("characters.export", id=args.name, format=args.format)
    elif args.kind == "chat":
        result = await session.call("chats.export", id=args.name, format=args.format)
    elif args.kind == "lorebook":
        result = await session.call("lorebooks.export", id=args.name)
    else:
        kind, _, name = args.name.rpartition("/")
        result = await session.call("presets.export", kind=kind or "samplers", id=name)
    return write_file(result, args.output)
