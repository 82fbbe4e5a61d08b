"""What was measured for a model is used for it, and for no other; what a person chose stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.bench.pairing import QUICK
from tui.bench.tuning import tune
from tui.domain.notice import Notice
from tui.engine import quirks, tuned, version
from tui.engine.gguf import read_metadata
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings


def test_what_a_person_chose_stays() -> None:
    found = {"n_threads": 3, "n_batch": 256, "n_ubatch": 256, "flash_attn": "on"}
    assert tuned.filled_in(EngineSettings(), found) == EngineSettings(
        n_threads=3, n_batch=256, n_ubatch=256, flash_attn="on")
    chosen = EngineSettings(n_threads=1, flash_attn="off")
    assert tuned.filled_in(chosen, found) == replace(chosen, n_batch=256, n_ubatch=256)


def test_another_file_and_another_machine_know_nothing_of_it(tmp_path: Path) -> None:
    for name, size in (("one.gguf", 3), ("two.gguf", 4)):
        (tmp_path / name).write_bytes(bytes(size))
    key = tuned.model_key("here", tmp_path / "one.gguf")
    tuned.remember(tmp_path, key, {"n_threads": 2, "n_ctx": 9})
    assert tuned.tuned(tmp_path, key) == {"n_threads": 2}
    assert tuned.tuned(tmp_path, tuned.model_key("there", tmp_path / "one.gguf")) == {}
    assert tuned.tuned(tmp_path, tuned.model_key("here", tmp_path / "two.gguf")) == {}


@pytest.mark.parametrize("text", ["", "[", "[]", '{"models": 3}', '{"models": {"key": {"n_threads": "many"}}}'])
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine-tuned.json").write_text(text)
    assert tuned.tuned(tmp_path, "key") == {}
    tuned.remember(tmp_path, "key", {"n_threads": 2})
    assert tuned.tuned(tmp_path, "key") == {"n_threads": 2}


async def test_a_model_is_loaded_as_was_measured(
    library: Any, starter: Path, make_engine: Callable[..., EmbeddedEngine], tmp_path: Path
) -> None:
    key = tuned.model_key(quirks.machine_key(version(), read_metadata(starter).quantisation), starter)
    tuned.remember(tmp_path / "tuned", key, {"n_threads": 1, "n_batch": 64, "n_ubatch": 64})
    details = (await make_engine(state_dir=tmp_path / "tuned").capabilities()).details
    assert (details["batch"], details["tuned"]) == (64, {"n_threads": 1, "n_batch": 64, "n_ubatch": 64})


def test_tuning_measures_and_keeps_what_is_best(library: Any, starter: Path, tmp_path: Path) -> None:
    said: list[Notice] = []
    effort = replace(QUICK, tokens=8)
    figures = list(tune(effort, said.append, starter, tmp_path))
    asked = {figure.name.split(".")[1] for figure in figures}
    assert {"n_threads", "n_batch", "flash_attn"} <= asked
    assert all(figure.interval.median > 0 for figure in figures)
    (kept,) = json.loads((tmp_path / "engine-tuned.json").read_text())["models"].values()
    best = {name: min((f for f in figures if f.name.startswith(f"tune.{name}.")), key=lambda f: f.interval.median)
            for name in asked}
    for name, figure in best.items():                  # the best, or one that is nearly so and takes less
        chosen = next(f for f in figures if f.name == f"tune.{name}.{kept[name]}")
        assert chosen.interval.median <= figure.interval.median / 0.97 + 1e-9
