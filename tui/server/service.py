"""The core as it is served: its events numbered, its clients counted, its end arranged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from tui import __version__, paths
from tui.domain.errors import BadInput, Refused
from tui.domain.notice import notice
from tui.server.eventlog import EventLog
from tui.watchdog import Watchdog
from tui.wire import PROTOCOL
from tui.wire.build import build_id
from tui.wire.ids import new_id


class CoreService(Protocol):
    """What the server asks of the core (`tui.core.app.Core`)."""

    attached: int

    async def call(self, method: str, params: Mapping[str, Any]) -> Any: ...
    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]: ...
    def busy(self) -> bool: ...
    def environment(self, values: Mapping[str, str]) -> None: ...
    def wanted_variables(self) -> list[str]: ...
    def status(self) -> dict[str, Any]: ...
    async def close(self) -> None: ...


class Service:
    """One core, its event log, its clients. Make it on the event loop that serves it.

    `build` is told in the hello; `standalone` says that the core lives and dies with one client.
    """

    def __init__(
        self, core: CoreService, *, build: str | None = None, standalone: bool = False, log: EventLog | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.core = core
        self.log = log or EventLog(new_id())
        self.build = build or build_id()
        self.standalone = standalone
        self._watchdog = watchdog
        self.ending = asyncio.Event()              # asked to end: by a signal, by `stop`, by idleness
        self.ended = False                         # the core is closed, streams say goodbye
        self._began = time.monotonic()
        self._used = time.monotonic()
        self._clients: Counter[str] = Counter()
        self._unsubscribe = core.subscribe(self.log.append)

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Run a method of the core, or one of the server's own. Raises TraktirError."""
        if self.ending.is_set():
            raise Refused(notice("The core is ending."), notice("Start Traktir again in a moment."))
        self._used = time.monotonic()
        seen = self.log.id()
        if (own := self._OWN.get(method)) is not None:
            result = own(self, params)
        else:
            result = await self.core.call(method, params)
        if isinstance(result, dict) and "nodes" in result and "chat" in result:
            result = {**result, "event": seen}     # what happens after this id is perhaps not in the snapshot
        self._used = time.monotonic()
        return result

    def hello(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL, "build": self.build, "version": __version__, "epoch": self.log.epoch,
            "event": self.log.id(), "pid": os.getpid(), "home": str(paths.data_dir()), "busy": self.core.busy(),
            "clients": len(self._clients), "standalone": self.standalone, "ending": self.ending.is_set(),
            "wants": self.core.wanted_variables(),
        }

    @contextlib.contextmanager
    def client(self, name: str) -> Iterator[None]:
        """A stream of events is open for the client of that name while this lasts."""
        self._clients[name] += 1
        self.core.attached = len(self._clients)
        try:
            yield
        finally:
            self._clients[name] -= 1
            if not self._clients[name]:
                del self._clients[name]
            self.core.attached = len(self._clients)
            self._used = time.monotonic()

    def idle_s(self) -> float:
        """Seconds since the core was last of use to anybody; 0 while a client is attached or something is made."""
        if self._clients or self.core.busy():
            self._used = time.monotonic()
        return time.monotonic() - self._used

    def end(self, why: str) -> None:
        """Ask for the end, and tell the clients why (`stop`, `upgrade`, `idle`, `signal`)."""
        if not self.ending.is_set():
            self.log.append({"type": "bye", "why": why})
            self.ending.set()

    async def close(self, patience_s: float = 15.0) -> None:
        """Let the core put away what it is writing, then let the streams go."""
        try:
            await asyncio.wait_for(self.core.close(), patience_s)
        finally:
            self._unsubscribe()
            self.ended = True
            self.log.rare.ring()                   # for streams that gather, and those that wait for the next event
            self.log.news.ring()

    def _status(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            **self.core.status(), **self.hello(), "uptime_s": round(time.monotonic() - self._began, 1),
            "watchdog": self._watchdog.to_json() if self._watchdog is not None else None,
        }

    def _stop(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.core.busy() and not params.get("force"):
            raise Refused(
                notice("A reply is being written, or a model is being downloaded."),
                notice("Wait for it, or stop the core all the same with: traktir stop --force"),
                busy=True,
            )
        self.end("upgrade" if params.get("upgrade") else "stop")
        return {}

    def _hand(self, params: dict[str, Any]) -> dict[str, Any]:
        values = params.get("values")
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise BadInput(notice("The parameter {field} is missing.", field="values"), field="values")
        self.core.environment(values)
        return {}

    _OWN: ClassVar[Mapping[str, Callable[[Service, dict[str, Any]], dict[str, Any]]]] = {
        "status": _status, "stop": _stop, "env.hand": _hand,
    }
