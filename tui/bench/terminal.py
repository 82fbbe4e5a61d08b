"""A program on a pseudo-terminal whose other end reads at a pace of its own, and notes when what came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from tui.domain.errors import TraktirError
from tui.domain.notice import notice

_WIDE = (100, 40)


class Terminal:
    """A program of its own session on a terminal of `size` (columns, rows).

    `bytes_a_second` is how fast the line to it is; 0 sets no limit. What the program writes faster than that waits in
    the kernel's buffer, and then the program waits.
    """

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int] = _WIDE, bytes_a_second: int = 0
    ) -> None:
        self.bytes = 0
        self._rate = bytes_a_second
        self._tail = b""
        self._master, slave = pty.openpty()
        columns, rows = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.began = self._allowed_from = time.perf_counter()
        try:
            with _uninterrupted():
                self.process = subprocess.Popen(
                    command, stdin=slave, stdout=slave, stderr=slave, env=dict(env), start_new_session=True, cwd="/",
                    preexec_fn=_take_terminal,
                )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self.process.pid

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`, at the first moment that something does; empty if nothing."""
        end = time.perf_counter() + seconds
        most = self._allowance(end)
        if not most or not select.select([self._master], [], [], max(0.0, end - time.perf_counter()))[0]:
            return b""
        with contextlib.suppress(OSError):         # Linux reports the program's end in this way
            data = os.read(self._master, most)
            self.bytes += len(data)
            if self._rate:
                self._allowed_from = max(self._allowed_from, time.perf_counter() - 0.02) + len(data) / self._rate
            return data
        return b""

    def _allowance(self, end: float) -> int:
        """How much the line brings at once: waits until it has brought what came before; 0 if that is after `end`."""
        if not self._rate:
            return 1 << 20
        wait = self._allowed_from - time.perf_counter()
        if wait > 0:
            time.sleep(max(0.0, min(wait, end - time.perf_counter())))
        return max(64, self._rate // 50) if time.perf_counter() >= self._allowed_from else 0

    def wait(self, wanted: str, timeout: float = 120) -> float:
        """The moment at which `wanted` came, counted in seconds from the start of the program. Raises TraktirError."""
        end, needle, seen = time.perf_counter() + timeout, wanted.encode(), b""
        while time.perf_counter() < end:
            seen = self._tail + self.read(0.05)
            if (at := seen.find(needle)) >= 0:
                self._tail = seen[at + len(needle):]
                return time.perf_counter() - self.began
            self._tail = seen[-max(len(needle), 300):]
            if self.process.poll() is not None:
                break
        raise TraktirError(
            notice("The program did not show {wanted} on its terminal; the last that came: {text}",
                   wanted=wanted, text=repr(seen[-300:])),
            notice("Measure again when the machine is less busy."),
        )

    def collect(self, pause: float = 0.05) -> bytes:
        """Everything that comes until nothing has for `pause` seconds."""
        parts = []
        while part := self.read(pause):
            parts.append(part)
        return b"".join(parts)

    def drain(self, seconds: float) -> int:
        """Take everything in for `seconds`; how many bytes that was."""
        before, end = self.bytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._tail = self.read(left)[-64:] or self._tail
        return self.bytes - before

    def quiet(self, pause: float = 0.3, timeout: float = 20) -> None:
        """Take everything in until nothing has come for `pause` seconds."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end and self.read(pause):
            pass
        self._tail = b""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl+C off until a process is begun: what is raised in Python's own hooks around a fork is lost."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_terminal() -> None:
    """In the new session: make standard input its terminal, and listen to Ctrl+C again."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
