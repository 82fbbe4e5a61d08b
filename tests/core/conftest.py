"""A real core on a real store, with the real engine behind it, and servers to speak to."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

SERVERS = Path(__file__).parents[1] / "backends"
sys.path.insert(0, str(SERVERS))

from core_table import Table  # noqa: E402
from scripted import ScriptedServer  # noqa: E402

from tui.core.app import Core, CoreConfig  # noqa: E402


@pytest.fixture
async def table(home: Path) -> AsyncIterator[Table]:
    core = await Core.start(CoreConfig())
    try:
        yield Table(core)
    finally:
        await core.close()


@pytest.fixture
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
def llama_server(
    starter: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The real llama-server with the starter model in a window of 1,024 tokens: its address and its process."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = tmp_path_factory.mktemp("llama") / "log"
    command = [sys.executable, str(SERVERS / "serve_xllamacpp.py"), str(starter), str(port), "1024"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            until = time.monotonic() + 60
            while not _answers(f"http://127.0.0.1:{port}/v1/models"):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
