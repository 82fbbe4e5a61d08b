"""Where the scripted server and its dialects lie; one server that speaks each of them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
sys.path.insert(0, str(Path(__file__).parent))

from dialects import VOICES, Voice
from scripted import ScriptedServer

from tui.backends.patience import Limits
from tui.backends.remote import RemoteBackend


@pytest.fixture
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(params=VOICES, ids=lambda voice: voice.name)
def voice(request: pytest.FixtureRequest) -> Voice:
    """Every kind of server in turn."""
    found: Voice = request.param
    return found


@pytest.fixture
async def backend(voice: Voice, scripted_server: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    """Connected to a server that speaks like `voice`."""
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url), limits=Limits(aftermath=30.0))
    await backend.capabilities()
    yield backend
    await backend.close()


@pytest.fixture
async def impatient(voice: Voice, scripted_server: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    """As `backend`, but it waits only 0.2 s for the next word: for servers that send none."""
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url), limits=Limits(idle=0.2))
    await backend.capabilities()
    yield backend
    await backend.close()
