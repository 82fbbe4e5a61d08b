"""The TCP port and who knocks at it without the token: other users, pages in a browser, and the patient kind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tui.client.connection import Connection
from tui.core.app import Core, CoreConfig
from tui.server import http
from tui.server.run import Serving, serving
from tui.wire.target import Target

TOKEN = "the-right-token-of-good-length"


class Port:
    """A core on a loopback port, and raw bytes to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.target = Target(url=f"http://127.0.0.1:{port}", token=TOKEN)

    async def send(self, data: bytes, seconds: float = 20) -> bytes:
        """What comes back until the other side hangs up or has answered once."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
            async with asyncio.timeout(seconds):
                with contextlib.suppress(OSError):
                    head = await reader.read(1 << 16)
                    writer.write_eof()
                    return head + await reader.read()
            return b""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    bound: list[int] = []
    how = Serving(host="127.0.0.1", token=TOKEN, on_tcp=lambda _, number: bound.append(number))
    async with serving(lambda: Core.start(CoreConfig()), how):
        yield Port(bound[0])


def _request(line: str, *headers: str, body: str = "") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([line, "Host: 127.0.0.1", *headers, *length, "", body]).encode()


_OURS = f"Authorization: Bearer {TOKEN}"


@pytest.mark.parametrize("data", [
    _request("GET /v1/hello HTTP/1.1"),
    _request(f"GET /v1/hello?token={TOKEN} HTTP/1.1"),
    _request(f"GET /v1/hello?access_token={TOKEN}&authorization=Bearer%20{TOKEN} HTTP/1.1"),
    _request("GET /v1/hello HTTP/1.1", f"Cookie: token={TOKEN}; Authorization=Bearer {TOKEN}"),
    _request("GET /v1/hello HTTP/1.1", f"Authorization: Basic {TOKEN}"),
    _request("GET /v1/hello HTTP/1.1", f"Authorization: Bearer {TOKEN}x"),
    _request("GET /v1/hello HTTP/1.1", f"Authorization: Bearer {TOKEN[:-1]}"),
    _request("GET /v1/hello HTTP/1.1", "Authorization: Bearer "),
    _request("GET /v1/hello HTTP/1.1", "Authorization: Bearer wrong", _OURS),
    _request("GET /v1/hello HTTP/1.1", f"Proxy-Authorization: Bearer {TOKEN}", "X-Forwarded-For: 127.0.0.1"),
    _request("GET http://127.0.0.1/v1/hello HTTP/1.1"),
    _request("GET //v1/hello HTTP/1.1"),
    _request("GET /v1/%68ello HTTP/1.1"),
    _request("HEAD /v1/hello HTTP/1.1"),
    _request("GET /v1/nowhere HTTP/1.1"),
    # a page in a browser: a form or a fetch without preflight, and a name that was bound to this machine
    _request("POST /v1/call/stop HTTP/1.1", "Origin: http://evil.example", "Content-Type: text/plain", body='{"a":1}'),
    _request("POST /v1/call/stop HTTP/1.1", "Origin: null", "Sec-Fetch-Site: cross-site", body="{}"),
    b"POST /v1/call/stop HTTP/1.1\r\nHost: evil.example:8777\r\nContent-Length: 2\r\n\r\n{}",
])
async def test_without_the_token_in_its_header_nothing_is_told_or_done(port: Port, data: bytes) -> None:
    answer = await port.send(data)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert TOKEN.encode() not in answer
    assert b"epoch" not in answer
    assert b"access-control" not in answer.lower()
    connection = await Connection.open(port.target)
    assert not connection.hello["ending"]
    await connection.close()


async def test_a_preflight_is_given_no_leave(port: Port) -> None:
    answer = await port.send(_request(
        "OPTIONS /v1/call/stop HTTP/1.1", "Origin: http://evil.example", "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    ))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"access-control" not in answer.lower()


_HIDDEN = f"POST /v1/call/stop HTTP/1.1\r\nHost: x\r\n{_OURS}\r\nContent-Length: 11\r\n\r\n{{\"force\":1}}"


@pytest.mark.parametrize("data", [
    _request("GET /v1/hello HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 4") + b"0\r\n\r\n",
    _request("POST /v1/call/status HTTP/1.1", _OURS, "Content-Length: 2", "Content-Length: 40") + b"{}",
    _request("POST /v1/call/status HTTP/1.1", _OURS, "Content-Length: -1") + b"{}",
    _request("POST /v1/call/status HTTP/1.1", _OURS, "Content-Length: 2, 3") + b"{}",
    _request("POST /v1/call/status HTTP/1.1", _OURS, "Transfer-Encoding: xchunked") + b"{}",
    _request("POST /v1/call/status HTTP/1.1", _OURS, "Transfer-Encoding : chunked") + b"0\r\n\r\n",
    _request("POST /v1/call/status HTTP/1.1", _OURS, "Transfer-Encoding: chunked") + b"zz\r\n",
    b"GET /v1/hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /v1/hello HTTP/1.1\r\n X-Folded: yes\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    b"\r\n" * 200_000,
    b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"a" * 300_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(40_000)) + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
], ids=range(15))
async def test_what_is_no_clear_request_is_refused(port: Port, data: bytes) -> None:
    answer = await port.send(data)
    assert answer[:13] in (b"", b"HTTP/1.1 400 ", b"HTTP/1.1 401 ")
    connection = await Connection.open(port.target)
    await connection.close()


async def test_a_request_hidden_in_the_body_of_another_is_not_heard(port: Port) -> None:
    hidden = _request("POST /v1/call/stop HTTP/1.1", "Authorization: Bearer guess", body=_HIDDEN)
    assert (await port.send(hidden)).count(b"HTTP/1.1 ") == 1
    connection = await Connection.open(port.target)
    assert not connection.hello["ending"]
    await connection.close()


async def test_a_body_that_is_announced_without_a_token_is_not_waited_for(port: Port) -> None:
    answer = await port.send(_request("POST /v1/call/echo HTTP/1.1", f"Content-Length: {10**12}") + b"x" * 1000)
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_those_who_never_finish_a_sentence_hold_up_nobody_and_are_shown_out(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_MOST_WAITING", 60)
    lines = [await asyncio.open_connection("127.0.0.1", port.port) for _ in range(150)]
    for number, (_, writer) in enumerate(lines):
        if number % 3:
            writer.write(b"GET /v1/hello HTTP/1.1\r\nX-Slow: ")
    connection = await Connection.open(port.target)
    for _ in range(5):
        await connection.call("status")
    async with asyncio.timeout(20):
        for reader, _ in lines[:80]:                                       # the oldest had to go
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
    await connection.close()
    for _, writer in lines:
        writer.close()


async def test_the_head_of_a_request_must_come_in_time(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_HEAD_S", 0.3)
    connection = await Connection.open(port.target)
    events: Any = connection.events()
    listener = asyncio.create_task(anext(events))
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
    for piece in (b"GET /v1/hello ", b"HTTP/1.1\r\n", b"X-One: 1\r\n"):
        writer.write(piece)
        await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert time.monotonic() - began >= 0.3
    assert not listener.done()                                             # who has been let in may stay
    writer.close()
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    await events.aclose()
    await connection.close()


async def test_a_wrong_token_costs_as_long_at_its_first_letter_as_at_its_last(port: Port) -> None:
    """By the means of comparing, not by the clock: the clock of a busy machine tells nothing."""
    from tui.server import token

    seen: list[tuple[bytes, bytes]] = []
    compare = token.hmac.compare_digest

    def noted(one: bytes, other: bytes) -> bool:
        seen.append((one, other))
        return compare(one, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token.hmac, "compare_digest", noted)
        for guess in ("x", TOKEN[:-1], TOKEN + "é"):
            data = _request("GET /v1/hello HTTP/1.1").replace(b"\r\n\r\n", b"")
            await port.send(data + f"\r\nAuthorization: Bearer {guess}\r\n\r\n".encode("latin-1"))
    assert [one for one, _ in seen] == [f"Bearer {g}".encode("latin-1") for g in ("x", TOKEN[:-1], TOKEN + "é")]
