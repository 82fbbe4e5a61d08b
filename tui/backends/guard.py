"""The first words of a server's answer, watched before they reach the HTTP library.

That library reads a head of 100 KiB and interim answers without number in one go; here both have limits, and a head
that has begun must end. Everything is handed on in small portions, so that others get their turn between them.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

MAX_HEAD = 32 << 10
"""Bytes of status line and headers."""
MAX_HEADERS = 256
MAX_INTERIM = 16
"""Answers 1xx before the real one."""
HEAD_SECONDS = 30.0
"""From the first byte of a head to its last."""
PORTION = 16 << 10
"""Bytes handed on at a time."""

_END = re.compile(rb"\r?\n\r?\n")
_START = b"HTTP/1."


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, over guarded connections."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pool._network_backend = GuardedNetwork(self._pool._network_backend)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connections whose every answer is watched."""

    def __init__(self, network: httpcore.AsyncNetworkBackend) -> None:
        self._network = network

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return GuardedStream(await self._network.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return GuardedStream(await self._network.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class GuardedStream(httpcore.AsyncNetworkStream):
    """One connection. Raises httpcore.RemoteProtocolError for a head that is none, or too much of one, and
    httpcore.ReadTimeout for one that does not end."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._head: Head | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        head = self._head
        if head is not None and (left := head.seconds_left()) is not None:
            timeout = max(0.0, left if timeout is None else min(left, timeout))
        data = await self._stream.read(min(max_bytes, PORTION), timeout)
        if head is not None and head.take(data):
            self._head = None
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._head is None and buffer:
            self._head = Head()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return GuardedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Head:
    """What has come of one answer's head."""

    def __init__(self) -> None:
        self._held = b""
        self._interim = 0
        self._since: float | None = None

    def seconds_left(self) -> float | None:
        """None before the first byte: a server may think as long as it likes."""
        return None if self._since is None else self._since + HEAD_SECONDS - time.monotonic()

    def take(self, data: bytes) -> bool:
        """Look at the next bytes; True once the head is complete. Raises httpcore.RemoteProtocolError."""
        if data and self._since is None:
            self._since = time.monotonic()
        self._held += data
        while True:
            if not self._held.startswith(_START[: len(self._held)]):
                raise httpcore.RemoteProtocolError("no HTTP")
            end = _END.search(self._held)
            head = self._held[: end.start()] if end else self._held
            if len(head) > MAX_HEAD or head.count(b"\n") > MAX_HEADERS:
                raise httpcore.RemoteProtocolError("a head without end")
            if end is None:
                return False
            if head[8:10] != b" 1" or head[8:12] == b" 101":
                return True
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise httpcore.RemoteProtocolError("a head without end: one interim answer after another")
            self._held = self._held[end.end():]
