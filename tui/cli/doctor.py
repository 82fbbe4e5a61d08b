"""`traktir doctor`: checks the installation, the terminal, the files, the store and the model; says what to do."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui import __version__, paths, resources
from tui.cli.output import add_json, json_line, line
from tui.domain.errors import TraktirError
from tui.domain.notice import Notice, notice
from tui.i18n import tr_notice


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` None means worth knowing, not wrong."""

    topic: str
    ok: bool | None
    says: Notice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    bad = False
    for finding in (*_installation(), *_terminal(), *_files(), *asyncio.run(_core())):
        bad |= finding.ok is False
        if args.json:
            json_line({"type": "finding", "topic": finding.topic, "ok": finding.ok, "says": tr_notice(finding.says)})
        else:
            mark = {True: "ok", False: "!!", None: "--"}[finding.ok]
            line(f"{mark} {finding.topic:12} {tr_notice(finding.says)}")
    return 1 if bad else 0


def _installation() -> Iterator[Finding]:
    from tui.engine import available

    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("traktir", True, notice("Version {version} on Python {python}.", version=__version__, python=python))
    for folder in (resources.presets_dir(), resources.characters_dir()):
        there = folder.is_dir() and any(folder.iterdir())
        yield Finding("files", there, notice("{folder} ships with the program.", folder=folder.name) if there
                      else notice("{folder} is missing: install Traktir again.", folder=folder.name))
    problem = available()
    yield Finding("engine", True, notice("The embedded engine is installed.")) if problem is None else Finding(
        "engine", None, problem)


def _terminal() -> Iterator[Finding]:
    if not sys.stdout.isatty():
        yield Finding("terminal", None, notice("This is not a terminal; nothing to check here."))
        return
    size = os.get_terminal_size()
    yield Finding("terminal", size.columns >= 40 and size.lines >= 10,
                  notice("{columns} columns, {lines} lines.", columns=size.columns, lines=size.lines))
    colours = "truecolor" if os.environ.get("COLORTERM") else os.environ.get("TERM", "dumb")
    yield Finding("colours", os.environ.get("TERM", "dumb") != "dumb", notice("Colours: {kind}.", kind=colours))
    encoding = (sys.stdout.encoding or "").lower()
    yield Finding("letters", "utf" in encoding, notice("Encoding: {encoding}.", encoding=encoding))
    if os.environ.get("TMUX"):
        yield Finding("clipboard", None, notice("Inside tmux: copying goes through tmux's own buffer."))


def _files() -> Iterator[Finding]:
    for what, folder in (("config", paths.config_dir()), ("data", paths.data_dir())):
        parent = next(p for p in (folder, *folder.parents) if p.exists())
        yield Finding(what, os.access(parent, os.W_OK), notice("{folder}", folder=str(folder)))
    from tui.cli.local import library

    problems = library().problems()
    for problem in problems:
        yield Finding("presets", False, problem)
    if not problems:
        yield Finding("presets", True, notice("All presets, characters and lorebooks can be read."))


async def _core() -> list[Finding]:
    """The running core and its model; none is started."""
    from tui.client.connection import Connection
    from tui.client.launch import find_core

    try:
        target = await find_core()
        if target is None:
            return [Finding("core", None, notice("No core is running; it starts with the first use.")), _store()]
        connection = await Connection.open(target)
        try:
            status = await connection.call("status")
        finally:
            await connection.close()
    except TraktirError as error:
        return [Finding("core", False, error.what)]
    link = status["connection"]
    model = Finding("model", link["state"] != "error", notice(
        "{model} by {kind}: {state}.", model=link["model"] or link["url"], kind=link["kind"], state=link["state"]))
    told = [Finding("store", None, Notice.from_json(n)) for n in status["store"]["notices"]]
    if (watched := status.get("watchdog")) and watched["stalls"]:
        from tui.client.daemon import core_log

        told.append(Finding("core", False, notice(
            "The event loop of the core was held up {n} times for more than {limit} ms, at worst {worst}; see {file}.",
            n=watched["stalls"], limit=watched["limit_ms"], worst=watched["worst_ms"], file=str(core_log()))))
    return [Finding("core", True, notice("A core is running, process {pid}.", pid=status["pid"])), model, *told]


def _store() -> Finding:
    path: Path = paths.data_dir() / "traktir.db"
    if not path.exists():
        return Finding("store", True, notice("There are no chats yet."))
    import sqlite3

    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            verdict = str(database.execute("pragma quick_check").fetchone()[0])
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict == "ok":
        return Finding("store", True, notice("The database is sound."))
    told = notice("{file} is damaged: {reason}. The backups lie beside it.", file=str(path), reason=verdict)
    return Finding("store", False, told)
