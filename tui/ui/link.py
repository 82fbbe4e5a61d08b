"""The line to the core, as the app uses it: connect in the background, call, listen without end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol

from tui.domain.errors import TraktirError
from tui.wire.pace import SLICE


class Event(Protocol):
    """One event of the core; `data` has a key `type`."""

    @property
    def data(self) -> dict[str, Any]: ...


class Connection(Protocol):
    """What the client's end must offer (`tui.client.connection.Connection` does)."""

    async def call(self, method: str, /, **params: Any) -> Any: ...

    def events(self, after: str | None = None) -> AsyncIterator[Any]: ...

    async def close(self) -> None: ...


_log = logging.getLogger(__name__)
Connect = Callable[[], Awaitable[Connection]]


class Link:
    """Calls wait for the connection; events go to `on_event` one by one, on the event loop."""

    def __init__(self, connect: Connect, on_event: Callable[[Mapping[str, Any]], None]) -> None:
        self._connect = connect
        self._on_event = on_event
        self._connection: asyncio.Future[Connection] | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin to listen. Raises TraktirError when there is no core to be had; may be tried again."""
        if self._connection is None or _failed(self._connection):
            self._connection = asyncio.ensure_future(self._connect())
        connection = await asyncio.shield(self._connection)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(connection))

    async def call(self, method: str, /, **params: Any) -> Any:
        """Run a method of the core. Raises the TraktirError that it answers, or ConnectionLost."""
        await self.start()
        assert self._connection is not None
        return await self._connection.result().call(method, **params)

    async def close(self) -> None:
        """Detach. The core goes on."""
        if self._listener is not None:
            self._listener.cancel()
        if self._connection is not None and self._connection.done() and not self._connection.cancelled():
            if self._connection.exception() is None:
                await self._connection.result().close()
        elif self._connection is not None:
            self._connection.cancel()

    async def _listen(self, connection: Connection) -> None:
        until = time.monotonic() + SLICE
        try:
            async for event in connection.events():
                try:
                    self._on_event(event.data)
                except Exception:  # one event that cannot be drawn must not end the stream
                    _log.exception("an event could not be taken in: %.200s", event.data)
                if time.monotonic() > until:           # thousands may come at once: keys are answered between them
                    await asyncio.sleep(0)
                    until = time.monotonic() + SLICE
        except TraktirError as error:
            self._on_event({"type": "link", "state": "lost"})
            self._on_event({"type": "failure", "error": error})


def _failed(connection: asyncio.Future[Connection]) -> bool:
    return connection.done() and (connection.cancelled() or connection.exception() is not None)
