"""The core on its way while the terminal is still imported and painted: two processors, two starts at once."""

from __future__ import annotations

import argparse
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tui.domain.errors import TraktirError

if TYPE_CHECKING:
    from tui.client.daemon import Begun
    from tui.wire.target import Target


def start_early(args: argparse.Namespace) -> Future[Target] | None:
    """Start the core in the background; None where one runs, or none is to be started.

    Only the cheapest looks are taken here: a lock that every core holds, and word of one elsewhere. Where they leave a
    doubt, all is `ensure_core`'s business, in a thread.
    """
    from tui.wire.place import is_held, prefers_standalone, socket_path

    if args.connect or args.standalone or prefers_standalone() or is_held(socket_path().parent):
        return None
    found: Future[Target] = Future()
    threading.Thread(target=_await, args=(found, _begin()), name="early start", daemon=True).start()
    return found


def _begin() -> tuple[Begun, int] | None:
    """A core that is on its way, and the starters' lock; None where another way must be gone."""
    from tui.client.daemon import begin, try_start_lock
    from tui.wire.place import is_held, pointed, socket_path

    try:
        lock = try_start_lock()
    except (OSError, TraktirError):                # said by `ensure_core`, which meets it too
        return None
    if lock is None:
        return None
    try:
        if pointed() is None and not is_held(socket_path().parent):
            return begin(None), lock
    except OSError:
        pass
    os.close(lock)
    return None


def _await(found: Future[Target], begun: tuple[Begun, int] | None) -> None:
    import asyncio

    from tui.client.launch import await_core, ensure_core

    try:
        found.set_result(asyncio.run(await_core(*begun) if begun else ensure_core()))
    except BaseException as error:
        found.set_exception(error)
