"""uvicorn, told to keep to itself: no signals, no logging of its own, no waking up ten times a second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Longer than our client keeps an idle connection, so that it is never the server who closes it under a request.
_KEEP_ALIVE_S = 75


class _PeerChecked(H11Protocol):
    """Drops a connection on the Unix socket by another user, where the system tells who it is."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not _ours(transport.get_extra_info("socket")):
            transport.abort()


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
                app, loop="asyncio", http=_PeerChecked, ws="none", lifespan="off", log_config=None, access_log=False,
                server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=5,
            )
        )
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
