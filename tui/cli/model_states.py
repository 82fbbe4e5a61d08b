"""`traktir models states`: what models have read of chats and is kept on disk, and how to be rid of it."""

from __future__ import annotations

import argparse
from typing import Any

from tui.cli.output import json_line, line
from tui.i18n import tr


def add_arguments(verbs: Any) -> None:
    parser: argparse.ArgumentParser = verbs.add_parser("states", help="what models have read of chats, kept on disk")
    parser.add_argument("--clear", action="store_true", help="remove it; chats are read again")


def run(args: argparse.Namespace) -> int:
    """Tell how many and how large they are, or remove them. Needs no core; one that runs goes on all the same."""
    from tui import paths
    from tui.core.kept_states import folder
    from tui.core.settings import Settings
    from tui.engine.state_files import clear, overview

    found = clear(folder()) if args.clear else overview(folder())
    quota = Settings(paths.config_dir()).get("kv_quota_mb")
    if args.json:
        json_line({
            "type": "states", "files": found.files, "bytes": found.bytes, "quota": int(quota * 1_000_000),
            "removed": args.clear, "folder": str(folder()),
        })
    elif args.clear:
        line(tr("Removed {size} MB; chats will be read again when they are opened.", size=round(found.bytes / 1e6)))
    else:
        line(tr(
            "Chats kept on disk: {count}, {size} MB of {quota} MB, in {folder}", count=found.files,
            size=round(found.bytes / 1e6), quota=round(quota), folder=str(folder()),
        ))
    return 0
