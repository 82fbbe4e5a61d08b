"""The core on its way while the terminal is still imported and painted: two processors, two starts at once."""

from __future__ import annotations

import argparse
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.wire.target import Target


def start_early(args: argparse.Namespace) -> Future[Target] | None:
    """Start the core in the background, in a thread of its own; None where one runs, or none is to be started.

    Only the cheapest look is taken here (a lock that every core holds); all else is `ensure_core`'s business.
    """
    from tui.wire.place import is_held, prefers_standalone, socket_path

    if args.connect or args.standalone or prefers_standalone() or is_held(socket_path().parent):
        return None
    found: Future[Target] = Future()
    threading.Thread(target=_ensure, args=(found,), name="early start", daemon=True).start()
    return found


def _ensure(found: Future[Target]) -> None:
    import asyncio

    from tui.client.launch import ensure_core

    try:
        found.set_result(asyncio.run(ensure_core()))
    except BaseException as error:
        found.set_exception(error)
