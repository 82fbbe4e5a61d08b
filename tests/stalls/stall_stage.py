"""A real core process and a real terminal under watch: what blocked their event loops, and by how much."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from tui.client.connection import Connection
from tui.wire.target import Target

T = TypeVar("T")
CHECKOUT = Path(__file__).resolve().parents[2]
#: Milliseconds; no loop may be blocked longer.
LIMIT = 50
#: Milliseconds from which on a stall is noted.
NOTED = 20
#: Seconds that the yardstick takes on the machine on which the limit is 50 ms.
_REFERENCE = 0.009
_TOLD = re.compile(r"event loop was blocked for (\d+) ms \((\d+) of its own work\)\n((?:  .*\n)*)")


@dataclass(frozen=True)
class Stall:
    """One line of a log: milliseconds, and the stacks."""

    ms: int
    own: int
    where: str


async def patiently(work: Callable[..., T], *args: Any) -> T:
    """Run what waits on a thread, so that the servers of this process go on serving."""
    return await asyncio.to_thread(work, *args)


async def fails_every_time(attempt: Callable[[int], Awaitable[list[str]]], tries: int = 5) -> list[str]:
    """What `attempt` finds wrong, if it finds something in every one of some tries. A machine that pauses for a moment
    does so once; what a program does, it does again."""
    wrong: list[str] = []
    for number in range(tries):
        wrong = await attempt(number)
        if not wrong:
            break
    return wrong


def slowness() -> float:
    """How many times longer than the machine the limits were set for this one takes as busy as it is now; at least 1.
    (Processor time too grows on a busy machine: neighbours share its caches.)"""
    return max(1.0, median(_yardstick() for _ in range(9)) / _REFERENCE)


def _yardstick() -> float:
    began = time.thread_time()
    sum(len(str(n)) for n in range(100_000))
    return time.thread_time() - began


class Log:
    """The stalls that a process wrote down, from the place on where one last looked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def news(self) -> list[Stall]:
        """The stalls since the last call, the worst first."""
        text = self.path.read_text("utf-8", "replace") if self.path.exists() else ""
        text, self._read = text[self._read:], len(text)
        found = [Stall(int(ms), int(own), where) for ms, own, where in _TOLD.findall(text)]
        return sorted(found, key=lambda stall: -stall.ms)


class House:
    """A core in a process of its own on an empty home, and connections to it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.limit = LIMIT
        os.environ["TRAKTIR_HOME"] = str(home)          # where its socket lies, for us; every test has its own
        self.env = {**os.environ, "TRAKTIR_WATCHDOG": str(NOTED)}
        self.log = Log(home / "core.log")
        read, write = os.pipe()
        with self.log.path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tui", "serve", "--idle-exit", "600", "--ready-fd", str(write)], cwd=CHECKOUT,
                env=self.env, stdout=log, stderr=log, pass_fds=(write,),
            )
        os.close(write)
        with os.fdopen(read) as ready:
            said = ready.readline()
        assert '"ok"' in said, said + self.log.path.read_text()

    @property
    def target(self) -> Target:
        from tui.wire.place import socket_path

        return Target(socket_path(), None, None)

    @contextlib.asynccontextmanager
    async def guest(self) -> AsyncIterator[Connection]:
        connection = await Connection.open(self.target)
        try:
            yield connection
        finally:
            await connection.close()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


_SPOKEN = "снег идёт за окном медленно кот спит у печи хозяйка молчит гость смотрит на огонь дорога далека"


def chat_lines(messages: int, text: Callable[[int], str]) -> bytes:
    """A chat in SillyTavern's form."""
    lines: list[Mapping[str, Any]] = [{"user_name": "Alex", "character_name": "Mira", "chat_metadata": {}}]
    for number in range(1, messages + 1):
        user = number % 2 == 0
        lines.append({
            "name": "Alex" if user else "Mira", "is_user": user, "is_system": False, "mes": text(number),
            "send_date": 1_700_000_000_000 + number * 60_000,
        })
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def russian(number: int) -> str:
    """About 500 characters."""
    words = _SPOKEN.split()
    turn = number % len(words)
    said = " ".join((words[turn:] + words[:turn]) * 5)
    return f"*Сообщение {number}.* \"{said}\""
