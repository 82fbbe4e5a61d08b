"""Servers to speak to, and cores that are gone afterwards."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / neighbour) for neighbour in ("backends", "core")]

from plugs_kit import CoreProcess, MakeServers, StartCore  # noqa: E402
from scripted import ScriptedServer  # noqa: E402


@pytest.fixture
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def make_servers() -> AsyncIterator[MakeServers]:
    """Makes any number of scripted servers."""
    made: list[ScriptedServer] = []

    async def make(count: int) -> list[ScriptedServer]:
        for _ in range(count):
            made.append(ScriptedServer())
            await made[-1].start()
        return made[-count:]

    yield make
    for server in made:
        await server.stop()


@pytest.fixture
async def start_core(home: Path) -> AsyncIterator[StartCore]:
    """Starts cores, on the test's home by default; all of them are gone afterwards."""
    started: list[CoreProcess] = []

    async def start(place: Path = home, **env: str) -> CoreProcess:
        started.append(await CoreProcess.start(place, **env))
        return started[-1]

    yield start
    for core in started:
        core.end()
