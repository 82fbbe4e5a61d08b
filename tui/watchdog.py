"""How long an event loop was kept from turning, and by what. Switched on with `TRAKTIR_WATCHDOG`.

Wall-clock time would blame us for a busy machine. What is counted is the processor time of the loop's own thread
between two beats, and the time in which it slept although it was due: waiting for Python's lock while our other threads
worked, or in a call of the system that blocks. Time in which it was only waiting for a processor is nobody's fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

#: Seconds between two beats of the loop, and between two looks of the thread that watches them.
BEAT = 0.01
#: Longer than this, in seconds, no loop should be blocked.
LIMIT = 0.05
#: A look that comes later than this, in seconds, was itself kept waiting.
_LATE = 2.5 * BEAT
_FRAMES = 12
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stall:
    """One time that a loop did not turn. `own` seconds were the work of its thread, `kept` it was kept waiting;
    `where` are the stacks at the first moment at which it was seen, innermost call last."""

    own: float
    kept: float
    where: str

    @property
    def seconds(self) -> float:
        return self.own + self.kept


@dataclass(slots=True)
class _Beat:
    """A turn of the loop: when it was, the processor time of its thread by then, and what was seen since."""

    at: float
    cpu: float
    kept: float = 0.0
    where: str = ""


class Watchdog:
    """Watches the loop that it is made on until `stop`. `worst` and `count` are of the stalls longer than `limit`
    seconds; each is told to `on_stall`, on the loop."""

    def __init__(self, limit: float = LIMIT, on_stall: Callable[[Stall], None] | None = None) -> None:
        self.limit = limit
        self.worst: Stall | None = None
        self.count = 0
        self._tell = on_stall or (lambda stall: None)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._native = threading.get_native_id()
        self._last = _Beat(time.monotonic(), time.thread_time())
        self._timer = self._loop.call_later(BEAT, self._beat)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watcher.start()
        self._collecting = 0.0
        gc.callbacks.append(self._on_collection)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()
        self._stopping.set()
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def to_json(self) -> dict[str, Any]:
        """For `status`: how often, and how long at worst."""
        worst = round(self.worst.seconds * 1000) if self.worst is not None else 0
        return {"stalls": self.count, "worst_ms": worst, "limit_ms": round(self.limit * 1000)}

    def _beat(self) -> None:
        last, now, cpu = self._last, time.monotonic(), time.thread_time()
        self._last = _Beat(now, cpu)
        self._timer = self._loop.call_later(BEAT, self._beat)
        stall = Stall(cpu - last.cpu, last.kept, last.where)
        if stall.seconds > self.limit:
            self.count += 1
            if self.worst is None or stall.seconds > self.worst.seconds:
                self.worst = stall
            self._tell(stall)

    def _on_collection(self, phase: str, told: dict[str, Any]) -> None:
        """Python's own collections stop everything, and no stack shows them."""
        if phase == "start":
            self._collecting = time.monotonic()
        elif (took := time.monotonic() - self._collecting) > self.limit / 4:
            last = self._last
            last.where = f"  collecting of generation {told.get('generation')}, {took * 1000:.0f} ms\n{last.where}"

    def _watch(self) -> None:
        with contextlib.suppress(OSError):             # the thread of the loop has ended
            self._look_on()

    def _look_on(self) -> None:
        clock = _thread_clock(self._thread)
        looked, cpu, work = time.monotonic(), clock(), _others(clock())
        while not self._stopping.wait(BEAT):
            last = self._last
            looked_before, cpu_before, work_before = looked, cpu, work
            looked, cpu = time.monotonic(), clock()
            work = _others(cpu)
            due = last.at + BEAT
            if looked - due < self.limit / 2:
                continue
            passed, own = looked - max(due, looked_before), cpu - cpu_before
            slept = max(0.0, passed - own)
            if looked - looked_before > _LATE:
                last.kept += min(slept, work - work_before)
            elif _sleeps(self._native):
                last.kept += slept
            last.where = last.where or _stacks(self._thread, everyone=slept > own)


def watch_loop(name: str) -> Watchdog | None:
    """Watch the running loop where `TRAKTIR_WATCHDOG` asks for it: 1, or a limit in milliseconds above that. What
    blocks it is written to the log, with the stack."""
    wish = os.environ.get("TRAKTIR_WATCHDOG", "")
    try:
        limit = float(wish or 0)
    except ValueError:
        limit = 1.0
    if not limit > 0:
        return None

    def tell(stall: Stall) -> None:
        _log.warning(
            "%s: the event loop was blocked for %.0f ms (%.0f of its own work)\n%s",
            name, stall.seconds * 1000, stall.own * 1000, stall.where,
        )

    return Watchdog(limit / 1000 if limit > 1 else LIMIT, tell)


def _thread_clock(thread: int) -> Callable[[], float]:
    """The processor time of a thread, in seconds; of the whole process where threads have no clock."""
    if sys.platform != "win32" and hasattr(time, "pthread_getcpuclockid"):
        clock = time.pthread_getcpuclockid(thread)
        return lambda: time.clock_gettime(clock)
    return time.process_time


def _others(loop_cpu: float) -> float:
    """Processor time of all threads but the loop's and our own, in seconds."""
    return time.process_time() - loop_cpu - time.thread_time()


def _sleeps(native: int) -> bool:
    """Whether a thread waits for something other than a processor; where the system does not say, it does."""
    try:
        with open(f"/proc/self/task/{native}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"S", b"D")
    except (OSError, IndexError):
        return True


def _stacks(thread: int, everyone: bool) -> str:
    """What a thread does now; with `everyone`, also what the others do that may keep it waiting."""
    frames, ours = sys._current_frames(), threading.get_ident()
    wanted = [thread, *(other for other in frames if everyone and other not in (thread, ours))]
    names = {known.ident: known.name for known in threading.enumerate()}
    return "\n".join(f"  {names.get(one, one)}: {_stack(frames[one])}" for one in wanted if one in frames)


def _stack(frame: FrameType) -> str:
    calls = traceback.extract_stack(frame, _FRAMES)
    return " > ".join(f"{os.path.basename(c.filename)}:{c.lineno} {c.name}" for c in calls)
