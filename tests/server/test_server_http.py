"""Server and client over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tui.client.connection import Connection, Event
from tui.client.target import remote_target
from tui.domain.errors import BadInput, ConnectionLost, NotFound, Refused, TraktirError
from tui.server.run import Serving, serving
from tui.server.service import Service
from tui.server.token import token_for_serving
from tui.wire.place import socket_path
from tui.wire.target import Target

TOKEN = "a-token-of-good-length"


@contextlib.asynccontextmanager
async def _served(core: Any, **how: Any) -> AsyncIterator[tuple[Service, Target]]:
    async def make() -> Any:
        return core

    async with serving(make, Serving(socket=socket_path(), **how)) as service:
        yield service, Target(socket=socket_path())


@contextlib.asynccontextmanager
async def _connected(core: Any) -> AsyncIterator[tuple[Service, Connection]]:
    async with _served(core) as (service, target):
        connection = await Connection.open(target)
        try:
            yield service, connection
        finally:
            await connection.close()


class _Listening:
    """Gathers a connection's events while the body runs."""

    def __init__(self, connection: Connection, after: str | None = None) -> None:
        self.events: list[Event] = []
        self._connection, self._after = connection, after

    async def __aenter__(self) -> _Listening:
        self._task = asyncio.create_task(self._gather())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _gather(self) -> None:
        async for event in self._connection.events(self._after):
            self.events.append(event)

    def types(self) -> list[str]:
        return [event.data["type"] for event in self.events]

    async def until(self, type_: str) -> Event:
        async with asyncio.timeout(10):
            while type_ not in self.types():
                assert not self._task.done(), self._task
                await asyncio.sleep(0.005)
        return next(event for event in self.events if event.data["type"] == type_)


async def _attached(core: Any, count: int = 1) -> None:
    async with asyncio.timeout(10):
        while core.attached != count:
            await asyncio.sleep(0.005)


def _delta(offset: int, text: str) -> dict[str, Any]:
    return {"type": "delta", "chat": "c", "node": "n", "revision": "r", "offset": offset, "text": text}


async def test_hello_says_who_is_there(core: Any) -> None:
    async with _connected(core) as (service, connection):
        assert connection.hello["pid"] == os.getpid()
        assert connection.hello["build"] == service.build
        assert connection.hello["busy"] is False


async def test_a_call_brings_result_or_error(core: Any) -> None:
    async with _connected(core) as (_, connection):
        awkward = {"text": "Привет \u2028 \ud800 \x1b[2J", "method": 1}
        assert await connection.call("echo", **awkward) == awkward
        with pytest.raises(NotFound, match="no method called nothing"):
            await connection.call("nothing.like.it")
        with pytest.raises(TraktirError, match="ZeroDivisionError: the inside"):
            await connection.call("fail.inside")


async def test_what_is_no_json_object_is_refused(core: Any) -> None:
    async with _served(core) as (_, target):
        transport = httpx.AsyncHTTPTransport(uds=str(target.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://core") as http:
            for body in (b"{", b"[1]", b"[" * 100_000, b"\xff"):
                answer = await http.post("/v1/call/echo", content=body)
                assert answer.status_code == 400, body[:10]
                assert answer.json()["error"]["code"] == "bad_input"
            assert (await http.get("/v1/nowhere")).json()["error"]["code"] == "not_found"
            assert (await http.get("/v1/call/echo")).status_code == 405


async def test_a_body_beyond_the_limit_is_refused(core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.server.app.MAX_BODY", 1 << 20)
    async with _connected(core) as (_, connection):
        assert len((await connection.call("echo", data="x" * 900_000))["data"]) == 900_000
        with pytest.raises(BadInput, match="larger than 1 MiB"):
            await connection.call("echo", data="x" * 1_100_000)


async def test_a_snapshot_says_after_which_event_it_was_taken(core: Any) -> None:
    async with _connected(core) as (service, connection):
        core.emit(type="chats")
        snapshot = await connection.call("chats.open", id="c")
        assert snapshot["event"] == service.log.id(1)


async def test_variables_are_handed_over(core: Any) -> None:
    async with _connected(core) as (_, connection):
        await connection.call("env.hand", values={"SOME_KEY": "secret"})
        assert core.variables == {"SOME_KEY": "secret"}
        with pytest.raises(BadInput):
            await connection.call("env.hand", values={"SOME_KEY": 1})


async def test_a_core_of_this_machine_gets_the_variables_that_it_wants(
    core: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    monkeypatch.setenv("OTHER_KEY", "other")
    core.wants = ["SOME_KEY", "NOT_SET_ANYWHERE"]
    bound: list[tuple[str, int]] = []
    how = {"host": "127.0.0.1", "token": TOKEN, "on_tcp": lambda host, port: bound.append((host, port))}
    async with _served(core, **how) as (_, target):
        far = await Connection.open(Target(url=f"http://127.0.0.1:{bound[0][1]}", token=TOKEN))
        await far.call("echo", key_env="OTHER_KEY")
        assert core.variables == {}                 # never over the network
        near = await Connection.open(target)
        assert core.variables == {"SOME_KEY": "secret"}
        await near.call("echo", key_env="OTHER_KEY")
        assert core.variables == {"SOME_KEY": "secret", "OTHER_KEY": "other"}
        await far.close()
        await near.close()


async def test_another_protocol_is_told(core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.client.connection.PROTOCOL", 99)
    async with _served(core) as (_, target):
        with pytest.raises(ConnectionLost, match="speaks protocol 1, this program 99"):
            await Connection.open(target)


async def test_events_arrive_in_order_and_deltas_joined(core: Any) -> None:
    async with _connected(core) as (_, connection), _Listening(connection) as heard:
        await _attached(core)
        for n in range(100):
            core.emit(**_delta(n, "x"))
        core.emit(type="turn", state="done")
        await heard.until("turn")
        deltas = [event.data for event in heard.events[:-1]]
        assert sum(len(d["text"]) for d in deltas) == 100
        assert len(deltas) <= 3
        assert heard.events[-1].id.endswith(":101")


async def test_a_stream_resumes_after_an_id(core: Any) -> None:
    async with _connected(core) as (service, connection):
        for n in range(5):
            core.emit(type="chats", n=n)
        async with _Listening(connection, service.log.id(3)) as heard:
            core.emit(type="turn")
            await heard.until("turn")
            assert [event.data.get("n") for event in heard.events] == [3, 4, None]


async def test_nothing_is_missed_between_opening_and_listening(core: Any) -> None:
    async with _connected(core) as (_, connection):
        core.emit(type="chats")
        async with _Listening(connection) as heard:
            await heard.until("chats")


async def test_an_unknown_id_gets_a_reset_and_then_news(core: Any) -> None:
    async with _connected(core) as (_, connection), _Listening(connection, "another-life:7") as heard:
        await heard.until("reset")
        core.emit(type="chats")
        await heard.until("chats")
        assert heard.types() == ["reset", "chats"]


async def test_a_client_that_does_not_read_gets_a_reset_and_holds_up_nobody(core: Any) -> None:
    async with _connected(core) as (_, connection), _Listening(connection) as heard:
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(str(socket_path()))
        slow.sendall(b"GET /v1/events HTTP/1.1\r\nHost: core\r\nX-Client-Id: slow\r\n\r\n")
        await _attached(core, 2)
        slowest = 0.0
        for n in range(1200):                       # 24 MB, three times what the ring holds
            core.emit(type="node", n=n, text="x" * 20_000)
            began = time.perf_counter()
            await connection.call("echo")
            slowest = max(slowest, time.perf_counter() - began)
        core.emit(type="chats")
        await heard.until("chats")
        assert slowest < 2.0
        assert heard.types().count("node") == 1200   # the other client missed nothing
        received = await asyncio.to_thread(_read_until, slow, b'"reset"')
        assert len(received) < 6_000_000               # of 24 MB: what one gathering held, not all that was missed
        slow.close()
        await _attached(core, 1)


def _read_until(sock: socket.socket, mark: bytes) -> bytes:
    sock.settimeout(10)
    received = b""
    while mark not in received:
        chunk = sock.recv(1 << 16)
        assert chunk
        received += chunk
    return received


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_is_hung_up_on_even_where_the_doors_stand_open(core: Any, short_tmp: Path) -> None:
    async with _served(core):
        for path in (short_tmp, socket_path().parent, socket_path()):
            path.chmod(0o777)
        for user, answered in ((12345, False), (0, True)):
            with socket.socket(socket.AF_UNIX) as line:
                os.seteuid(user)
                try:
                    line.connect(str(socket_path()))
                finally:
                    os.seteuid(0)
                line.setblocking(False)
                loop = asyncio.get_running_loop()
                with contextlib.suppress(ConnectionError):
                    await loop.sock_sendall(line, b"GET /v1/hello HTTP/1.1\r\nHost: core\r\n\r\n")
                try:
                    assert (await loop.sock_recv(line, 100)).startswith(b"HTTP/1.1 200") is answered
                except ConnectionError:
                    assert not answered


async def test_clients_are_counted_by_name(core: Any) -> None:
    async with _connected(core) as (_, connection):
        async with _Listening(connection), _Listening(connection):
            await _attached(core)
            assert (await connection.call("status"))["clients"] == 1
        await _attached(core, 0)


async def test_pings_keep_a_silent_stream(core: Any) -> None:
    async with _served(core, ping_s=0.05) as (_, target):
        connection = await Connection.open(target, ping_s=0.2)
        async with _Listening(connection) as heard:
            await _attached(core)
            await asyncio.sleep(1.0)                # twice the silence that the client bears
            core.emit(type="chats")
            await heard.until("chats")
            assert heard.types() == ["chats"]
        await connection.close()


async def test_a_stream_without_pings_is_taken_for_dead_and_opened_anew(core: Any) -> None:
    async with _served(core, ping_s=60.0) as (_, target):
        connection = await Connection.open(target, ping_s=0.1)
        async with _Listening(connection) as heard:
            await heard.until("link")
            core.emit(type="chats")
            await heard.until("chats")
            assert "reset" not in heard.types()
        await connection.close()


async def test_losing_and_finding_the_core_again(core: Any) -> None:
    async with _served(core) as (_, target):
        connection = await Connection.open(target)
        listening = _Listening(connection)
        await listening.__aenter__()
        await _attached(core)
    await listening.until("link")
    assert listening.types() == ["bye", "turn", "link"]              # what was being written is told before the end
    assert core.closed
    with pytest.raises(ConnectionLost, match="No core answers"):
        await connection.call("echo")
    another = type(core)()
    async with _served(another):
        await listening.until("reset")                               # another life: ids of the old one mean nothing
        another.emit(type="chats")
        await listening.until("chats")
        assert [e.data.get("state") for e in listening.events if e.data["type"] == "link"] == ["lost", "back"]
        assert await connection.call("echo", again=True) == {"again": True}
        await listening.__aexit__()
    await connection.close()


async def test_a_stream_comes_back_as_soon_as_a_call_was_answered(core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.client.connection._FIRST_PAUSE", 3600.0)
    async with _served(core) as (_, target):
        connection = await Connection.open(target)
        listening = _Listening(connection)
        await listening.__aenter__()
        await _attached(core)
    await listening.until("link")
    async with _served(type(core)()):
        await connection.call("echo")
        await listening.until("reset")
        await listening.__aexit__()
    await connection.close()


async def test_stop_refuses_while_a_reply_is_written(core: Any) -> None:
    async with _connected(core) as (service, connection):
        core.is_busy = True
        with pytest.raises(Refused, match="A reply is being written"):
            await connection.call("stop")
        assert not service.ending.is_set()
        await connection.call("stop", force=True)
        assert service.ending.is_set()
        with pytest.raises(Refused, match="ending"):
            await connection.call("echo")


async def test_tcp_wants_the_token(core: Any) -> None:
    bound: list[tuple[str, int]] = []
    how = {"host": "127.0.0.1", "token": TOKEN, "on_tcp": lambda host, port: bound.append((host, port))}
    async with _served(core, **how):
        url = f"http://127.0.0.1:{bound[0][1]}"
        async with httpx.AsyncClient(base_url=url) as http:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
                for verb, path in (("GET", "/v1/hello"), ("GET", "/v1/events"), ("POST", "/v1/call/echo")):
                    assert (await http.request(verb, path, headers=headers)).status_code == 401
        with pytest.raises(Refused, match="wants a token"):
            await Connection.open(Target(url=url, token="not-the-token-at-all"))
        connection = await Connection.open(Target(url=url, token=TOKEN))
        async with _Listening(connection) as heard:
            await _attached(core)
            core.emit(type="chats")
            await heard.until("chats")
        assert await connection.call("echo", a=1) == {"a": 1}
        await connection.close()


async def test_another_program_at_the_address_is_told_apart() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BadInput, match="not a Traktir core"):
            await Connection.open(Target(url=f"http://127.0.0.1:{port}", token=TOKEN))


def test_a_token_file_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = token_for_serving(file)
    assert len(token) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert token_for_serving(file) == token
    assert remote_target("box:8777", file) == Target(url="http://box:8777", token=token)


def test_tokens_that_keep_nobody_out_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "short").write_text("abc\n")
    with pytest.raises(BadInput, match="shorter than 16"):
        token_for_serving(tmp_path / "short")
    with pytest.raises(BadInput, match="needs a token"):
        token_for_serving(None)
    monkeypatch.setenv("TRAKTIR_TOKEN", TOKEN)
    assert token_for_serving(None) == TOKEN


@pytest.mark.parametrize("url", ["", "ftp://box:1", "http://", "http://box", "http://box:99999", "http://[::1"])
def test_what_is_no_address_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAKTIR_TOKEN", TOKEN)
    with pytest.raises(BadInput, match="not the address of a core"):
        remote_target(url)
