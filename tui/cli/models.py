"""`traktir models`: GGUF files that are here, and what is in one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from tui.cli.output import add_json, json_line, line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="models in the usual folders")
    listing.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="further folders to look in")
    verbs.add_parser("info", help="family, quantisation, context, template").add_argument("file", type=Path)
    for sub in verbs.choices.values():
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    return _list(args) if args.verb == "list" else _info(args)


def _list(args: argparse.Namespace) -> int:
    from tui.engine.discover import scan

    for model in scan(args.folders):
        if args.json:
            json_line({"type": "model", **asdict(model), "path": str(model.path)})
        else:
            line(f"{model.size / 1e9:7.2f} GB  {model.name:40}  {model.path}")
    return 0


def _info(args: argparse.Namespace) -> int:
    from tui.cli.local import library
    from tui.domain.prompt.detect import ModelFacts, choose_for
    from tui.engine.gguf import read_metadata

    info = read_metadata(args.file)
    choice = choose_for(library().templates(), ModelFacts(
        info.chat_template, info.name or args.file.stem, info.architecture, info.control_tokens, info.bos_token,
        info.eos_token,
    ))
    data = {
        "path": str(args.file), "name": info.name, "architecture": info.architecture, "size": info.size_bytes,
        "quantisation": info.quantisation, "context_length": info.context_length, "parameters": info.parameters,
        "template": choice.template.id if choice.template else None, "template_found_by": choice.found_by or None,
    }
    if args.json:
        json_line({"type": "model", **data})
    else:
        for key, value in data.items():
            line(f"{key:18} {value if value is not None else '–'}")
    return 0
