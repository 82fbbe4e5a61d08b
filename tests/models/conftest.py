"""A hub on this machine, and the command line in a process of its own that knows no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import Hub, served

MAKER = "maker/Story-7B-GGUF"


class Commands:
    """`traktir` with a home and a cache of its own."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder = folder
        self.cache = folder / "hf/hub"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "LLAMA_", "OLLAMA_"))},
            "TRAKTIR_HOME": str(folder / "traktir"), "HOME": str(folder), "HF_HOME": str(folder / "hf"),
            "HF_ENDPOINT": hub.url, "LANG": "C.UTF-8", "NO_PROXY": "*", "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tui", *words]

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env={**self.env, **env}, capture_output=True, text=True, timeout=120, check=False,
        )

    def json(self, *words: str, **env: str) -> list[dict[str, Any]]:
        done = self.run(*words, "--json", **env)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """One repository: two quantisations, one of them in three parts; a projector; and one that lacks a part."""
    pytest.importorskip("huggingface_hub")
    body = bytes(range(256)) * 4096
    files = {"Story-7B.i1-Q4_K_S.gguf": b"GGUF" + body, "mmproj-Story-7B-f16.gguf": b"GGUF" + body[:5000],
             "README.md": b"# Story"}
    files |= {f"Q8_0/Story-7B-Q8_0-{n:05}-of-00003.gguf": b"GGUF" + bytes([n]) * (700_000 + n) for n in (1, 2, 3)}
    files |= {f"Story-7B-IQ4_XS-{n:05}-of-00002.gguf": b"GGUF" + bytes([n]) * 900_000 for n in (1,)}
    with served(Hub({MAKER: files})) as running:
        yield running


@pytest.fixture
def commands(tmp_path: Path, hub: Hub) -> Commands:
    return Commands(tmp_path, hub)
