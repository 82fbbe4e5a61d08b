"""Terminals that are closed, cores that are ended, and a slow model's server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import CHECKOUT, Open, Terminal


@pytest.fixture
def tavern(home: Path) -> Iterator[Open]:
    """Opens the program in a terminal, any number of times, on one home; everything is ended afterwards."""
    opened: list[Terminal] = []

    def open_terminal(*words: str, columns: int = 120, rows: int = 40, **env: str) -> Terminal:
        terminal = Terminal(*words, columns=columns, rows=rows, env={"TRAKTIR_HOME": str(home), **env})
        opened.append(terminal)
        return terminal

    yield open_terminal
    for terminal in opened:
        terminal.close()
    env = {**os.environ, "TRAKTIR_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-m", "tui", "stop", "--force"],
        env=env, cwd=CHECKOUT, capture_output=True, timeout=30,
    )


@pytest.fixture
def slow_server() -> Iterator[tuple[str, str]]:
    """A server that writes a long reply slowly: its address, and the reply."""
    reply = "*She counts.* " + " ".join(f"wave{n}" for n in range(60)) + " and the last one."
    script = CHECKOUT / "tests" / "backends" / "scripted.py"
    command = [sys.executable, str(script), "--dialect", "koboldcpp", "--delay", "25", "--text", reply]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip(), reply
        server.kill()
