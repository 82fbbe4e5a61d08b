"""Threads that read, each with a connection of its own. They never wait for the writer (WAL)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tui.store import failures
from tui.store.writer import Connect

T = TypeVar("T")
_THREADS = 2


class Readers:
    """Runs queries beside the writer; each sees a consistent state of the whole database."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._closed = False

    async def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The answer of `query`, run in one read transaction. Raises StoreError, and what `query` raises."""
        if self._closed:
            raise failures.closed(self._path)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._perform, query)

    async def close(self) -> None:
        """Wait for the queries under way, then close every connection."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._connections:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._connections.clear()

    def _perform(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._open()
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._forget()
            raise failures.from_sqlite(error, self._path) from error

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._own.connection = connection
            self._connections.append(connection)
        return connection

    def _forget(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is not None:
            self._own.connection = None
            self._connections.remove(connection)
            with contextlib.suppress(sqlite3.Error):
                connection.close()
