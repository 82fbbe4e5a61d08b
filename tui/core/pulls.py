"""Downloads of models, as jobs of the core: they go on when the terminal goes, and each tells how far it has come."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from tui.core.events import EventHub
from tui.domain.errors import NotFound, Refused, TraktirError
from tui.domain.notice import notice

if TYPE_CHECKING:
    from tui.engine.hub import Choice, Listing
    from tui.engine.transfer import Progress

#: Jobs that have ended and are still told of.
_REMEMBERED = 20


@dataclass(slots=True)
class Job:
    """One download. `state` is checking, loading, done, failed or stopped."""

    id: str
    repo: str
    quant: str
    total: int
    state: str = "loading"
    done: int = 0
    speed: float = 0.0
    file: str = ""
    path: str = ""
    error: TraktirError | None = None
    stop: Event = field(default_factory=Event)
    task: asyncio.Task[None] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "repo": self.repo, "quant": self.quant, "state": self.state, "done": self.done,
            "total": self.total, "speed": round(self.speed), "file": self.file, "path": self.path,
            "error": self.error.to_json() if self.error else None,
        }


class Pulls:
    """All downloads since the core began."""

    def __init__(self, events: EventHub) -> None:
        self._events = events
        self._jobs: dict[str, Job] = {}
        self._count = 0

    def busy(self) -> bool:
        return any(job.task is not None and not job.task.done() for job in self._jobs.values())

    def all(self) -> list[dict[str, Any]]:
        return [job.to_json() for job in self._jobs.values()]

    def start(self, listing: Listing, choice: Choice, to: Path | None) -> Job:
        """Begin. Raises Refused where the same is being downloaded already."""
        for job in self._jobs.values():
            if (job.repo, job.quant) == (listing.repo, choice.label) and job.task is not None and not job.task.done():
                raise Refused(notice("{name} is being downloaded already.", name=f"{job.repo}:{job.quant}"))
        self._count += 1
        job = Job(f"pull-{self._count}", listing.repo, choice.label, choice.size)
        self._jobs[job.id] = job
        for old in list(self._jobs)[:-_REMEMBERED]:
            task = self._jobs[old].task
            if task is None or task.done():
                del self._jobs[old]
        job.task = asyncio.create_task(self._run(job, listing, choice, to))
        self._tell(job)
        return job

    async def cancel(self, job_id: str) -> Job:
        """Stop a download and wait until it has; what came is kept. Raises NotFound."""
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFound(notice("There is no download {name}.", name=job_id[:40]))
        job.stop.set()
        if job.task is not None:
            await asyncio.wait([job.task])
        return job

    async def close(self) -> None:
        for job in self._jobs.values():
            job.stop.set()
        tasks = [job.task for job in self._jobs.values() if job.task is not None and not job.task.done()]
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, job: Job, listing: Listing, choice: Choice, to: Path | None) -> None:
        from tui.engine.transfer import Pace, Pull, Stopped

        loop, pace = asyncio.get_running_loop(), Pace()

        def tell(progress: Progress) -> None:
            if pace.due(progress):
                with contextlib.suppress(RuntimeError):              # the loop has ended: nobody listens any more
                    loop.call_soon_threadsafe(self._heard, job, progress, pace.speed)

        try:
            path = await asyncio.to_thread(Pull(listing, choice, to, tell, job.stop).run)
        except Stopped:
            job.state = "stopped"
        except TraktirError as error:
            job.state, job.error = "failed", error
        else:
            job.state, job.path, job.done = "done", str(path), job.total
        self._tell(job)
        if job.state == "done":
            self._events.tell(notice("{name} is downloaded. /model takes it into use.", name=f"{job.repo}:{job.quant}"))
        elif job.error is not None:
            self._events.tell(job.error.what, "warning")

    def _heard(self, job: Job, progress: Progress, speed: float) -> None:
        if job.state in ("loading", "checking") and progress.state != "done":
            job.state, job.file, job.done, job.speed = progress.state, progress.file, progress.done, speed
            self._tell(job)

    def _tell(self, job: Job) -> None:
        self._events.emit("pull", **job.to_json())
