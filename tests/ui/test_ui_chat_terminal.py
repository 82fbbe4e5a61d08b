"""The program on a real terminal device: what it loads before it paints, who may write to it, how it dies."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).parents[2]


class Terminal:
    """A program on a pseudo-terminal, and the screen that it has drawn."""

    def __init__(self, argv: list[str], size: tuple[int, int] = (100, 30), **env: str) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        without = {"TMUX", "DISPLAY", "WAYLAND_DISPLAY", "SSH_TTY", "SSH_CONNECTION", "COLUMNS", "LINES"}
        environment = {name: value for name, value in os.environ.items() if name not in without}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | env
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=ROOT, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def read(self, seconds: float = 0.05) -> bytes:
        """Take what it has written by now."""
        data = b""
        while select.select([self.master], [], [], seconds if not data else 0)[0]:
            try:
                piece = os.read(self.master, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            data += piece
        self.raw += data
        self._stream.feed(data)
        return data

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def sees(self, words: str, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while words not in self.text():
            assert time.monotonic() < until, f"{words!r} was not seen:\n{self.text()}"
            self.read()

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def ends(self, seconds: float) -> int:
        """Wait for its end; fails if that takes longer."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, "it did not end in time"
            self.read(0.01)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program around the UI whose `connect` reports, prints where it must not, and finds no core."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent("""
        import asyncio, json, os, sys
        from tui.domain.errors import ConnectionLost
        from tui.ui.app import UiOptions, run

        async def connect():
            with open(os.environ["REPORT"], "w") as report:
                json.dump(sorted(sys.modules), report)
            os.write(2, b"NOISE from native code")
            await asyncio.sleep(0.1)
            raise ConnectionLost("No core is here.")

        status = run(UiOptions(connect=connect))
        print("said afterwards", file=sys.stderr)
        sys.exit(status)
    """))
    return path


@pytest.fixture
def terminal(script: Path, tmp_path: Path) -> Iterator[Terminal]:
    it = Terminal([sys.executable, str(script)], REPORT=str(tmp_path / "report.json"))
    yield it
    it.close()


def test_the_first_frame_comes_before_the_client_and_all_of_the_core(terminal: Terminal, tmp_path: Path) -> None:
    terminal.sees("No core is here.")
    loaded = set(json.loads((tmp_path / "report.json").read_text()))
    heavy = {"httpx", "yaml", "starlette", "uvicorn", "jinja2", "sqlite3", "tui.client.connection"}
    assert not heavy & loaded
    assert not {name for name in loaded if name.startswith(("tui.core", "tui.store", "tui.backends", "tui.engine"))}


def test_what_others_write_to_standard_error_goes_to_the_log(terminal: Terminal, home: Path) -> None:
    terminal.sees("No core is here.")
    assert b"NOISE" not in terminal.raw
    log = (home / "data" / "logs" / "terminal.log").read_text()
    assert "NOISE from native code" in log


def test_ctrl_q_leaves_in_either_layout_and_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.sees("No core is here.")
    terminal.send("\x1b[1081;5u")                  # Ctrl+й, as kitty sends it
    assert terminal.ends(5) == 0
    terminal.read()
    assert b"said afterwards" in terminal.raw.split(b"\x1b[?1049l")[1]


def test_a_home_that_cannot_be_written_is_no_reason_to_stay_closed(script: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    argv, report = [sys.executable, str(script)], str(tmp_path / "report.json")
    terminal = Terminal(argv, REPORT=report, TRAKTIR_HOME=str(blocked))
    terminal.sees("No core is here.")
    terminal.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it_within_a_second(terminal: Terminal, number: signal.Signals) -> None:
    terminal.sees("No core is here.")
    terminal.process.send_signal(number)
    terminal.ends(1.5)


def test_a_terminal_that_goes_away_ends_it(script: Path, tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, str(script)], REPORT=str(tmp_path / "report.json"))
    terminal.sees("No core is here.")
    os.close(terminal.master)
    terminal.process.wait(timeout=2)
    terminal.master = os.open(os.devnull, os.O_RDONLY)
    terminal.close()


def test_a_key_costs_few_bytes(terminal: Terminal) -> None:
    """Bytes are latency over ssh: a letter typed repaints its own line and nothing else."""
    terminal.sees("No core is here.")
    terminal.send("hello")
    terminal.sees("hello")
    terminal.read(0.3)
    terminal.send("x")
    assert len(terminal.read(0.5)) <= 700


def test_copying_speaks_to_the_terminal_where_there_is_no_other_way(tmp_path: Path) -> None:
    path = tmp_path / "copying.py"
    path.write_text(textwrap.dedent("""
        import asyncio
        from tui.ui.app import UiOptions, TraktirApp
        from tui.ui import terminal

        async def connect():
            await app.copy_text("Привет\\x1b]52;c;evil\\x07")
            await asyncio.sleep(60)
        app = TraktirApp(UiOptions(connect=connect), driver_class=terminal.TerminalDriver)
        app.run()
    """))
    terminal = Terminal([sys.executable, str(path)], PATH=str(tmp_path))
    until = time.monotonic() + 10
    while b"\x1b]52;c;" not in terminal.raw and time.monotonic() < until:
        terminal.read()
    terminal.close()
    assert b"\x1b]52;c;0J/RgNC40LLQtdGC\x1b\\" in terminal.raw


def test_an_editor_is_lent_the_terminal_and_its_text_comes_back(script: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\n[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && printf "written outside" >> "$1"\n')
    editor.chmod(0o755)
    argv, report = [sys.executable, str(script)], str(tmp_path / "report.json")
    terminal = Terminal(argv, REPORT=report, EDITOR=str(editor), VISUAL="")
    terminal.sees("No core is here.")
    terminal.send("begun, ")
    terminal.sees("begun,")
    terminal.send("\x0f")
    terminal.sees("begun, written outside")
    terminal.send(" and on")
    terminal.sees("outside and on")
    terminal.close()


def test_a_pasted_text_with_newlines_is_not_sent(terminal: Terminal) -> None:
    terminal.sees("No core is here.")
    terminal.send("\x1b[200~first\nsecond\x1b[201~")
    terminal.sees("second")
    assert "first" in terminal.text()


@pytest.fixture
def writing(tmp_path: Path) -> list[str]:
    """The UI on a line that brings a hundred pieces of a reply a second, without end."""
    path = tmp_path / "writing.py"
    path.write_text(textwrap.dedent("""
        import asyncio, itertools
        from tui.ui.app import UiOptions, run

        class Event:
            def __init__(self, data): self.data = data

        class Line:
            async def call(self, method, **params):
                node = {"id": "n", "parent": None, "role": "assistant", "name": "M", "created_ms": 1, "seq": 0,
                        "revisions": [{"id": "r", "text": "", "created_ms": 1, "finish": "streaming"}], "current": "r"}
                chat = {"id": "c", "created_ms": 1, "updated_ms": 1, "head": "n", "fields": {"title": "READY"}}
                return {"chat": chat, "nodes": [node], "writing": True} if method == "chats.open" else {}

            async def events(self, after=None):
                offset = 0
                for number in itertools.count():
                    await asyncio.sleep(0.01)
                    text = "word.\\n\\n" if number % 60 == 59 else "word "
                    yield Event({"type": "delta", "chat": "c", "node": "n", "revision": "r", "offset": offset,
                                 "text": text})
                    offset += len(text)

            async def close(self): pass

        async def connect(): return Line()
        run(UiOptions(connect=connect, chat="c"))
    """))
    return [sys.executable, str(path)]


def test_a_terminal_that_takes_nothing_more_can_still_be_ended(writing: list[str]) -> None:
    """A stalled ssh: the screen blocks, the program must not."""
    terminal = Terminal(writing, size=(200, 60))
    terminal.sees("READY")
    terminal.sees("word")
    time.sleep(2.5)                                # nothing is read meanwhile
    assert terminal.process.poll() is None
    terminal.process.send_signal(signal.SIGTERM)
    terminal.process.wait(timeout=2)
    terminal.close()


@pytest.mark.parametrize(("where", "most"), [({}, 45), ({"SSH_CONNECTION": "a 1 b 22"}, 15)], ids=["here", "ssh"])
def test_a_growing_reply_costs_few_bytes(writing: list[str], where: dict[str, str], most: int) -> None:
    """KB a second at a hundred pieces a second; far fewer over ssh, where the view also moves in steps."""
    terminal = Terminal(writing, **where)
    terminal.sees("word word word word word word")
    for _ in range(10):
        terminal.read(0.1)
    begun, taken = time.monotonic(), 0
    while time.monotonic() - begun < 3:
        taken += len(terminal.read(0.02))
    terminal.close()
    assert 0.5 < taken / 3 / 1024 < most


def test_a_dying_terminal_keeps_the_draft_and_the_core_goes_on(home: Path) -> None:
    argv = [sys.executable, "-m", "tui"]
    terminal = Terminal([*argv, "--character", "mira"])
    try:
        terminal.sees("#1", 40)
        terminal.send("half a thought")
        terminal.sees("half a thought")
        terminal.process.send_signal(signal.SIGHUP)
        terminal.process.wait(timeout=2)
        terminal.close()
        terminal = Terminal(argv)
        terminal.sees("half a thought", 40)
    finally:
        terminal.close()
        subprocess.run([*argv, "stop", "--force"], cwd=ROOT, check=False, capture_output=True, timeout=30)
