"""Servers that load a model for the first request that names it, and say nothing meanwhile: it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from tui.backends import lmstudio, ollama
from tui.backends.calls import Target
from tui.backends.exchange import Emit
from tui.backends.http import Http
from tui.domain.backend import Status
from tui.domain.errors import BackendError
from tui.domain.notice import notice

_ASK: Mapping[str, Callable[[Http, str], Awaitable[bool]]] = {
    "ollama": ollama.still_loading, "lmstudio": lmstudio.still_loading,
}


@asynccontextmanager
async def loading_told(
    http: Http, target: Target, begun: Callable[[], bool], emit: Emit, pause: float,
) -> AsyncIterator[None]:
    """While a reply is waited for, tell that its model is being loaded, if so. `pause` (seconds) lies before each
    question; `begun` says that the reply has."""
    ask = _ASK.get(target.dialect.name)
    task = None if ask is None else asyncio.create_task(_watch(http, target, ask, begun, emit, pause))
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _watch(
    http: Http, target: Target, ask: Callable[[Http, str], Awaitable[bool]], begun: Callable[[], bool], emit: Emit,
    pause: float,
) -> None:
    model, told = target.endpoint.model or target.capabilities.model, False
    while True:
        await asyncio.sleep(pause)
        try:
            if begun() or not model or not await ask(http, model):
                return
        except BackendError:
            return
        if not told and not begun():
            told = True
            await emit(Status(notice("{address} is loading {model}.", address=http.address.shown,
                                     model=target.capabilities.model)))
