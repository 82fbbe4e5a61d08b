"""The one thread that writes. Jobs come through a queue, each is one transaction, each answer is an asyncio future."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from tui.domain.errors import StoreError
from tui.store import failures

T = TypeVar("T")
Connect = Callable[[], sqlite3.Connection]


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    durable: bool
    transaction: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class Writer:
    """Runs jobs one after another on its own thread. A job that fails leaves nothing behind, and the next one runs."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._synchronous = ""
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    async def run(
        self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True, transaction: bool = True
    ) -> T:
        """Do `work` in one transaction and return its answer.

        `durable`: on the disk before this returns (synchronous=FULL); otherwise safe from the program's death, not
        from a power cut. Work that was begun is finished even when the waiting task is cancelled.
        Raises StoreError, and whatever `work` raises; then nothing has changed.
        """
        if self._closed:
            raise failures.closed(self._path)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(work, durable, transaction, loop, future))
        return await future

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _loop(self) -> None:
        while (job := self._queue.get()) is not None:
            answer: Any = None
            error: BaseException | None = None
            try:
                answer = self._perform(job)
            except failures.UNSTORABLE as caught:
                error = failures.unstorable(caught, self._path)
                error.__cause__ = caught
            except sqlite3.Error as caught:
                self._drop_connection()           # rolls back; one that met a failing disk may stay read-only for ever
                error = failures.from_sqlite(caught, self._path)
                error.__cause__ = caught
            except BaseException as caught:       # whatever it is, it belongs to the one who asked
                error = caught
            with contextlib.suppress(RuntimeError):            # the loop that asked is gone
                job.loop.call_soon_threadsafe(_settle, job.future, answer, error)
            del job, answer, error
        self._drop_connection()

    def _perform(self, job: _Job) -> Any:
        connection = self._open()
        self._set_synchronous(connection, "FULL" if job.durable else "NORMAL")
        if not job.transaction:
            return job.work(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            answer = job.work(connection)
            connection.execute("COMMIT")
        except Exception:
            if connection.in_transaction:         # SQLite rolls back by itself on some failures
                connection.execute("ROLLBACK")
            raise
        return answer

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
            self._synchronous = ""
        return self._connection

    def _set_synchronous(self, connection: sqlite3.Connection, level: str) -> None:
        if level != self._synchronous:
            connection.execute(f"PRAGMA synchronous={level}")
            self._synchronous = level

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _settle(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(answer)
    elif isinstance(error, StoreError | Exception):
        future.set_exception(error)
    else:
        future.set_exception(RuntimeError(repr(error)))
