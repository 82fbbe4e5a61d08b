"""`traktir doctor`: checks the installation, the terminal, the files, the store and the model; says what to do.

Exit status 1 only when something is wrong; what is merely worth knowing leaves it 0.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import textwrap
from collections.abc import Iterator

from tui.cli.doctoring import copying, core, installation, living, multiplexers, screen, storage
from tui.cli.doctoring.findings import Finding
from tui.cli.doctoring.machine import Machine, Places, these_places, this_machine
from tui.cli.output import add_json, json_line, line
from tui.i18n import tr, tr_notice

_MARKS = {"ok": "ok", "note": "--", "problem": "!!"}
_WIDEST = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    found: list[Finding] = []
    for finding in findings(this_machine(), these_places()):
        found.append(finding)
        if args.json:
            json_line(finding.to_json())
        else:
            _print(finding)
    problems = sum(f.severity == "problem" for f in found)
    if not args.json:
        line()
        notes = sum(f.severity == "note" for f in found)
        line(tr("Something is wrong; what to do stands with it: {n}", n=problems) if problems
             else tr("Nothing is wrong. Lines with -- are worth knowing: {n}", n=notes))
    return 1 if problems else 0


def findings(m: Machine, places: Places) -> Iterator[Finding]:
    """Everything, as it is found."""
    yield from installation.look(m)
    yield from screen.look(m)
    yield from multiplexers.look(m)
    yield from copying.look(m, places)
    yield from living.look(m)
    yield from storage.look(m, places)
    yield from core.own_files()
    yield from asyncio.run(core.look(places.database))


def _print(finding: Finding) -> None:
    """A line with a mark; what to type stands alone on the next, so that it can be copied."""
    begin = f"{_MARKS[finding.severity]} {finding.topic:10} "
    says = begin + tr_notice(finding.says)
    if sys.stdout.isatty():
        width = max(20, min(shutil.get_terminal_size().columns, _WIDEST))
        indent = " " * (len(begin) if width > 60 else 3)
        says = textwrap.fill(says, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    line(says)
    if finding.do:
        line(f"     → {finding.do}")
