"""Real engines on the starter model, and quantised copies of it made by llama.cpp's own tool."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.engine import available, bindings
from tui.engine.proxy import EmbeddedEngine

#: Numbers of the file types in llama.cpp's enum llama_ftype.
FILE_TYPES = {"Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15}

_QUANTISE = """
import sys
from llama_cpp import llama_cpp as lib
params = lib.llama_model_quantize_default_params()
params.ftype = int(sys.argv[3])
params.nthread = 1
sys.exit(lib.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), params))
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without llama-cpp-python the tests that need it are skipped, the others run."""
    missing = available()
    if missing is not None:
        for item in items:
            if {"make_engine", "engine", "quantised", "library"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.skip(reason=str(missing)))


@pytest.fixture
async def make_engine(tmp_path: Path, starter: Path) -> AsyncIterator[Callable[..., EmbeddedEngine]]:
    """Makes engines that are closed at the end. Without a path they hold the starter model."""
    made: list[EmbeddedEngine] = []

    def make(path: Path = starter, **more: object) -> EmbeddedEngine:
        options = {"state_dir": tmp_path / "state", "log_path": tmp_path / "logs" / "engine.log", **more}
        made.append(EmbeddedEngine(path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for engine in made:
        await engine.close()


@pytest.fixture
def engine(make_engine: Callable[..., EmbeddedEngine]) -> EmbeddedEngine:
    return make_engine()


@pytest.fixture(scope="session")
def quantised(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The starter model as Q8_0, Q4_0 or Q4_K_M, made once a session in a process of its own."""
    folder = tmp_path_factory.mktemp("quantised")

    def make(kind: str) -> Path:
        path = folder / f"starter-{kind}.gguf"
        if not path.exists():
            subprocess.run(
                [sys.executable, "-c", _QUANTISE, str(starter), str(path), str(FILE_TYPES[kind])],
                check=True, capture_output=True,
            )
        return path

    return make


@pytest.fixture(scope="session")
def library() -> Any:
    """llama.cpp in the tests' own process, for vocabularies and signatures. The whole package is imported, not
    the bare module of the worker, so that other tests find it as usual."""
    importlib.import_module("llama_cpp")
    bindings.start_backend()
    return bindings.load_library()
