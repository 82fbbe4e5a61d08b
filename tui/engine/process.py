"""The worker as seen from outside: start it, write to it, read from it, and say why it died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.domain.errors import EngineError
from tui.domain.notice import Notice, notice
from tui.engine import protocol

#: How Python runs the worker.
WORKER: tuple[str, ...] = ("-P", "-m", "tui.engine.worker")

#: Log kept from earlier starts, in bytes, before it is moved aside.
_LOG_LIMIT = 2**20

#: Seconds after the end of its pipe within which the worker ends by itself.
_END_WITHIN = 2.5

#: Seconds between two looks at a worker that has something to do, and how many times it is waited for a sign of life.
#: Its reader answers while it computes, so that only one that is stopped, or that swaps for ever, does not.
LOOK_EVERY, LOOKS = 5.0, 6

_TELLING = re.compile(
    r"\berror\b|\bfailed\b|ASSERT|terminate called|what\(\)|unable to|unsupported|unknown |invalid"
    r"|not enough|out of memory",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(r"failed to load model\W*$|^Fatal Python error|^Extension modules|^  File ")
_FUNCTION = re.compile(r"^\w+: ")
_UNSAFE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f]")

#: What native code dies of by its own doing; SIGKILL and SIGTERM come from outside.
CRASHES = frozenset(
    getattr(signal, name) for name in ("SIGSEGV", "SIGILL", "SIGBUS", "SIGFPE", "SIGABRT") if hasattr(signal, name)
)


@dataclass(frozen=True, slots=True)
class Death:
    """How the worker ended: `code` as subprocess gives it (negative: a signal), and what its log said last. `hung`: it
    was killed because it gave no sign of life."""

    code: int
    log_line: str = ""
    log_path: str = ""
    hung: bool = False

    @property
    def crashed(self) -> bool:
        return self.code < 0 and -self.code in CRASHES

    @property
    def reason(self) -> str:
        """For people: the signal's name, or the exit code."""
        if self.hung:
            return "no answer"
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"

    def error(self, what: Notice) -> EngineError:
        """`what` for a person, with the remedy that this way of dying suggests."""
        killed = hasattr(signal, "SIGKILL") and self.code == -signal.SIGKILL
        illegal = hasattr(signal, "SIGILL") and self.code == -signal.SIGILL
        remedy: Notice
        if killed and not self.hung:
            remedy = notice("The system may have run out of memory: choose a smaller model or a smaller context.")
        elif illegal:
            remedy = notice("This llama.cpp was built for another processor: install it again from source.")
        elif self.log_line:
            remedy = notice(
                "Its log says: {line}. The engine starts again with the next message.", line=self.log_line,
            )
        else:
            remedy = notice("The engine starts again with the next message. Its log: {log}", log=self.log_path)
        return EngineError(
            what, remedy, kind="died", reason=self.reason, log=self.log_line,
        )


class WorkerProcess:
    """One running worker. Lines are written without waiting: they are small, and the pipe is read at once."""

    def __init__(self, process: asyncio.subprocess.Process, log_path: Path, log_from: int) -> None:
        self._process = process
        self._log_path = log_path
        self._log_from = log_from
        self._heard = asyncio.Event()
        self._hung = False

    @classmethod
    async def start(
        cls, log_path: Path, env: Mapping[str, str], *, module: Sequence[str] = (),
    ) -> WorkerProcess:
        """Start a worker whose native output goes to `log_path`; `module` are Python's arguments for another than the
        usual one. Raises EngineError."""
        try:
            log_from, log = _open_log(log_path)
        except OSError as error:
            raise EngineError(
                notice("The engine's log {file} cannot be written: {reason}", file=str(log_path), reason=str(error)),
            ) from error
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *(module or WORKER), stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=log, env=_with_package(env),
                limit=protocol.MAX_LINE, start_new_session=True,
            )
        except OSError as error:
            raise EngineError(
                notice("The engine's process could not be started: {reason}", reason=str(error)), kind="start",
            ) from error
        finally:
            os.close(log)
        return cls(process, log_path, log_from)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one command; to a worker that is gone it is lost, and its reader hears of the death."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            with contextlib.suppress(ConnectionError, RuntimeError):
                self._process.stdin.write(protocol.encode(message))

    async def read(self) -> dict[str, Any] | None:
        """The next event, or None at the end."""
        assert self._process.stdout is not None
        try:
            while (line := await self._process.stdout.readline()).endswith(b"\n"):
                self._heard.set()
                event = protocol.decode(line)
                if (kind := event.get("is")) is None:
                    break                              # it is not the worker who speaks: its end explains why
                if kind != "here":
                    return event
        except (ValueError, ConnectionError):
            pass
        return None

    async def answers(self, looks: int, pause: float) -> bool:
        """Ask for a sign of life and wait for it, `looks` times for `pause` seconds: not once for their sum, because
        a computer that slept in between wakes with all of it gone. Somebody must `read` meanwhile."""
        self._heard.clear()
        self.send({"do": "ping"})
        for _ in range(looks):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), pause)
                return True
        return not self.running

    def give_up(self) -> None:
        """End a worker that hangs; its `death` says that it did."""
        self._hung = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    @contextlib.asynccontextmanager
    async def watched(self, busy: Callable[[], bool]) -> AsyncIterator[None]:
        """While this lasts, a worker that is `busy` but gives no sign of life is ended."""
        watching = asyncio.create_task(self._watch(busy))
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self, busy: Callable[[], bool]) -> None:
        while self.running:
            await asyncio.sleep(LOOK_EVERY)
            if busy() and not await self.answers(LOOKS, LOOK_EVERY):
                self.give_up()

    async def death(self) -> Death:
        """Wait for the end and explain it. A worker whose pipe broke but which lives on is killed."""
        code = await self._wait_or_kill()
        return Death(code, self.last_words(), str(self._log_path), self._hung)

    async def stop(self) -> None:
        """End it: the pipe closes, the worker leaves, or is killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._wait_or_kill()

    async def _wait_or_kill(self) -> int:
        try:
            return await asyncio.wait_for(self._process.wait(), _END_WITHIN)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            return await self._process.wait()

    def last_words(self) -> str:
        """The last line of this worker's log that tells of a failure; empty when there is none."""
        try:
            with self._log_path.open("rb") as log:
                log.seek(max(self._log_from, self._log_path.stat().st_size - 16_384))
                lines = log.read(16_384).decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        telling = [line for line in lines if _TELLING.search(line) and not _SAYS_NOTHING.search(line)]
        return clean(_FUNCTION.sub("", telling[-1])) if telling else ""


def clean(line: str) -> str:
    """A line of native output fit to be shown: no control characters, at most 200 characters."""
    return _UNSAFE.sub("", line).strip()[:200]


def _open_log(path: Path) -> tuple[int, int]:
    """The end of the log so far, and a descriptor to write on from there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_name(path.name + ".1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fstat(descriptor).st_size, descriptor


def _with_package(env: Mapping[str, str]) -> dict[str, str]:
    """`env` in which the worker finds this very package first, installed or not."""
    import tui

    root = str(Path(tui.__file__).resolve().parents[1])
    rest = env.get("PYTHONPATH", "")
    return {**env, "PYTHONPATH": os.pathsep.join((root, rest)) if rest else root}
