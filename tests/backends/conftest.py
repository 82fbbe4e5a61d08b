"""Servers to speak to: a scripted one, and the two real ones that pip can install."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from real_servers import real_server  # noqa: E402
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


@pytest.fixture(scope="session")
def llama_cpp_server(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's own server with the starter model."""
    with real_server("llama_cpp", starter, tmp_path_factory.mktemp("llama_cpp_server"), n_ctx=N_CTX) as url:
        yield url


@pytest.fixture(scope="session")
def xllamacpp_server(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real llama-server, by way of xllamacpp, with one slot and the starter model."""
    with real_server("xllamacpp", starter, tmp_path_factory.mktemp("xllamacpp"), n_ctx=N_CTX) as url:
        yield url
