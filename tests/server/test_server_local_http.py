"""The client's own HTTP over a Unix socket, against servers that do not keep to the script."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tui.client.exchange import Broken, Unreachable
from tui.client.local import LocalExchange

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextlib.asynccontextmanager
async def _saying(folder: Path, *pieces: bytes, stay: bool = False) -> AsyncIterator[LocalExchange]:
    """A server that says this to whoever comes, in these pieces, and hangs up (or stays)."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if stay:
            await reader.read()
        writer.close()

    path = folder / "s"
    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield LocalExchange(path)
    finally:
        server.close()


@pytest.fixture
def folder() -> Path:
    return Path(os.environ["TMPDIR"])              # short: it holds sockets


async def _body(exchange: LocalExchange, silence_s: float = 5.0) -> tuple[int, bytes]:
    async with exchange.ask("GET", "/v1/hello", {}, silence_s=silence_s) as answer:
        return answer.status, await answer.body()


@pytest.mark.parametrize(
    "said",
    [
        b"Content-Length: 5\r\n\r\nhello and more that does not belong",
        b"transfer-encoding: chunked\r\n\r\n3;name=value\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"Transfer-Encoding: Chunked\r\n\r\n00005\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_a_body_is_whole_however_it_is_cut(folder: Path, said: bytes) -> None:
    async with _saying(folder, HEAD + said) as exchange:
        assert await _body(exchange) == (200, b"hello")
    single = [bytes([byte]) for byte in HEAD + said]
    (folder / "s").unlink(missing_ok=True)
    async with _saying(folder, *single) as exchange:
        assert await _body(exchange) == (200, b"hello")


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\n", b"SSH-2.0-server\r\n", b"HTTP/1.1 what\r\n\r\n", HEAD, HEAD + b"Content-Length: 5\r\n\r\nhel",
        HEAD + b"Content-Length: five\r\n\r\nhello", HEAD + b"Content-Length: -5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", HEAD + b"x" * 3_000_000,
    ],
    ids=range(11),
)
async def test_what_is_no_answer_is_a_broken_connection(folder: Path, said: bytes) -> None:
    async with _saying(folder, said) as exchange:
        with pytest.raises(Broken):
            await _body(exchange)


async def test_silence_is_an_end(folder: Path) -> None:
    async with _saying(folder, HEAD + b"Content-Length: 5\r\n\r\nhel", stay=True) as exchange:
        with pytest.raises(Broken):
            await _body(exchange, silence_s=0.05)


async def test_nobody_there_is_told_apart(folder: Path) -> None:
    for path in (folder / "none", folder):
        with pytest.raises(Unreachable):
            await _body(LocalExchange(path))
