"""The floors hold: statically by import-linter, and at run time by what a package really brings in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules in memory after `statement`, in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import tui.domain.chat, tui.domain.operations, tui.domain.samplers", {"textual", "httpx", "yaml", "asyncio"}),
        ("import tui.core.app", {"textual", "rich", "llama_cpp", "starlette", "uvicorn"}),
        ("import tui.client", {"textual", "tui.core", "tui.server", "tui.store"}),
        ("import tui.cli", {"textual", "httpx", "yaml", "tui.core", "tui.ui", "platformdirs"}),
        # What a terminal waits for when it is opened: nothing of prompts, formats or the engine, before a chat is read.
        (
            "import tui.cli.serve, tui.core.config, tui.core.front, tui.server.run",
            {
                "yaml", "tui.core.app", "tui.domain.macros", "tui.domain.prompt", "tui.formats", "tui.engine",
                "tui.sandbox",
            },
        ),
        # And before its process is even started.
        ("import tui.cli.opening, tui.client.daemon", {"asyncio", "textual", "httpx", "tui.client.connection"}),
        ("import tui.cli.bench, tui.bench.engine", {"textual", "llama_cpp", "tui.core.app"}),
        ("import tui.engine.proxy", {"llama_cpp", "numpy", "textual"}),
    ],
)
def test_a_floor_brings_in_nothing_from_above_or_from_others(statement: str, absent: set[str]) -> None:
    assert not absent & loaded_by(statement)
