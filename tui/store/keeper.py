"""The daily copies of a store that is open: made by a thread beside the work, as long as the core runs."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tui.domain.notice import Notice, notice
from tui.store import backup, check
from tui.store.connecting import connect

_log = logging.getLogger(__name__)

#: Seconds between two looks at whether a copy is due. Time asleep counts: the wall clock says what is due.
LOOK_EVERY_S = 600.0
#: Seconds after a copy that failed before the next try.
_PATIENCE_S = 3600.0


class Keeper:
    """Makes a copy a day of the database `path`. `clock` gives Unix seconds.

    `notices` is the store's list: what went wrong last stands in it until a copy succeeds.
    """

    def __init__(
        self, path: Path, notices: list[Notice], *, clock: Callable[[], float] = time.time,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._path = path
        self._notices = notices
        self._clock = clock
        self._look_every_s = look_every_s
        self._told: Notice | None = None
        self._failed_at: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-backup", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give up a copy under way, and return when the thread has ended. Blocks."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Make a copy if one is due and there is anything to copy."""
        now = self._clock()
        if self._failed_at is not None and 0 <= now - self._failed_at < _PATIENCE_S:
            return
        try:
            if backup.daily_is_due(self._path, now) and self._worth_copying():
                backup.make_daily(self._path, self._stopping.is_set, now)
            self._tell(None)
        except backup.CopyStopped:
            return
        except backup.NoRoom as error:
            megabytes = -(-error.needed // 1_000_000)
            self._fail(now, notice(
                "The daily backup copy was not made: it needs {needed} MB, and the disk has less room than that. "
                "The earlier copies are kept.", needed=megabytes,
            ))
        except (sqlite3.Error, OSError) as error:
            if _says_damaged(error):
                self._fail(now, check.damaged(str(error)))
                return
            self._fail(now, notice("The daily backup copy could not be written ({reason}).", reason=str(error)))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception:                      # a fault of ours today must not be the end of all later copies
                _log.exception("the daily copy failed")
            self._stopping.wait(self._look_every_s)

    def _worth_copying(self) -> bool:
        with closing(connect(self._path)) as connection:
            return connection.execute("SELECT 1 FROM revisions LIMIT 1").fetchone() is not None

    def _fail(self, now: float, told: Notice) -> None:
        self._failed_at = now
        self._tell(told)

    def _tell(self, told: Notice | None) -> None:
        if told is None:
            self._failed_at = None
        if self._told in self._notices:
            self._notices.remove(self._told)
        self._told = told
        if told is not None:
            self._notices.append(told)


def _says_damaged(error: Exception) -> bool:
    name = str(getattr(error, "sqlite_errorname", ""))
    return isinstance(error, backup.CopyDamaged) or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
