"""The core in a thread of the client's own process: same server, same client, one process to live and die."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future

from tui.domain.errors import Refused
from tui.server.run import CoreFactory, Serving, first_set, serving
from tui.server.sockets import HAS_UNIX
from tui.wire.place import make_private, socket_path
from tui.wire.target import Target

_Started = tuple[Target, Callable[[], None]]


def run_in_thread(core_factory: CoreFactory) -> _Started:
    """Start the core in a thread; returns where it listens and a function that ends it and waits for that.

    It listens on the usual Unix socket, so that another terminal finds it; where there can be none, on a loopback port
    with a random token. Raises TraktirError (Refused with `details["running"]` where a core runs already).
    """
    started: Future[_Started] = Future()
    thread = threading.Thread(target=_run, args=(core_factory, started), name="core")
    thread.start()
    try:
        target, ask = started.result()
    except BaseException:
        thread.join()
        raise

    def stop() -> None:
        with contextlib.suppress(RuntimeError):    # the loop is closed: it ended by itself
            ask()
        thread.join()

    return target, stop


def _run(core_factory: CoreFactory, started: Future[_Started]) -> None:
    try:
        asyncio.run(_serve(core_factory, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


async def _serve(core_factory: CoreFactory, started: Future[_Started]) -> None:
    loop, wish = asyncio.get_running_loop(), asyncio.Event()
    bound: list[tuple[str, int]] = []
    how = _where(lambda host, port: bound.append((host, port)))
    async with serving(core_factory, how) as service:
        url = f"http://{bound[0][0]}:{bound[0][1]}" if bound else None
        started.set_result((Target(how.socket, url, how.token), lambda: _ask(loop, wish)))
        await first_set(service.ending, wish)


def _ask(loop: asyncio.AbstractEventLoop, wish: asyncio.Event) -> None:
    loop.call_soon_threadsafe(wish.set)


def _where(on_tcp: Callable[[str, int], None]) -> Serving:
    if HAS_UNIX:
        with contextlib.suppress(Refused):
            make_private(socket_path().parent)
            return Serving(socket=socket_path(), standalone=True)
    return Serving(host="127.0.0.1", token=secrets.token_urlsafe(32), standalone=True, on_tcp=on_tcp)
