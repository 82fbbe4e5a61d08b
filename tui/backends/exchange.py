"""One request to a server: sent, tried again where that is allowed, read to its end."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tui.backends import failures, retry
from tui.backends.bounded import parse_json
from tui.backends.frames import Delta, read_event
from tui.backends.http import MAX_JSON, Breath, Http
from tui.backends.patience import Limits, Patience
from tui.backends.readers import LINE_WIRES, READERS, parser_for
from tui.backends.reply import Reply
from tui.backends.sse import EventParser, ServerEvent, TooLong
from tui.domain.backend import Event, Finish, Progress, Status
from tui.domain.errors import BackendError
from tui.domain.notice import notice

SLICE = 4096
"""Bytes taken apart at a time."""

Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Call:
    """Where a request goes, what it says, and which reader understands the answer."""

    url: str
    body: Mapping[str, Any]
    wire: str


class Rejected(Exception):
    """The server answered with an error status; nothing was generated."""

    def __init__(self, error: BackendError, headers: Mapping[str, str], body: Any) -> None:
        super().__init__(str(error))
        self.error, self.headers, self.body = error, headers, body


class Exchange:
    """Runs one Call into one Reply, which may have `max_tokens`."""

    def __init__(
        self, http: Http, call: Call, reply: Reply, emit: Emit, max_tokens: int, limits: Limits | None = None,
    ) -> None:
        self._http, self._call, self._reply, self._emit = http, call, reply, emit
        self._limits, self._max_tokens = limits or Limits(), max_tokens
        self._patience = self._new_patience()
        self._breath = Breath()
        self._told_of_waiting = False

    async def run(self) -> Finish:
        """Send until the server takes it, read, judge. Raises Rejected when it does not take it."""
        attempt = loading = 0
        while True:
            try:
                return await self._once()
            except Rejected as refusal:
                if refusal.error.details.get("kind") == "loading" and loading < retry.LOADING_TRIES:
                    loading += 1
                    await self._emit(Status(refusal.error.what))
                    await asyncio.sleep(retry.LOADING_WAIT)
                    continue
                wait = None
                if refusal.error.retryable:
                    wait = retry.wait_before(attempt, refusal.headers, time.time(), random.random())
                if wait is None:
                    raise
                attempt += 1
                await self._count_down(wait, attempt, failures.server_words(refusal.body) or "-")

    async def _once(self) -> Finish:
        broken: BackendError | None = None
        self._patience = self._new_patience()
        try:
            async with asyncio.timeout_at(self._patience.deadline(begun=False)) as until_it_answers:
                async with self._http.stream(self._call.url, self._call.body) as response:
                    until_it_answers.reschedule(None)
                    if not 200 <= response.status_code < 300:
                        raise await self._rejection(response)
                    broken = await self._read(response)
        except TimeoutError as error:
            broken = failures.not_reached(error, self._http.address.shown)
        except BackendError as error:
            broken = error
        for event in self._reply.flush():
            await self._emit(event)
        return self._reply.finish(broken)

    def _new_patience(self) -> Patience:
        return Patience(self._limits, self._max_tokens, asyncio.get_running_loop().time)

    async def _rejection(self, response: httpx.Response) -> Rejected:
        answer = await self._http.error_answer(response)
        error = failures.from_status(
            answer.status, answer.data, answer.text, self._http.address.shown, self._http.key_given)
        return Rejected(error, answer.headers, answer.data)

    async def _read(self, response: httpx.Response) -> BackendError | None:
        """Take the stream until it ends or enough has come. Returns what broke it, if anything did."""
        kind = response.headers.get("content-type", "").partition(";")[0]
        if "json" in kind and self._call.wire not in LINE_WIRES:
            return await self._read_at_once(response)
        parser = parser_for(self._call.wire)
        try:
            async with aclosing(_bytes(response)) as stream:
                while not self._reply.ended and (chunk := await self._chunk(stream)) is not None:
                    if not self._patience.spend(len(chunk)):
                        return failures.too_big(self._http.address.shown)
                    await self._take_apart(parser, chunk)
            await self._take(parser.close())
        except TooLong:
            return failures.too_big(self._http.address.shown)
        except TimeoutError as error:
            if not self._reply.begun:
                return failures.not_reached(error, self._http.address.shown)
            return failures.went_silent(self._http.address.shown, self._patience.waited())
        except httpx.HTTPError as error:
            await self._take(_rest(parser))
            return failures.not_reached(error, self._http.address.shown)
        return None

    async def _take_apart(self, parser: EventParser, chunk: bytes) -> None:
        for part in _slices(chunk):
            lines = parser.lines
            events = parser.feed(part)
            if parser.lines != lines:
                self._patience.lived()
            if parser.comments:
                await self._tell_of_waiting()
            await self._take(events)
            await self._breath.take()

    async def _read_at_once(self, response: httpx.Response) -> BackendError | None:
        """A server that does not stream: one JSON document."""
        raw = bytearray()
        try:
            async with aclosing(_bytes(response)) as stream:
                while (chunk := await self._chunk(stream)) is not None:
                    raw += chunk
                    if len(raw) > MAX_JSON:
                        return failures.too_big(self._http.address.shown)
                    await self._breath.take()
        except TimeoutError as error:
            return failures.not_reached(error, self._http.address.shown)
        text = raw.decode("utf-8", "replace")
        await self._take([ServerEvent("message", text)] if parse_json(text) is not None else [])
        return None

    async def _chunk(self, stream: AsyncGenerator[bytes, None]) -> bytes | None:
        """The next bytes, None at the end. The first word may take as long as the prompt does (some servers
        open the stream before they read it); then silence has a limit, a short one once the reply is complete."""
        async with asyncio.timeout_at(self._patience.deadline(self._reply.begun)):
            return await anext(stream, None)

    async def _take(self, events: list[ServerEvent]) -> None:
        for event in events:
            for delta in read_event(event, READERS[self._call.wire]):
                if self._reply.ended:
                    return
                await self._hear(delta)
            await self._breath.take()
        if self._reply.complete:
            self._patience.completed()

    async def _hear(self, delta: Delta) -> None:
        """Pass on what one frame says."""
        if delta.failure is not None:
            delta = replace(delta, failure=self._http.redaction.data(delta.failure))
        self._weigh(delta)
        for said in self._reply.take(delta):
            self._told_of_waiting |= isinstance(said, Progress)
            await self._emit(said)

    def _weigh(self, delta: Delta) -> None:
        if delta.text or delta.reasoning or (delta.progress is not None and not self._reply.begun):
            self._patience.spoke()

    async def _tell_of_waiting(self) -> None:
        """Once, before the first word: the line is alive though nothing is said."""
        if not self._told_of_waiting and not self._reply.begun:
            self._told_of_waiting = True
            await self._emit(Status(notice("{address} has the request and is at work on it.",
                                           address=self._http.address.shown)))

    async def _count_down(self, seconds: float, attempt: int, said: str) -> None:
        """Say every second how long it still takes."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await self._emit(Status(notice(
                "{address} is busy: “{said}”. Trying again in {seconds} s ({attempt} of {tries}).",
                address=self._http.address.shown, said=said, seconds=math.ceil(left), attempt=attempt,
                tries=retry.MAX_TRIES,
            )))
            await asyncio.sleep(min(1.0, left))


async def _bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for chunk in response.aiter_raw():
        yield chunk


def _slices(chunk: bytes) -> Iterator[bytes]:
    return (chunk[at:at + SLICE] for at in range(0, len(chunk), SLICE))


def _rest(parser: EventParser) -> list[ServerEvent]:
    try:
        return parser.close()
    except TooLong:
        return []
