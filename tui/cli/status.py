"""`traktir status`: what runs, which model, who is attached."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from tui.cli.output import add_json, json_line, line, say_aside
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the core's state; 1 when none runs. Starts none."""
    found = asyncio.run(_ask())
    if args.json:
        json_line({"type": "status", "running": found is not None, **(found or {})})
    elif found is None:
        say_aside(tr("No core is running for this home."))
    else:
        for text in _lines(found):
            line(text)
    return 0 if found is not None else 1


async def _ask() -> dict[str, Any] | None:
    from tui.client.connection import Connection
    from tui.client.launch import find_core

    target = await find_core()
    if target is None:
        return None
    connection = await Connection.open(target)
    try:
        status = dict(await connection.call("status"))
        return {**status, "socket": str(target), "connection": await connection.call("connection.get")}
    finally:
        await connection.close()


def _lines(found: dict[str, Any]) -> list[str]:
    connection = found.get("connection") or {}
    lines = [
        tr("core      {version}, process {pid}, up {minutes} min", version=found["version"], pid=found["pid"],
           minutes=int(found["uptime_s"] // 60)),
        tr("home      {home}", home=found["home"]),
        tr("socket    {socket}", socket=found["socket"]),
        tr("attached  {count}", count=found["clients"]),
        tr("model     {model} ({state})", model=connection.get("model") or "—", state=connection.get("state") or "—"),
    ]
    if (kept := connection.get("kept") or {}).get("files"):
        lines.append(tr("kept      {count} chats on disk, {size} MB", count=kept["files"],
                        size=round(kept["bytes"] / 1e6)))
    if watched := found.get("watchdog"):
        lines.append(tr("held up   {n} times over {limit} ms, at worst {worst} ms", n=watched["stalls"],
                        limit=watched["limit_ms"], worst=watched["worst_ms"]))
    if found["busy"]:
        lines.append(tr("A reply is being written."))
    return lines
