"""The core that runs, its model, the chats and the people's own files."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tui.cli.doctoring.findings import Finding, note, ok, problem
from tui.domain.errors import TraktirError
from tui.domain.notice import Notice


async def look(database: Path) -> list[Finding]:
    """Asks the running core; none is started, and then the database is read as it lies there."""
    from tui.client.connection import Connection
    from tui.client.launch import find_core

    try:
        target = await find_core()
        if target is None:
            return [ok("core.none", "No core is running; it starts with the first use."), check_store(database)]
        connection = await Connection.open(target)
        try:
            hello = await connection.greet()
            status = await connection.call("status")
        finally:
            await connection.close()
    except TraktirError as error:
        return [Finding("core.fails", "problem", error.what, do="traktir stop --force")]
    found = [ok("core.runs", "A core is running, process {pid}.", pid=status["pid"])]
    return [*found, *_build(hello), *_model(status), *_stalls(status), *_told(status)]


def _build(hello: dict[str, object]) -> Iterator[Finding]:
    from tui.wire.build import build_id

    if hello.get("build") != build_id():
        yield note("core.older", "The core that runs is of another build than the program on the disk. It is replaced"
                   " when a terminal is opened; or end it now:", do="traktir stop")


def _model(status: dict[str, dict[str, str]]) -> Iterator[Finding]:
    from tui.engine import available

    link = status["connection"]
    says = Notice("{model} by {kind}: {state}.", {"model": link["model"] or link["url"], "kind": link["kind"],
                                                  "state": link["state"]})
    broken = link["state"] == "error"
    if broken and link["kind"] == "embedded" and available() is not None:
        yield note("model.engine", "The profile in use wants the engine, which is not installed. Install it, or connect"
                   " to a server in the terminal:", do="/connect ADDRESS")
        return
    yield Finding("model.state", "problem" if broken else "ok", says, do="traktir probe ADDRESS" if broken else "")


def _stalls(status: dict[str, dict[str, object]]) -> Iterator[Finding]:
    from tui.client.daemon import core_log

    watched = status.get("watchdog")
    if watched and watched["stalls"]:
        yield note(
            "core.stalls",
            "The event loop of the core was held up {n} times for more than {limit} ms, at worst {worst}; see {file}.",
            n=watched["stalls"], limit=watched["limit_ms"], worst=watched["worst_ms"], file=str(core_log()))


def _told(status: dict[str, dict[str, list[dict[str, object]]]]) -> Iterator[Finding]:
    for told in status["store"]["notices"]:
        yield Finding("store.notice", "note", Notice.from_json(told))


def check_store(path: Path) -> Finding:
    """Whether SQLite finds the database whole."""
    if not path.exists():
        return ok("store.none", "There are no chats yet.")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            verdict = str(database.execute("pragma quick_check").fetchone()[0])
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict == "ok":
        return ok("store.sound", "The database is sound.")
    return problem("store.damaged", "{file} is damaged: {reason}. The backups lie beside it.",
                   do="traktir restore latest", file=str(path), reason=verdict)


def own_files() -> Iterator[Finding]:
    """Presets, characters and lorebooks that cannot be read, each with line and field."""
    from tui.cli.local import library

    problems = library().problems()
    for found in problems:
        yield Finding("presets.broken", "problem", found)
    if not problems:
        yield ok("presets.readable", "All presets, characters and lorebooks can be read.")
