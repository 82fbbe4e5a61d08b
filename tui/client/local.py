"""HTTP/1.1 (RFC 9112) over a Unix socket to our own server, with nothing but asyncio.

Importing httpx and what it brings takes 100 ms, as long as everything else between the first frame of the terminal
and the last message on it; a connection to a socket of this machine costs next to nothing, so each request has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from tui.client.exchange import CONNECT_S, WRITE_S, Answer, Broken, Unreachable

#: Bytes read ahead; a snapshot of a long chat has some millions.
_AHEAD = 1 << 20
_MOST_HEADERS = 100


class LocalExchange:
    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    @contextlib.asynccontextmanager
    async def ask(
        self, verb: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, silence_s: float
    ) -> AsyncIterator[Answer]:
        reader, writer = await self._connect()
        try:
            await _send(writer, verb, path, headers, body)
            lines = _Lines(reader, silence_s)
            status, told = await _head(lines)
            yield Answer(status, _pieces(lines, told))
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


class _Lines:
    """Reads that take only so long, and whose end is Broken."""

    def __init__(self, reader: asyncio.StreamReader, silence_s: float) -> None:
        self._reader = reader
        self._silence_s = silence_s

    async def line(self) -> bytes:
        with _cut_off():
            async with asyncio.timeout(self._silence_s):
                return (await self._reader.readuntil(b"\n")).strip()

    async def some(self, most: int) -> bytes:
        """From one to `most` bytes."""
        with _cut_off():
            async with asyncio.timeout(self._silence_s):
                piece = await self._reader.read(min(most, _AHEAD))
        if not piece:
            raise Broken("the answer was cut off")
        return piece

    async def exactly(self, count: int) -> AsyncIterator[bytes]:
        while count:
            piece = await self.some(count)
            count -= len(piece)
            yield piece


@contextlib.contextmanager
def _cut_off() -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise Broken("no word for too long") from problem
    except (OSError, EOFError, asyncio.LimitOverrunError) as problem:
        raise Broken(str(problem) or type(problem).__name__) from problem


async def _send(
    writer: asyncio.StreamWriter, verb: str, path: str, headers: Mapping[str, str], body: bytes
) -> None:
    """A server that hangs up in the middle of a large request may have answered all the same."""
    lines = [f"{verb} {path} HTTP/1.1", "Host: core", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if verb == "POST":
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)
    with contextlib.suppress(OSError):
        async with asyncio.timeout(WRITE_S):
            await writer.drain()


async def _head(lines: _Lines) -> tuple[int, dict[bytes, bytes]]:
    version, _, rest = (await lines.line()).partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit():
        raise Broken("what answers does not speak HTTP")
    headers: dict[bytes, bytes] = {}
    for _ in range(_MOST_HEADERS):
        line = await lines.line()
        if not line:
            return int(code), headers
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    raise Broken("the answer has too many headers")


async def _pieces(lines: _Lines, headers: Mapping[bytes, bytes]) -> AsyncIterator[bytes]:
    if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
        async for piece in lines.exactly(_number(headers.get(b"content-length", b"0"), 10)):
            yield piece
        return
    while size := _number((await lines.line()).partition(b";")[0], 16):
        async for piece in lines.exactly(size):
            yield piece
        await lines.line()


def _number(digits: bytes, base: int) -> int:
    try:
        return int(digits, base)
    except ValueError as problem:
        raise Broken("the answer is not HTTP") from problem
