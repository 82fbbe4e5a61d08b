"""uvicorn, told to keep to itself: no signals, no logging of its own, no waking up ten times a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Longer than our client keeps an idle connection, so that it is never the server who closes it under a request.
_KEEP_ALIVE_S = 75


#: Seconds for the head of a request, and connections that may be without one at a time: the oldest gives way.
_HEAD_S = 30.0
_MOST_WAITING = 200


class _Door(H11Protocol):
    """Drops a connection on the Unix socket by another user, where the system tells who it is, and any connection that
    takes too long to say what it wants: whoever has no token must not use up what the core may have open."""

    _late: asyncio.TimerHandle | None = None
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not _ours(transport.get_extra_info("socket")):
            transport.abort()
            return
        self._watch_head()
        waiting = [c for c in self.connections if isinstance(c, _Door) and c._late is not None]
        if len(waiting) > _MOST_WAITING:
            min(waiting, key=lambda door: door._since)._hang_up()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cancel()

    def _watch_head(self) -> None:
        """Begin to wait where part of a request is here, or nothing yet; stop where one is being answered."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering:
            self._cancel()
        elif self._late is None:
            self._since = self.loop.time()
            self._late = self.loop.call_later(_HEAD_S, self._hang_up)

    def _hang_up(self) -> None:
        self._cancel()
        self.transport.abort()

    def _cancel(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _ours(peer: socket.socket | None) -> bool:
    if peer is None or peer.family != getattr(socket, "AF_UNIX", None) or not hasattr(socket, "SO_PEERCRED"):
        return True                                # elsewhere the directory's mode keeps others out
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid in (os.geteuid(), 0)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)                      # sets the default headers
        await self.stopping.wait()


class Listener:
    """Serves one application on one socket, from `start` until `stop`."""

    def __init__(self, app: Any, sock: socket.socket) -> None:
        self._server = _Server(
            uvicorn.Config(
                app, loop="asyncio", http=_Door, ws="none", lifespan="off", log_config=None, access_log=False,
                server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=5,
            )
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)   # whoever knocks must not fill the log
        self._socket = sock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve([self._socket]))

    async def stop(self) -> None:
        """Take no more, give open requests five seconds, return when all is closed."""
        self._server.stopping.set()
        if self._task is not None:
            await self._task


def address_of(sock: socket.socket) -> tuple[str, int]:
    """Host and port of a TCP socket."""
    host, port, *_ = cast("tuple[str, int]", sock.getsockname())
    return host, port
