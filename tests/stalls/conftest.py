"""A core under watch, and servers that play models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "backends")]

from scripted import ScriptedServer  # noqa: E402
from stall_stage import House  # noqa: E402


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    house = House(home)
    yield house
    house.end()


@pytest.fixture
async def model() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def hostile_files(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of inert samples that mean harm."""
    maker = shared / "hostile" / "make_hostile.py"
    if not maker.is_file():
        pytest.skip("the hostile samples are not here")
    folder = tmp_path_factory.mktemp("stalls") / "made"
    subprocess.run([sys.executable, str(maker), str(folder)], check=True, capture_output=True, timeout=120)
    return folder
