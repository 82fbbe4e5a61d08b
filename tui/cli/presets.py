"""`traktir presets`."""

from __future__ import annotations

import argparse

from tui.cli.listing import add_edit, add_verbs, edit_preset, list_or_check, show_text

_KINDS = ("templates", "samplers", "prompts", "profiles")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_edit(add_verbs(parser, kinds=_KINDS), kinds=_KINDS)


def run(args: argparse.Namespace) -> int:
    if args.verb == "show":
        return show_text(args, args.kind)
    if args.verb == "edit":
        return edit_preset(args, args.kind)
    return list_or_check(args, "presets.list", "presets", kinds=(args.kind,) if args.kind else _KINDS)
