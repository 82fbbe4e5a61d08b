"""One helper process as seen from outside: start it, write to it, read its lines until a moment, end it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The process is asked to run this; what it may import is found where we found it.
_MAIN = "import sys; sys.path[:] = {path!r} + sys.path; from tui.sandbox.worker import main; main()"
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ANDROID_ROOT", "ANDROID_DATA", "PREFIX", "HOME", "TMPDIR")
#: No answer is longer than this, in bytes; more is a process run wild.
_LINE_MAX = 48 * 2**20


class Gone(Exception):
    """The process ended before it answered."""


class Child:
    """A running helper process. Raises OSError when it cannot be started."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-W", "ignore", "-X", "utf8", "-c", _MAIN.format(path=_search_path())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
            env={name: os.environ[name] for name in _KEPT if name in os.environ}, start_new_session=True,
        )
        assert self._process.stdout is not None
        self._read_fd = self._process.stdout.fileno()
        self._pending = bytearray()
        self._end = weakref.finalize(self, _end, self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._end.alive and self._process.poll() is None

    def send(self, request: Mapping[str, Any]) -> None:
        """Write one request. Raises Gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise Gone from error

    def read(self, until: float) -> dict[str, Any]:
        """The next answer. Raises TimeoutError when there is none at `until` (time.monotonic), and Gone."""
        poll = select.poll()
        poll.register(self._read_fd, select.POLLIN | select.POLLHUP)
        searched = 0
        while (end := self._pending.find(b"\n", searched)) < 0:
            searched = len(self._pending)
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise TimeoutError
            chunk = os.read(self._read_fd, 2**18)
            if not chunk or searched > _LINE_MAX:
                raise Gone
            self._pending += chunk
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def kill(self) -> None:
        """End it, whatever it does."""
        self._end()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()


def _search_path() -> list[str]:
    """Where this very package and its dependencies are found, installed or not."""
    root = str(Path(__file__).resolve().parents[2])
    return [root, *(str(Path(entry).absolute()) for entry in sys.path if entry and entry != root)]
