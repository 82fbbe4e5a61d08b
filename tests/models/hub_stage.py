"""The command line in a process of its own, which knows no hub but ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fake_hub import Hub

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
