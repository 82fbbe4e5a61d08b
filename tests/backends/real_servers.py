"""The two real servers that pip can install, as processes that can be killed, stopped and started again."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

Kind = Literal["xllamacpp", "llama_cpp"]
_NEEDED = {"xllamacpp": ("xllamacpp",), "llama_cpp": ("llama_cpp", "fastapi", "sse_starlette", "starlette_context")}

#: Processes by the address that they listen at.
RUNNING: dict[str, subprocess.Popen[bytes]] = {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(kind: Kind, model: Path, port: int, n_ctx: int, key: str) -> Sequence[str]:
    if kind == "xllamacpp":
        script = Path(__file__).parent / "serve_xllamacpp.py"
        return [sys.executable, str(script), str(model), str(port), str(n_ctx), *([key] if key else [])]
    options = {"model": model, "port": port, "n_ctx": n_ctx, "n_threads": 2, "verbose": "false"}
    options |= {"api_key": key} if key else {}
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "llama_cpp.server", *flags]


@contextmanager
def real_server(
    kind: Kind, model: Path, folder: Path, *, port: int = 0, n_ctx: int = 1024, key: str = "",
) -> Iterator[str]:
    """A server process, given out as its address once it answers; skips where its package is absent."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED[kind]):
        pytest.skip(f"{_NEEDED[kind][0]} is not installed")
    port = port or free_port()
    url, log = f"http://127.0.0.1:{port}", folder / f"{kind}-{port}.log"
    command = _command(kind, model, port, n_ctx, key)
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        RUNNING[url] = process
        try:
            until = time.monotonic() + 120
            while not _answers(f"{url}/v1/models", key):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.05)
            yield url
        finally:
            process.kill()
            RUNNING.pop(url, None)


def _answers(url: str, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
