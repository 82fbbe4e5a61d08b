"""One running worker and all that waits for an answer from it."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.domain.backend import CompletionRequest, Finish, Piece
from tui.domain.errors import EngineError
from tui.domain.notice import Notice, notice
from tui.engine import protocol
from tui.engine.events import Job, engine_error
from tui.engine.settings import EngineSettings
from tui.engine.starting import Started

#: Times, and seconds each, that a worker which did not hear an abort is waited for.
_DOUBTED = (5, 1.0)

#: Bytes of pictures that a worker holds beyond those of the request at hand.
_SHOWN_BYTES = 64 * 1024 * 1024


class Session:
    """From a proven model to the end of its process, expected or not.

    When the process dies by itself, `on_death` hears why, after everything that waited was told. `on_said` hears what
    a person should know though no reply waits.
    """

    def __init__(
        self, started: Started, on_death: Callable[[EngineError], None],
        on_said: Callable[[Notice], None] = lambda said: None,
    ) -> None:
        self.started = started
        self._on_said = on_said
        self._worker = started.worker
        self._on_death = on_death
        self._jobs: dict[str, Job] = {}
        self._counts: dict[str, asyncio.Future[list[int]]] = {}
        self._warming: dict[str, asyncio.Future[int]] = {}
        self._shown: OrderedDict[str, int] = OrderedDict()       # bytes of each picture that the worker holds
        self._keeping: dict[str, asyncio.Future[None]] = {}
        self._numbers = itertools.count()
        self._ending: EngineError | None = None
        self._doubt: asyncio.Task[None] | None = None
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

    @property
    def doubted(self) -> bool:
        """Whether it did not hear an abort, and it is not known yet whether it hangs."""
        return self._doubt is not None

    async def trusted(self) -> bool:
        """Whether it is alive; one that was doubted is waited for, until it answers or is ended."""
        if self._doubt is not None:
            await asyncio.wait([self._doubt])
        return self.alive

    def begin(self, job: Job, *, shift: bool) -> None:
        """Hand a reply to the worker."""
        message = protocol.request_to_json(job.request, shift=shift)
        self._jobs[job.request.id] = job
        self._show(job.request)
        self._worker.send(message)

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

    def abandon(self, request_id: str) -> None:
        """A reply was called off and the worker has not heard: it may be deep in a batch, or hang. Which one is found
        out now, lest the next reply wait for it."""
        self._jobs.pop(request_id, None)
        if self._doubt is None and self.alive:
            self._doubt = asyncio.create_task(self._find_out())

    async def _find_out(self) -> None:
        if not await self._worker.answers(*_DOUBTED):
            self._worker.give_up()
            await asyncio.wait([self._reading])
        self._doubt = None

    async def count(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        """Tokens of each prompt. Raises EngineError when the worker ends first."""
        return await self._counted({"do": "count", "prompts": [protocol.pieces_to_json(p) for p in prompts]})

    async def measure(self, sizes: Sequence[tuple[int, int]]) -> list[int]:
        """Tokens that pictures of these widths and heights take. Raises EngineError."""
        return await self._counted({"do": "measure", "sizes": sizes})

    async def _counted(self, question: dict[str, Any]) -> list[int]:
        number = f"count-{next(self._numbers)}"
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._counts[number] = answer
        try:
            self._worker.send({**question, "id": number})
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
            self._show(request)
            self._worker.send(protocol.warm_to_json(request, key, shift=shift))
            return await answer
        finally:
            if not answer.done() or answer.cancelled():
                self._worker.send({"do": "abort", "id": key})
            self._warming.pop(key, None)

    def _show(self, request: CompletionRequest) -> None:
        """Let the worker have the pictures of a request: those that it has not, and no more than it is to hold."""
        if not self.started.facts["images"]:
            return
        for image in request.images:
            if image.id not in self._shown:
                self._worker.send(protocol.picture_to_json(image))
            self._shown[image.id] = len(image.data)
            self._shown.move_to_end(image.id)
        needed = {image.id for image in request.images}
        old = [name for name in self._shown if name not in needed]
        while old and sum(self._shown.values()) > _SHOWN_BYTES:
            del self._shown[old[0]]
            self._worker.send({"do": "drop", "ids": [old.pop(0)]})

    def forget(self, conversation: str) -> None:
        """Let go of a conversation, or ("") of all, once what is being computed is done."""
        self._worker.send({"do": "forget", "conversation": conversation})

    def rescale(self, settings: EngineSettings) -> None:
        """Let what comes after this be made with other scales of the adapters."""
        self._worker.send({"do": "rescale", "settings": settings.to_json()})

    async def keep(self, within: float) -> None:
        """Have what the model has read kept on disk; waits at most `within` seconds for it."""
        key = f"keep-{next(self._numbers)}"
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeping[key] = answer
        self._worker.send({"do": "keep", "id": key, "within": within})
        await asyncio.wait([answer], timeout=within)
        del self._keeping[key]

    async def stop(self) -> None:
        """End the process; replies in progress end as cut."""
        self._ending = EngineError(notice("The model was unloaded."), kind="unloaded")
        self._end_all(None, self._ending)
        if self._doubt is not None:
            self._doubt.cancel()
        await self._worker.stop()
        await self._reading

    async def _read(self) -> None:
        """Give each event to whom it belongs, until the worker ends."""
        async with self._worker.watched(lambda: self.busy):
            while (event := await self._worker.read()) is not None:
                self._deliver(event)
        death = await self._worker.death()
        if self._ending is None:
            what = (
                notice("llama.cpp gave no sign of life any more, so it was ended.") if death.hung
                else notice("llama.cpp stopped in the middle of its work ({reason}).", reason=death.reason)
            )
            error = death.error(what)
            self._end_all(error, error)
            self._on_death(error)

    def _deliver(self, event: Mapping[str, Any]) -> None:
        key = str(event.get("id"))
        if event["is"] == "said":
            self._on_said(Notice.from_json(event["notice"]))
        elif (kept := self._keeping.get(key)) is not None:
            if not kept.done():
                kept.set_result(None)
        elif (counted := self._counts.get(key)) is not None:
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
        for kept in self._keeping.values():
            if not kept.done():
                kept.set_result(None)
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
