"""What all tests share: where borrowed data lies, and a home of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED = CHECKOUT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test has an empty home, so that none reads or writes the developer's own."""
    path = tmp_path_factory.mktemp("home")
    sockets = tempfile.mkdtemp(prefix="tt-", dir="/tmp" if os.path.isdir("/tmp") else None)   # short: it holds sockets
    monkeypatch.setenv("TRAKTIR_HOME", str(path))
    monkeypatch.setenv("TMPDIR", sockets)
    monkeypatch.delenv("TRAKTIR_TOKEN", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    yield path
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real files of other people, beside the checkout; skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared data is not here")
    return SHARED


@pytest.fixture(scope="session")
def starter() -> Path:
    """The small model that ships with the program."""
    return CHECKOUT / "tui" / "engine" / "starter" / "starter.gguf"
