"""`traktir export`: what was imported comes back, unknown fields kept."""

from __future__ import annotations

import argparse

from tui.cli.session import Session, add_connect, on_core, write_file

_FORMATS = {
    "card": ("png", "json"),
    "chat": ("jsonl", "txt", "md", "html", "epub", "sharegpt", "messages", "completion"),
    "lorebook": ("json",), "preset": ("yaml", "sillytavern"),
}

_KINDS = ("samplers", "templates", "prompts", "profiles")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=sorted(_FORMATS))
    parser.add_argument("name", metavar="NAME", help="an id; for a preset KIND/NAME where several kinds have it")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="- is standard output")
    parser.add_argument(
        "--format", metavar="F",
        help="card: png, json; chat: jsonl (SillyTavern's), txt, md, html, epub, or as data: sharegpt, messages, "
             "completion; preset: yaml, sillytavern",
    )
    parser.add_argument("--branches", action="store_true", help="of a chat all branches, not only the path on view")
    parser.add_argument("--replies", action="store_true", help="of a chat only what characters said")
    parser.add_argument("--without-hidden", action="store_true", help="of a chat no messages hidden from the prompt")
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
        result = await session.call(
            "chats.export", id=args.name, format=args.format, branches=args.branches, replies=args.replies,
            hidden=not args.without_hidden,
        )
    elif args.kind == "lorebook":
        result = await session.call("lorebooks.export", id=args.name)
    else:
        kind, _, name = args.name.rpartition("/")
        kind = kind or await _kind_of(session, name)
        result = await session.call("presets.export", kind=kind, id=name, format=args.format)
    return write_file(result, args.output)


async def _kind_of(session: Session, name: str) -> str:
    """The first kind of presets that has one of that name; samplers where none has, which then says so."""
    for kind in _KINDS:
        listed = await session.call("presets.list", kind=kind)
        if any(preset["id"] == name for preset in listed["presets"]):
            return kind
    return _KINDS[0]
