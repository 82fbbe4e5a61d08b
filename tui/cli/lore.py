"""`traktir lore test`: which entries fire, and why the others do not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tui.cli.output import add_json, json_line, line, sentence
from tui.domain.backend import estimate_tokens
from tui.domain.prompt.types import LoreHit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    test = verbs.add_parser("test", help="scan messages or a text with the books given")
    test.add_argument("--book", required=True, action="append", type=Path, metavar="FILE")
    source = test.add_mutually_exclusive_group(required=True)
    source.add_argument("--messages", metavar="FILE")
    source.add_argument("--text")
    test.add_argument(
        "--context", type=int, default=8192, metavar="TOKENS", help="the window that the budget is a share of"
    )
    test.add_argument("--all", action="store_true", help="those that do not fire, too")
    add_json(test)


def run(args: argparse.Namespace) -> int:
    from tui.cli.prompt import _messages
    from tui.domain.lore_scan import ScanSettings, scan_lore
    from tui.domain.profile import PromptPreset
    from tui.formats.files import read_bounded
    from tui.formats.lore_read import read_lorebook

    books = [read_lorebook(read_bounded(path), path.name) for path in args.book]
    texts = [args.text] if args.text is not None else [m.content for m in _messages(args.messages)]
    preset = PromptPreset("default")
    settings = ScanSettings(preset.lore.scan_depth, int(args.context * preset.lore.budget_share))
    for hit in scan_lore(books, texts, estimate_tokens, settings=settings):
        if hit.fired or args.all or args.json:
            _print(hit, args.json)
    return 0


def _print(hit: LoreHit, as_json: bool) -> None:
    data: dict[str, Any] = hit.to_json()
    why = sentence(data["why"])
    if as_json:
        json_line({"type": "entry", **data, "why": why or None})
        return
    mark = "*" if hit.fired else " "
    place = hit.position + (f" {hit.depth}" if hit.depth is not None else "")
    found = f"[{hit.key}] in message {hit.message}: {hit.snippet}" if hit.key and hit.fired else why
    line(f"{mark} {hit.book}/{hit.uid} {hit.comment}  {place}  order {hit.order}  {hit.tokens} tokens  {found}")
