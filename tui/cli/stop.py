"""`traktir stop`: end the core cleanly."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from tui.cli.output import say_aside
from tui.i18n import tr

if TYPE_CHECKING:
    from tui.wire.target import Target

#: Seconds that the core has to put everything away.
_PATIENCE = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help=tr("also in the middle of a reply; what came is kept"))


def run(args: argparse.Namespace) -> int:
    """End the core and wait until it is gone; 0 also when none runs. Raises Refused while a reply is being written."""
    return asyncio.run(stop_core(args.force))


async def stop_core(force: bool) -> int:
    """End the core of this home, if one runs, and wait until it is gone; 1 when it stays. Raises Refused."""
    from tui.client.connection import Connection
    from tui.client.launch import find_core

    target = await find_core()
    if target is None:
        say_aside(tr("No core is running for this home."))
        return 0
    connection = await Connection.open(target)
    try:
        await connection.call("stop", force=force)
    finally:
        await connection.close()
    return 0 if await _gone(target) else 1


async def _gone(target: Target) -> bool:
    from tui.wire.place import is_held

    assert target.socket is not None               # only a core of this home is found
    for _ in range(int(_PATIENCE / 0.05)):
        if not is_held(target.socket.parent):
            return True
        await asyncio.sleep(0.05)
    say_aside(tr("The core was asked to end but is still there."))
    return False
