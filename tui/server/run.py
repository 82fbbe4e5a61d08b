"""The core's process: from its start, over signals and idleness, to a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tui.domain.errors import TraktirError
from tui.server.app import make_app
from tui.server.http import Listener, address_of
from tui.server.service import CoreService, Service
from tui.server.sockets import Claim, claim, listen_tcp
from tui.watchdog import watch_loop
from tui.wire import PING_SECONDS
from tui.wire.codec import encode

CoreFactory = Callable[[], Awaitable[CoreService]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how to serve.

    `socket` None serves no Unix socket; `host` None no TCP port; TCP always needs `token`. `idle_exit_s` 0 never ends
    by itself. `build` overrides what the hello tells. `on_tcp` hears the address really bound.
    """

    socket: Path | None = None
    host: str | None = None
    port: int = 0
    token: str | None = field(default=None, repr=False)
    idle_exit_s: float = 0.0
    build: str | None = None
    ping_s: float = PING_SECONDS
    standalone: bool = False
    on_tcp: Callable[[str, int], None] | None = None


@contextlib.asynccontextmanager
async def serving(core_factory: CoreFactory, how: Serving) -> AsyncIterator[Service]:
    """A core that serves while the body runs; closed with everything it was writing stored, then the streams ended.

    Sockets come first and the core second, so that two cores never meet at the store. Raises TraktirError.
    """
    with contextlib.ExitStack() as stack:
        claimed = claim(how.socket) if how.socket else None
        if claimed:
            stack.callback(claimed.release)
        tcp = listen_tcp(how.host, how.port) if how.host else None
        if tcp:
            stack.callback(tcp.close)
        if tcp and how.token is None:
            raise ValueError("a TCP port needs a token")
        watchdog = watch_loop("core")
        if watchdog is not None:
            stack.callback(watchdog.stop)
        service = Service(await core_factory(), build=how.build, standalone=how.standalone, watchdog=watchdog)
        if claimed:
            claimed.announce()
        listeners = [Listener(make_app(service, ping_s=how.ping_s), claimed.listener)] if claimed else []
        if tcp:
            listeners.append(Listener(make_app(service, token=how.token, ping_s=how.ping_s), tcp))
            if how.on_tcp:
                how.on_tcp(*address_of(tcp))
        for listener in listeners:
            listener.start()
        watch = asyncio.create_task(_watch(service, how.idle_exit_s, claimed))
        try:
            yield service
        finally:
            watch.cancel()
            service.end("signal")
            await _end(service, listeners)


async def _end(service: Service, listeners: list[Listener]) -> None:
    try:
        await service.close()
    except Exception:
        _log.exception("The core did not end cleanly")
    await asyncio.gather(*(listener.stop() for listener in listeners))


async def _watch(service: Service, idle_exit_s: float, claimed: Claim | None) -> None:
    """Ask for the end when nobody has needed the core for long, or nobody can reach it any more."""
    pause = min(15.0, idle_exit_s / 4) if idle_exit_s else 15.0
    while True:
        await asyncio.sleep(pause)
        idle = service.idle_s()
        lost = claimed is not None and not claimed.reachable() and not service.standalone
        if (idle_exit_s and idle >= idle_exit_s) or (lost and idle >= pause):
            service.end("idle")


def serve(
    core_factory: CoreFactory, how: Serving, *, ready_fd: int | None = None, ignore_hangup: bool = False
) -> int:
    """Run the core in this process until SIGTERM, SIGINT, SIGHUP (unless ignored), `stop` or idleness. 0 when clean.

    Writes one line of JSON to `ready_fd` once it serves (`{"ok": …}`), or why it cannot (`{"error": …}`).
    Raises TraktirError when it cannot start.
    """
    os.umask(0o077)
    _no_core_dump()
    with contextlib.ExitStack() as stack:
        ready = stack.enter_context(os.fdopen(ready_fd, "wb")) if ready_fd is not None else None
        try:
            asyncio.run(_main(core_factory, how, ready, ignore_hangup))
        except TraktirError as error:
            _tell(ready, {"error": error.to_json()})
            raise
    return 0


def _no_core_dump() -> None:
    """The memory of the core holds keys and chats; nothing of it is left on the disk when it crashes."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


async def _main(core_factory: CoreFactory, how: Serving, ready: IO[bytes] | None, ignore_hangup: bool) -> None:
    wish = asyncio.Event()
    _catch_signals(wish, ignore_hangup)
    async with serving(core_factory, how) as service:
        _tell(ready, {"ok": service.hello()})
        await first_set(service.ending, wish)


async def first_set(*events: asyncio.Event) -> None:
    """Return once one of the events is set."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _tell(ready: IO[bytes] | None, word: dict[str, object]) -> None:
    if ready is not None and not ready.closed:
        with contextlib.suppress(OSError):         # the starter may have gone
            ready.write(encode(word) + b"\n")
            ready.flush()
        ready.close()


def _catch_signals(wish: asyncio.Event, ignore_hangup: bool) -> None:
    """The first signal asks for the end; a second one does not wait for it (the store is safe either way)."""

    def on_signal(number: int) -> None:
        if wish.is_set():
            os._exit(128 + number)
        wish.set()

    loop = asyncio.get_running_loop()
    names = ["SIGTERM", "SIGINT"] if ignore_hangup else ["SIGTERM", "SIGINT", "SIGHUP"]
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        if sys.platform == "win32":
            signal.signal(number, lambda got, _: loop.call_soon_threadsafe(on_signal, got))
        else:
            loop.add_signal_handler(number, on_signal, number)
    if ignore_hangup and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
