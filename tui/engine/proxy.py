"""The embedded engine as the core sees it: a Backend whose llama.cpp lives in another process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.domain.backend import Capabilities, CompletionRequest, Event, Finish, Piece, Status
from tui.domain.errors import EngineError, TraktirError
from tui.domain.notice import notice
from tui.engine import protocol
from tui.engine.events import Job, capabilities_of
from tui.engine.settings import EngineSettings
from tui.engine.starting import Started, start_worker

OnStatus = Callable[[Status], None]


class EmbeddedEngine:
    """llama.cpp with one model, started when first needed and again after it died.

    `state_dir` holds what is learnt about this machine, `log_path` takes all that llama.cpp prints, `env` is the
    worker's environment (the core's own by default). A reply that failed is never asked for again by itself.
    """

    def __init__(
        self, model_path: Path, *, settings: EngineSettings = EngineSettings(), state_dir: Path, log_path: Path,  # noqa: B008
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.model_path = model_path.absolute()
        self.settings = settings
        #: When the model last had something to do, on the monotonic clock; for unloading an idle one.
        self.last_used = time.monotonic()
        self._state_dir = state_dir
        self._log_path = log_path
        self._env = env
        self._started: Started | None = None
        self._starting: asyncio.Task[Started] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._listeners: list[OnStatus] = []
        self._jobs: dict[str, Job] = {}
        self._counts: dict[str, asyncio.Future[list[int]]] = {}
        self._numbers = itertools.count()
        self._died: EngineError | None = None

    @property
    def loaded(self) -> bool:
        """Whether a model is in memory and its process alive."""
        return self._started is not None and self._started.worker.running

    @property
    def busy(self) -> bool:
        """Whether it loads, counts or replies."""
        return bool(self._jobs or self._counts or self._starting)

    @property
    def idle_seconds(self) -> float:
        """Seconds since it last had something to do; 0 while it has."""
        return 0.0 if self.busy else time.monotonic() - self.last_used

    @property
    def pid(self) -> int | None:
        """The worker's process, while there is one."""
        return self._started.worker.pid if self._started is not None and self.loaded else None

    async def load(self, on_status: OnStatus | None = None) -> None:
        """Have the model in memory; `on_status` hears how far it is. Raises EngineError."""
        await self._ready(on_status)

    async def unload(self) -> None:
        """Give the memory back. Replies in progress end as cut; the next request loads again."""
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, TraktirError):
                await self._starting
        started, self._started = self._started, None
        if started is None:
            return
        self._end_all(None)
        await started.worker.stop()
        if self._reading is not None:
            await self._reading

    async def close(self) -> None:
        await self.unload()

    async def capabilities(self) -> Capabilities:
        """What the model and this machine offer, after loading it if need be. Raises EngineError."""
        return capabilities_of(await self._ready(None), self.model_path)

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Event]:
        """Stream one reply; the events of loading come first where it has to load."""
        job = Job(request)
        if request.id in self._jobs:
            yield Finish("error", error=EngineError(notice("This reply is being made already."), kind="duplicate"))
            return
        self._jobs[request.id] = job
        submitting = asyncio.create_task(self._submit(job))
        try:
            while True:
                event = await job.events.get()
                yield event
                if isinstance(event, Finish):
                    return
        finally:
            submitting.cancel()
            self._jobs.pop(request.id, None)
            self.last_used = time.monotonic()
            if not job.finished and job.sent:
                self._send({"do": "abort", "id": request.id})

    async def count_tokens(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        """Tokens of each prompt, exactly, without BOS. Raises EngineError."""
        if not prompts:
            return []
        started = await self._ready(None)
        number = f"count-{next(self._numbers)}"
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._counts[number] = answer
        try:
            started.worker.send({
                "do": "count", "id": number, "prompts": [protocol.pieces_to_json(p) for p in prompts],
            })
            return await answer
        finally:
            self._counts.pop(number, None)
            self.last_used = time.monotonic()

    async def abort(self, request_id: str) -> None:
        """Stop that reply at its next token, or within its batch; it ends as cut."""
        job = self._jobs.get(request_id)
        if job is None or job.finished:
            return
        if job.sent and self.loaded:
            self._send({"do": "abort", "id": request_id})
        else:
            job.finish(Finish("cut"))

    async def _submit(self, job: Job) -> None:
        """Hand the job to the worker once there is one."""
        try:
            started = await self._ready(job.put)
        except TraktirError as error:
            job.finish(Finish("error", error=error))
            return
        if not job.finished:
            job.sent = True
            started.worker.send(protocol.request_to_json(job.request))

    async def _ready(self, listener: OnStatus | None) -> Started:
        """The running worker. All who need it at once wait for the same start."""
        self.last_used = time.monotonic()
        if self._started is not None and self.loaded:
            return self._started
        if listener is not None:
            self._listeners.append(listener)
        try:
            if self._starting is None:
                self._starting = asyncio.create_task(self._start())
                self._starting.add_done_callback(self._start_over)
            return await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if self._starting is None or not self._starting.cancelled():
                raise
            raise EngineError(notice("Loading the model was called off."), kind="cancelled") from None
        finally:
            if listener is not None:
                self._listeners.remove(listener)

    async def _start(self) -> Started:
        if self._died is not None:
            self._announce(Status(notice("The engine had stopped ({what}); starting it again.", what=self._died.what)))
        started = await start_worker(
            self.model_path, self.settings, self._state_dir, self._log_path,
            os.environ if self._env is None else self._env, self._announce,
        )
        self._started, self._died = started, None
        self._reading = asyncio.create_task(self._read(started))
        return started

    def _start_over(self, task: asyncio.Task[Started]) -> None:
        self._starting = None
        self.last_used = time.monotonic()
        if not task.cancelled():
            task.exception()

    def _announce(self, status: Status) -> None:
        for listener in list(self._listeners):
            listener(status)

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._started is not None:
            self._started.worker.send(message)

    async def _read(self, started: Started) -> None:
        """Give each event to whom it belongs, until the worker ends."""
        while (event := await started.worker.read()) is not None:
            if event["is"] == "counted":
                answer = self._counts.get(event["id"])
                if answer is not None and not answer.done():
                    answer.set_result(event["counts"])
            elif (job := self._jobs.get(event["id"])) is not None:
                job.take(event)
        death = await started.worker.death()
        if self._started is started:
            self._started = None
            self._died = death.error("llama.cpp stopped in the middle of its work ({reason}).")
            self._end_all(self._died)

    def _end_all(self, error: EngineError | None) -> None:
        """End whatever waits for the worker: with `error` when it died, as cut when it was unloaded."""
        for job in self._jobs.values():
            if job.sent:
                job.finish(Finish("error" if error and not job.spoken else "cut", error=error))
        for answer in self._counts.values():
            if not answer.done():
                answer.set_exception(error or EngineError(notice("The model was unloaded."), kind="unloaded"))
