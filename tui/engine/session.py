"""One running worker and all that waits for an answer from it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.domain.backend import CompletionRequest, Finish, Piece
from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.engine import protocol
from tui.engine.events import Job, engine_error
from tui.engine.starting import Started


class Session:
    """From a proven model to the end of its process, expected or not.

    When the process dies by itself, `on_death` hears why, after everything that waited was told.
    """

    def __init__(self, started: Started, on_death: Callable[[EngineError], None]) -> None:
        self.started = started
        self._worker = started.worker
        self._on_death = on_death
        self._jobs: dict[str, Job] = {}
        self._counts: dict[str, asyncio.Future[list[int]]] = {}
        self._warming: dict[str, asyncio.Future[int]] = {}
        self._numbers = itertools.count()
        self._ending: EngineError | None = None
        self._reading = asyncio.create_task(self._read())

    @property
    def alive(self) -> bool:
        return self._worker.running and not self._reading.done()

    @property
    def pid(self) -> int:
        return self._worker.pid

    @property
    def busy(self) -> bool:
        return bool(self._jobs or self._counts or self._warming)

    def begin(self, job: Job, *, shift: bool) -> None:
        """Hand a reply to the worker."""
        self._jobs[job.request.id] = job
        self._worker.send(protocol.request_to_json(job.request, shift=shift))

    def abort(self, request_id: str) -> bool:
        """Call a reply off; False when it is not in the worker's hands."""
        if request_id not in self._jobs:
            return False
        self._worker.send({"do": "abort", "id": request_id})
        return True

    def leave(self, request_id: str) -> None:
        """Nobody listens to that reply any more: stop it, and drop what still comes of it."""
        if self.abort(request_id):
            del self._jobs[request_id]

    async def count(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        """Tokens of each prompt. Raises EngineError when the worker ends first."""
        number = f"count-{next(self._numbers)}"
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._counts[number] = answer
        try:
            self._worker.send({
                "do": "count", "id": number, "prompts": [protocol.pieces_to_json(p) for p in prompts],
            })
            return await answer
        finally:
            self._counts.pop(number, None)

    async def warm(self, request: CompletionRequest, *, shift: bool) -> int:
        """Read a prompt ahead; a reply, or another reading ahead, ends it. Returns the tokens held then. Raises
        EngineError. Calling this off ends it too."""
        key = f"warm-{next(self._numbers)}"
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._warming[key] = answer
        try:
            self._worker.send(protocol.warm_to_json(request, key, shift=shift))
            return await answer
        finally:
            if not answer.done() or answer.cancelled():
                self._worker.send({"do": "abort", "id": key})
            self._warming.pop(key, None)

    async def stop(self) -> None:
        """End the process; replies in progress end as cut."""
        self._ending = EngineError(notice("The model was unloaded."), kind="unloaded")
        self._end_all(None, self._ending)
        await self._worker.stop()
        await self._reading

    async def _read(self) -> None:
        """Give each event to whom it belongs, until the worker ends."""
        while (event := await self._worker.read()) is not None:
            self._deliver(event)
        death = await self._worker.death()
        if self._ending is None:
            error = death.error(notice("llama.cpp stopped in the middle of its work ({reason}).", reason=death.reason))
            self._end_all(error, error)
            self._on_death(error)

    def _deliver(self, event: Mapping[str, Any]) -> None:
        key = event["id"]
        if (counted := self._counts.get(key)) is not None:
            _settle(counted, event, "counts")
        elif (warmed := self._warming.get(key)) is not None:
            _settle(warmed, event, "tokens")
        elif (job := self._jobs.get(key)) is not None:
            job.take(event)
            if job.finished:
                del self._jobs[key]

    def _end_all(self, replies: EngineError | None, counts: EngineError) -> None:
        """End what waits: a reply that has begun is cut, one that has not failed with `replies` if there is one."""
        for job in self._jobs.values():
            job.finish(Finish("error" if replies and not job.spoken else "cut", error=replies))
        self._jobs.clear()
        waiting: list[asyncio.Future[Any]] = [*self._counts.values(), *self._warming.values()]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(counts)


def _settle(answer: asyncio.Future[Any], event: Mapping[str, Any], field: str) -> None:
    if answer.done():
        return
    if field in event:
        answer.set_result(event[field])
    else:
        answer.set_exception(engine_error(event["error"]))
