"""Servers to speak to: a scripted one, and the two real ones that pip can install."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from scripted import ScriptedServer, as_openai  # noqa: E402

from tui.backends.remote import RemoteBackend  # noqa: E402
from tui.domain.endpoint import Endpoint  # noqa: E402

N_CTX = 1024


@pytest.fixture
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def backend(scripted_server: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    """A remote that waits 0.3 s for the next word."""
    as_openai(scripted_server, "Hello.")
    backend = RemoteBackend(Endpoint(scripted_server.url), idle_seconds=0.3)
    yield backend
    await backend.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], url: str, log: Path) -> Iterator[str]:
    """A server process, given out once it answers 200."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            until = time.monotonic() + 60
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
            yield url.rpartition("/v1")[0]
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def llama_cpp_server(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's own server with the starter model."""
    if any(
        importlib.util.find_spec(name) is None
        for name in ("llama_cpp", "fastapi", "sse_starlette", "starlette_context")
    ):
        pytest.skip("llama-cpp-python[server] is not installed")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(starter),
        "--port",
        str(port),
        "--n_ctx",
        str(N_CTX),
        "--n_threads",
        "2",
        "--verbose",
        "false",
    ]
    log = tmp_path_factory.mktemp("llama_cpp_server") / "log"
    with _running(command, f"http://127.0.0.1:{port}/v1/models", log) as url:
        yield url


@pytest.fixture(scope="session")
def xllamacpp_server(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real llama-server, by way of xllamacpp, with one slot and the starter model."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    port = free_port()
    command = [sys.executable, str(HERE / "serve_xllamacpp.py"), str(starter), str(port), str(N_CTX)]
    log = tmp_path_factory.mktemp("xllamacpp") / "log"
    with _running(command, f"http://127.0.0.1:{port}/v1/models", log) as url:
        yield url
