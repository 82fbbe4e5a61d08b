"""HTTP over a Unix socket to our own server: h11 for the protocol, asyncio for the socket.

Importing httpx and what it brings takes 100 ms, as long as everything else between the first frame of the terminal
and the last message on it, and h11 takes 8 (measured); a connection to a socket of this machine costs next to
nothing, so each request has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import h11

from tui.client.exchange import CONNECT_S, WRITE_S, Answer, Broken, Unreachable

#: Bytes read at once; a snapshot of a long chat has some millions.
_AHEAD = 1 << 20


class LocalExchange:
    """Speaks with the core that listens on `socket`."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    @contextlib.asynccontextmanager
    async def ask(
        self, verb: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, silence_s: float
    ) -> AsyncIterator[Answer]:
        reader, writer = await self._connect()
        try:
            line = _Line(reader, writer, silence_s)
            await line.send(verb, path, headers, body)
            yield Answer(await line.status(), line.pieces())
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.open_unix_connection(self._socket, limit=_AHEAD)
        except OSError as problem:                 # a TimeoutError is one too
            raise Unreachable(str(problem)) from problem

    async def close(self) -> None:
        """Nothing is kept open."""


class _Line:
    """One request and its answer. A read takes at most `silence_s` seconds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence_s: float) -> None:
        self._reader, self._writer, self._silence_s = reader, writer, silence_s
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, verb: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """A server that hangs up in the middle of a large request may have answered all the same."""
        fields = [("Host", "core"), ("Connection", "close"), *headers.items()]
        if verb == "POST":
            fields.append(("Content-Length", str(len(body))))
        parts: list[h11.Event] = [h11.Request(method=verb, target=path, headers=fields)]
        parts += [h11.Data(data=body)] if body else []
        self._writer.write(b"".join(self._http.send(part) or b"" for part in (*parts, h11.EndOfMessage())))
        with contextlib.suppress(OSError):
            async with asyncio.timeout(WRITE_S):
                await self._writer.drain()

    async def status(self) -> int:
        event = await self._next()
        if not isinstance(event, h11.Response):
            raise Broken("the answer was cut off")
        return int(event.status_code)

    async def pieces(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise Broken("the answer was cut off")

    async def _next(self) -> object:
        """The next event of the answer."""
        with _cut_off():
            while (event := self._http.next_event()) is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
                if event is h11.NEED_DATA:
                    async with asyncio.timeout(self._silence_s):
                        self._http.receive_data(await self._reader.read(_AHEAD))
        return event


@contextlib.contextmanager
def _cut_off() -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise Broken("no word for too long") from problem
    except (OSError, EOFError, h11.RemoteProtocolError) as problem:
        raise Broken(str(problem) or type(problem).__name__) from problem
