"""A terminal with a person at it: a real pseudo-terminal, its screen kept by an emulator."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

ENTER, ESCAPE, TAB, UP = "\r", "\x1b", "\t", "\x1b[A"
ALT_LEFT, ALT_RIGHT = "\x1b[1;3D", "\x1b[1;3C"
CTRL_Q, CTRL_R, CTRL_Z = "\x11", "\x12", "\x1a"
F1, F2, F4 = "\x1bOP", "\x1bOQ", "\x1bOS"
CHECKOUT = Path(__file__).resolve().parents[1]


class Terminal:
    """Runs the program at `columns` × `rows`; `screen()` is what a person would see now."""

    def __init__(
        self, *words: str, columns: int = 120, rows: int = 40, env: Mapping[str, str] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "tui"),
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = 0
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [*program, *words], stdin=slave, stdout=slave, stderr=slave, cwd=CHECKOUT,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def pump(self, seconds: float = 0.0) -> bool:
        """Take in what the program wrote within `seconds`; False when it has closed the terminal."""
        until = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self._master], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return True
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                return False
            if not data:
                return False
            self.bytes += len(data)
            self._stream.feed(data)

    def screen(self) -> str:
        columns, lines, cells = self._screen.columns, self._screen.lines, self._screen.buffer
        return "\n".join("".join(cells[y][x].data for x in range(columns)).rstrip() for y in range(lines))

    def type(self, *keys: str) -> None:
        """Press keys, one write each, as a person's terminal sends them."""
        for key in keys:
            os.write(self._master, key.encode())
            self.pump(0.03)

    def send(self, keys: str) -> None:
        """Press keys and look away."""
        os.write(self._master, keys.encode())

    async def shows(self, wanted: str | Callable[[str], bool], timeout: float = 60) -> str:
        """As `until`, for a test that has other things to do meanwhile."""
        holds = (lambda screen: wanted in screen) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + timeout
        while not holds(self.screen()):
            assert time.monotonic() < deadline, f"waited for {wanted!r}; the screen is:\n{self.screen()}"
            living = self.pump()
            assert living or holds(self.screen()), f"the program ended; the screen is:\n{self.screen()}"
            await asyncio.sleep(0.02)
        return self.screen()

    def until(self, wanted: str | Callable[[str], bool], timeout: float = 30) -> str:
        """Wait until the screen holds `wanted`; returns it. Fails with the last screen."""
        holds = (lambda screen: wanted in screen) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + timeout
        while not holds(self.screen()):
            assert time.monotonic() < deadline, f"waited for {wanted!r}; the screen is:\n{self.screen()}"
            if not self.pump(0.05):
                assert holds(self.screen()), f"the program ended; the screen is:\n{self.screen()}"
        return self.screen()

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def ended(self, timeout: float = 15) -> int:
        """Wait for the program's end; returns its exit status."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end; the screen is:\n{self.screen()}"
            self.pump(0.05)
        return self.process.returncode

    def hang_up(self) -> None:
        """The connection drops: the terminal is gone."""
        with contextlib.suppress(OSError):
            os.close(self._master)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()


#: Opens the program in a terminal: words of the command line, and `columns`, `rows` and variables by name.
Open = Callable[..., Terminal]
