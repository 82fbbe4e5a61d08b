"""The model that is made to measure with is one: llama.cpp takes it, and it is as large as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui.bench import random_model
from tui.bench.random_model import ON_CPU, ON_GPU, Shape, write_random_model
from tui.domain.errors import Refused
from tui.engine.gguf import read_metadata

SMALL = Shape(layers=2, width=64, inner=128, heads=4, kv_heads=2, context=256)


def test_llama_cpp_takes_it_with_the_vocabulary_of_another(library: Any, starter: Path, tmp_path: Path) -> None:
    from tui.engine.bindings import Model

    path = tmp_path / "random.gguf"
    parameters = write_random_model(path, SMALL, starter)
    info = read_metadata(path)
    assert (info.architecture, info.block_count, info.quantisation) == ("llama", 2, "Q4_0")
    model, other = Model.load(path), Model.load(starter)
    assert model is not None
    assert other is not None
    assert model.vocab.tokenize("Дождь стучит. It rains.") == other.vocab.tokenize("Дождь стучит. It rains.")
    norms = 64 * (2 * 2 + 1)
    assert model.parameters == parameters + norms
    model.free()
    other.free()


def test_the_sizes_are_those_that_are_measured() -> None:
    assert 0.9e9 < ON_CPU.parameters(3072) < 1.1e9
    assert 6.5e9 < ON_GPU.parameters(3072) < 7.5e9


def test_a_full_disk_is_said_before(starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = random_model.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(random_model.shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    with pytest.raises(Refused, match="no room"):
        write_random_model(tmp_path / "random.gguf", SMALL, starter)
    assert not list(tmp_path.iterdir())
