"""The embedded engine as the core sees it: a Backend whose llama.cpp lives in another process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.domain.backend import Capabilities, CompletionRequest, Event, Finish, Piece, Status
from tui.domain.errors import EngineError, TraktirError
from tui.domain.notice import Notice, notice
from tui.engine.events import Job, capabilities_of
from tui.engine.session import Session
from tui.engine.settings import EngineSettings, only_rescaled
from tui.engine.starting import start_worker

log = logging.getLogger(__name__)

OnStatus = Callable[[Status], None]

#: Seconds in which the worker stops a reply; then the reply ends without it.
ABORT_WITHIN = 1.0

#: Seconds that keeping what was read may take when the model is unloaded.
KEEP_WITHIN = 5.0

#: Bytes of all that is kept on disk together, where nobody chose.
KEPT_QUOTA = 4 * 10**9


class EmbeddedEngine:
    """llama.cpp with one model, started when first needed and again after it died.

    `state_dir` holds what is learnt about this machine, `log_path` takes all that llama.cpp prints, `env` is the
    worker's environment (the core's own by default). A reply that failed is never asked for again by itself.
    In `kept_dir`, if given, lies what the model has read of each conversation when it is unloaded or another one
    follows, at most `kept_quota()` bytes of it; a conversation that comes back goes on from there. `on_said` hears what
    a person should know though no reply waits.
    """

    def __init__(
        self, model_path: Path, *, settings: EngineSettings = EngineSettings(), state_dir: Path, log_path: Path,  # noqa: B008
        env: Mapping[str, str] | None = None, kept_dir: Path | None = None,
        kept_quota: Callable[[], int] = lambda: KEPT_QUOTA, on_said: Callable[[Notice], None] = lambda said: None,
    ) -> None:
        self.model_path = model_path.absolute()
        self.settings = settings
        #: When the model last had something to do, on the monotonic clock; for unloading an idle one.
        self.last_used = time.monotonic()
        self._state_dir = state_dir
        self._log_path = log_path
        self._env = env
        self._kept_dir, self._kept_quota = kept_dir, kept_quota
        self._on_said = on_said
        self._session: Session | None = None
        self._starting: asyncio.Task[Session] | None = None
        self._listeners: list[OnStatus] = []
        self._jobs: dict[str, Job] = {}
        self._died: EngineError | None = None

    @property
    def loaded(self) -> bool:
        """Whether a model is in memory, its process alive, and nothing speaks against that it works."""
        return self._session is not None and self._session.alive and not self._session.doubted

    @property
    def busy(self) -> bool:
        """Whether it loads, counts or replies."""
        return bool(self._jobs or self._starting or (self._session is not None and self._session.busy))

    @property
    def idle_seconds(self) -> float:
        """Seconds since it last had something to do; 0 while it has."""
        return 0.0 if self.busy else time.monotonic() - self.last_used

    @property
    def pid(self) -> int | None:
        """The worker's process, while there is one."""
        return self._session.pid if self._session is not None and self.loaded else None

    async def load(self, on_status: OnStatus | None = None) -> None:
        """Have the model in memory; `on_status` hears how far it is. Raises EngineError."""
        await self._ready(on_status)

    async def unload(self) -> None:
        """Give the memory back, after keeping what was read. Replies in progress end as cut; the next request loads
        again."""
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, TraktirError):
                await self._starting
        session, self._session = self._session, None
        if session is not None:
            if self._kept_dir is not None and session.alive and not session.busy:
                await session.keep(KEEP_WITHIN)
            await session.stop()

    async def close(self) -> None:
        await self.unload()

    async def capabilities(self) -> Capabilities:
        """What the model and this machine offer, after loading it if need be. Raises EngineError."""
        found = capabilities_of((await self._ready(None)).started, self.model_path)
        adapters = [[Path(file).name, scale] for file, scale in self.settings.lora]
        return replace(found, details={**found.details, "adapters": adapters}) if adapters else found

    def rescale(self, settings: EngineSettings) -> bool:
        """Take settings that differ in nothing but the scales of adapters, without loading again. False where they
        differ in more, and while it is being loaded."""
        if self._starting is not None or not only_rescaled(self.settings, settings):
            return False
        self.settings = settings
        if self._session is not None and self._session.alive:
            self._session.rescale(settings)
        return True

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
            if not job.finished and self._session is not None:
                self._session.leave(request.id)

    async def count_tokens(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        """Tokens of each prompt, exactly, without BOS. Raises EngineError."""
        if not prompts:
            return []
        session = await self._ready(None)
        try:
            return await session.count(prompts)
        finally:
            self.last_used = time.monotonic()

    async def picture_tokens(self, sizes: Sequence[tuple[int, int]]) -> list[int]:
        """As `PictureCounter`, exactly. Raises EngineError, also where the model has no projector."""
        if not sizes:
            return []
        return await (await self._ready(None)).measure(sizes)

    async def exact_counts(self, prompts: Sequence[Sequence[Piece]]) -> list[int | None]:
        return [*await self.count_tokens(prompts)]

    async def warm(self, request: CompletionRequest) -> int | None:
        """Read the prompt ahead, where a model is in memory and at no reply; a reply ends it and loses nothing."""
        session = self._session
        if session is None or not self.loaded or self._jobs:
            return None
        self.last_used = time.monotonic()
        try:
            return await session.warm(request, shift=self._shifts(request))
        except TraktirError as error:
            log.info("reading ahead: %s", error)
            return None
        finally:
            self.last_used = time.monotonic()

    async def forget(self, conversation: str) -> None:
        """Let go of what is held and kept of a conversation, or ("") of all."""
        if self._session is not None and self.loaded:
            self._session.forget(conversation)

    async def abort(self, request_id: str) -> None:
        """Stop that reply at its next token, or within its batch; it ends as cut, whatever the worker does."""
        job = self._jobs.get(request_id)
        if job is None or job.finished:
            return
        if self._session is None or not self._session.abort(request_id):
            job.finish(Finish("cut"))
        else:
            asyncio.get_running_loop().call_later(ABORT_WITHIN, self._abandon, job, self._session)

    def _abandon(self, job: Job, session: Session) -> None:
        if not job.finished:
            session.abandon(job.request.id)
            job.finish(Finish("cut"))

    async def _submit(self, job: Job) -> None:
        """Hand the job to the worker once there is one."""
        try:
            session = await self._ready(job.put)
            if not job.finished:
                session.begin(job, shift=self._shifts(job.request))
        except TraktirError as error:
            job.finish(Finish("error", error=error))

    def _shifts(self, request: CompletionRequest) -> bool:
        return request.shift or self.settings.cache_shift

    async def _ready(self, listener: OnStatus | None) -> Session:
        """The running worker. All who need it at once wait for the same start."""
        self.last_used = time.monotonic()
        session = self._session
        if session is not None and await session.trusted() and session is self._session:
            return session
        if listener is not None:
            self._listeners.append(listener)
        starting = self._starting
        if starting is None:
            starting = self._starting = asyncio.create_task(self._start())
            starting.add_done_callback(self._start_over)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if not starting.cancelled():
                raise                                 # the waiting was called off, not the load
            raise EngineError(notice("Loading the model was called off."), kind="cancelled") from None
        finally:
            if listener is not None:
                self._listeners.remove(listener)

    def _kept(self) -> dict[str, Any] | None:
        """Where states are to be kept, and how many bytes of them."""
        return None if self._kept_dir is None else {"folder": str(self._kept_dir), "quota": self._kept_quota()}

    async def _start(self) -> Session:
        if self._died is not None:
            reason = str(self._died.details["reason"])
            self._announce(Status(notice("The engine had stopped ({reason}); starting it again.", reason=reason)))
        started = await start_worker(
            self.model_path, self.settings, self._state_dir, self._log_path,
            os.environ if self._env is None else self._env, self._announce, self._kept(),
        )
        self._died = None
        self._session = Session(started, self._has_died, self._on_said)
        return self._session

    def _has_died(self, error: EngineError) -> None:
        self._died = error

    def _start_over(self, task: asyncio.Task[Session]) -> None:
        self._starting = None
        self.last_used = time.monotonic()
        if not task.cancelled():
            task.exception()

    def _announce(self, status: Status) -> None:
        for listener in list(self._listeners):
            listener(status)
