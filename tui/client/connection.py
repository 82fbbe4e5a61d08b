"""The client's end of the line: calls, and a stream of events that mends itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tui.client.exchange import Broken, Exchange, Unreachable
from tui.domain.errors import BadInput, ConnectionLost, TraktirError
from tui.domain.notice import notice
from tui.wire import PING_SECONDS, PROTOCOL
from tui.wire.codec import decode, encode
from tui.wire.ids import new_id
from tui.wire.pace import paced
from tui.wire.pieces import LARGE, decode_steps
from tui.wire.sse import FrameReader
from tui.wire.target import Target

#: Seconds for an answer to a call. A summary runs the model, so this is long.
CALL_TIMEOUT = 600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
#: Share of the time between two pings after which the silence of a reply that was growing is looked into.
_DOUBT = 0.3

Revive = Callable[[], Awaitable[Target]]


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `data` has a key `type` (see `tui.wire`); `id` is where to resume after it, "" for our own."""

    id: str
    data: dict[str, Any]


class Connection:
    """Speaks with one core. Make it with `open`; every method must be used on that event loop.

    `hello` is the core's greeting. `revive`, where given, starts the core again after it died. After a `stop` or a
    signal nothing but a call does that: somebody wanted it to end.
    """

    def __init__(self, target: Target, revive: Revive | None = None, ping_s: float = PING_SECONDS) -> None:
        self.target = target
        self.hello: dict[str, Any] = {}
        self._revive = revive
        self._silence_s = 2.5 * ping_s
        self._doubt_s = _DOUBT * ping_s
        self._headers = {"X-Client-Id": new_id(), "Content-Type": "application/json"}
        self._answered = asyncio.Event()
        self._exchange = _exchange(target)

    @classmethod
    async def open(cls, target: Target, *, revive: Revive | None = None, ping_s: float = PING_SECONDS) -> Connection:
        """Connect, exchange hellos, and hand over what the core lacks (see `hand_over`).

        Raises ConnectionLost, or Refused for a wrong token.
        """
        connection = cls(target, revive, ping_s)
        try:
            connection.hello = await connection.greet()
            _check_protocol(connection.hello)
            await connection.hand_over(connection.hello["wants"])
            return connection
        except BaseException:
            await connection.close()
            raise

    async def greet(self) -> dict[str, Any]:
        """Ask who is there: protocol, build, version, epoch, event, pid, home, busy, clients, standalone, ending,
        wants (names of variables)."""
        found = await self._request("GET", "/v1/hello", timeout=10.0)
        return dict(found)

    async def call(self, method: str, /, **params: Any) -> Any:
        """Run a method of the core. Raises the TraktirError that the core answers, or ConnectionLost.

        A variable that it names for a key (`key_env`) is handed over before. If nobody listens any more and the core
        can be revived, it is, and asked once more: nothing had been sent.
        """
        try:
            if name := params.get("key_env"):
                await self.hand_over([name])
            return await self._request("POST", f"/v1/call/{method}", encode(params), CALL_TIMEOUT)
        except ConnectionLost as lost:
            if not (lost.details.get("unsent") and await self._raise_the_dead()):
                raise
            return await self._request("POST", f"/v1/call/{method}", encode(params), CALL_TIMEOUT)

    async def hand_over(self, names: Iterable[str]) -> None:
        """Give a core of this machine those of the named variables that are set here: another shell may have
        started it.

        Never over TCP, where a key could be read on its way.
        """
        values = {name: os.environ[name] for name in names if name in os.environ}
        if values and self.target.socket is not None:
            await self._request("POST", "/v1/call/env.hand", encode({"values": values}))

    async def events(self, after: str | None = None) -> AsyncGenerator[Event, None]:
        """All events after the id `after` (without one: since `open`), without end, over losses of the connection.

        Beside the core's own (`reset` among them, where something may have been missed) comes `{"type": "link",
        "state": "lost" | "back"}`. Raises TraktirError only if the core refuses (a wrong token, another protocol).
        """
        stream = _Stream(after or str(self.hello["event"]))
        while True:
            with contextlib.suppress(Broken):
                async with contextlib.aclosing(self._listen(stream)) as news:
                    async for event in news:
                        yield event
            if not stream.lost:
                stream.lost = True
                yield Event("", {"type": "link", "state": "lost"})
            await self._pause(stream.pause * random.uniform(0.7, 1.0))
            stream.pause = min(stream.pause * 2, _LONGEST_PAUSE)
            if not stream.stopped:
                await self._raise_the_dead()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until a call was answered: then the core is back."""
        self._answered.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), seconds)

    async def close(self) -> None:
        await self._exchange.close()

    async def _listen(self, stream: _Stream) -> AsyncGenerator[Event, None]:
        headers = {**self._headers, "Last-Event-ID": stream.last}
        async with self._exchange.ask("GET", "/v1/events", headers, silence_s=self._silence_s) as answer:
            if answer.status != 200:
                await _answer(answer.status, await answer.body())
            if stream.lost:
                yield Event("", {"type": "link", "state": "back"})
            stream.lost = stream.stopped = False
            reader = FrameReader()
            async with contextlib.aclosing(self._watched(answer.pieces, stream)) as pieces:
                async for chunk in pieces:
                    stream.pause = _FIRST_PAUSE
                    for frame in reader.feed(chunk):
                        stream.last = frame.id or stream.last
                        if frame.data:
                            data = decode(frame.data)
                            stream.growing = data["type"] == "delta"
                            if data["type"] == "bye":
                                stream.stopped = data.get("why") in ("stop", "signal")
                            yield Event(frame.id, data)

    async def _watched(self, pieces: AsyncIterator[bytes], stream: _Stream) -> AsyncGenerator[bytes, None]:
        """The pieces of the stream. When a reply that was growing falls silent, the core is asked whether it has gone
        on: a line that died with a telephone's old address says nothing. Raises Broken where it has."""
        while True:
            coming, doubt_s = asyncio.ensure_future(_next(pieces)), self._doubt_s
            try:
                while not await _done(coming, doubt_s if stream.growing else None):
                    if await self._has_gone_on(stream.last) and not await _done(coming, self._doubt_s):
                        raise Broken("what the core sends does not arrive")
                    doubt_s *= 2
                piece = coming.result()
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            if piece is None:
                return
            yield piece

    async def _has_gone_on(self, last: str) -> bool:
        """Whether the core has had events after `last`. Raises Broken if it cannot be asked."""
        try:
            return str((await self.greet())["event"]) != last
        except TraktirError as problem:
            raise Broken(str(problem)) from problem

    async def _request(self, verb: str, path: str, body: bytes = b"", timeout: float = 10.0) -> Any:
        try:
            async with self._exchange.ask(verb, path, self._headers, body, silence_s=timeout) as answer:
                status, content = answer.status, await answer.body()
        except Unreachable as problem:
            raise ConnectionLost(
                notice("No core answers at {target}.", target=str(self.target)),
                notice("Start Traktir again, or check the address."),
                unsent=True,
            ) from problem
        except Broken as problem:
            raise ConnectionLost(
                notice("The connection to the core broke ({reason}).", reason=str(problem)),
                notice("Nothing that was stored is lost. Try again."),
            ) from problem
        self._answered.set()
        return await _answer(status, content)

    async def _raise_the_dead(self) -> bool:
        if self._revive is None:
            return False
        try:
            target = await self._revive()
        except TraktirError:
            return False                           # tried again later; the loss of the link is already told
        if target != self.target:
            old, self._exchange, self.target = self._exchange, _exchange(target), target
            await old.close()
        return True


class _Stream:
    """Where a stream of events stands."""

    def __init__(self, after: str) -> None:
        self.last = after
        self.lost = False
        self.stopped = False
        self.growing = False                       # the last event was a piece of a reply
        self.pause = _FIRST_PAUSE


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _done(task: asyncio.Future[Any], timeout_s: float | None) -> bool:
    return bool((await asyncio.wait({task}, timeout=timeout_s))[0])


def _exchange(target: Target) -> Exchange:
    if target.socket is not None:
        from tui.client.local import LocalExchange

        return LocalExchange(target.socket)
    from tui.client.remote import RemoteExchange

    return RemoteExchange(str(target.url), target.token)


async def _answer(status: int, content: bytes) -> Any:
    """The result that the core sent. Raises the error that it sent, or BadInput for what is no core's answer."""
    try:
        answer = decode(content) if len(content) < LARGE else await paced(decode_steps(content))
        if "ok" in answer:
            return answer["ok"]
        error = TraktirError.from_json(answer["error"])
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            notice("What answers there is not a Traktir core (HTTP status {status}).", status=status),
            notice("Check the address."),
        ) from None
    raise error


def _check_protocol(hello: dict[str, Any]) -> None:
    if hello.get("protocol") != PROTOCOL:
        raise ConnectionLost(
            notice(
                "The core speaks protocol {theirs}, this program {ours}: one of them is older.",
                theirs=str(hello.get("protocol")), ours=PROTOCOL,
            ),
            notice("Bring both to the same version of Traktir."),
            protocol=hello.get("protocol"),
        )
