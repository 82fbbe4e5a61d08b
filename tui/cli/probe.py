"""`traktir probe URL`: which backend answers there."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.domain.endpoint import Endpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--key-file", metavar="F", type=Path, help="a file that holds the server's key")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from tui.backends.probe import probe
    from tui.cli.templates import read_text

    key = read_text(args.key_file).strip() if args.key_file else ""
    found = asyncio.run(probe(Endpoint(url=args.url, api_key=key))).to_json()
    if args.json:
        json_line({"type": "probe", **found})
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    for key in ("dialect", "version", "model", "context_length"):
        line(f"{key:16} {found.get(key) or '–'}")
    models = found.get("models") or []
    if len(models) > 1:
        line(f"{'models':16} {', '.join(models)}")
    for told in (found.get("capabilities") or {}).get("notices") or ():
        say_aside(sentence(told))
