"""What is built and installed once for all tests of installing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from install_kit import Installation, build, server


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel made from it."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Traktir without the engine, at a path with spaces and Cyrillic letters."""
    installation = Installation(tmp_path_factory.mktemp("installed") / "мой трактир" / "venv")
    installation.install(str(built[1]))
    return installation


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A server that plays a script."""
    with server() as found:
        yield found
