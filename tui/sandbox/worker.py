"""The helper process itself: reads requests, a line each, and answers them within its limits until its input ends."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Callable
from typing import Any

#: What the process may have beyond what it starts with, in bytes.
MEMORY = 192 * 2**20


class Overrun(BaseException):
    """The time of a job is up. No `except Exception` of a template's functions may swallow it."""


class Alarm:
    """Interrupts a job after some seconds of its own work. Where the platform has no such timer, the process that
    waits for us ends us instead."""

    def __init__(self) -> None:
        self._armed = False
        self._timed = hasattr(signal, "setitimer")
        if self._timed:
            signal.signal(signal.SIGPROF, self._ring)

    def within(self, seconds: float, work: Callable[[], Any]) -> Any:
        """What `work` returns. Raises Overrun."""
        if not self._timed:
            return work()
        self._armed = True
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            return work()
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _ring(self, _number: int, _frame: object) -> None:
        if self._armed:
            raise Overrun


def limit_memory() -> None:
    """Memory to what we have now and `MEMORY` more, no files written, no core dumps; where the platform has it."""
    try:
        import resource
    except ImportError:
        return
    for name, value in (
        ("RLIMIT_DATA", MEMORY + _in_use(5)), ("RLIMIT_AS", MEMORY + _in_use(0)), ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    ):
        kind = getattr(resource, name, None)
        if kind is not None:
            try:
                hard = resource.getrlimit(kind)[1]
                resource.setrlimit(kind, (value if hard < 0 else min(value, hard), hard))
            except (OSError, ValueError):
                continue


def _in_use(field: int) -> int:
    """Bytes of address space (field 0) or data (5) in use now; a generous guess where nobody tells."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[field])
        import resource

        return pages * resource.getpagesize()
    except (OSError, ValueError, IndexError, ImportError):
        return 256 * 2**20


def limit_work(seconds: float) -> None:
    """Processor time to what was used and `seconds` more: the end of a process whose owner died while it worked."""
    try:
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        wanted = math.ceil(used + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard < 0 else min(wanted, hard), hard))
    except (ImportError, OSError, ValueError):
        return


def main() -> None:
    """Serve until the end of input."""
    limit_memory()
    alarm = Alarm()
    searcher: Any = None
    renderer: Any = None
    replacer: Any = None
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        limit_work(request["work"])
        if request["op"] == "search":
            if searcher is None:
                from tui.sandbox.searching import Searcher

                searcher = Searcher(alarm, _answer)
            _answer({"ready": True})
            searcher.run(request)
        elif request["op"] == "replace":
            if replacer is None:
                from tui.sandbox.replacing import Replacer

                replacer = Replacer(alarm, _answer)
            _answer({"ready": True})
            replacer.run(request)
        else:
            if renderer is None:
                from tui.sandbox.rendering import TemplateRunner

                renderer = TemplateRunner(alarm, _answer)
            _answer({"ready": True})
            renderer.run(request)
        _answer({"done": True})


def _answer(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()
