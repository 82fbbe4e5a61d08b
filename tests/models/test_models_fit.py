"""What the fit foretells, against what llama.cpp itself says that it allocated: within 5 % in total."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gguf")
import gguf_maker
from gguf_maker import GEMMA3, LLAMA, MAMBA, Sizes, make

from tui.engine import available
from tui.engine.advice import Facts, facts_of, fit, fits_at
from tui.engine.fit import Load, Weights, describe, longest_context, most_layers, needs
from tui.engine.gguf import read_metadata
from tui.engine.measures import Layer, Measures
from tui.engine.room import Gpu, Room
from tui.engine.settings import EngineSettings
from tui.engine.stretch import Rope

GB = 10**9

_LOADER = """
import json, sys
from pathlib import Path
from tui.engine import bindings
from tui.engine.opening import open_context
from tui.engine.settings import EngineSettings
from tui.engine.stretch import Rope
bindings.load_library(); bindings.start_backend()
model = bindings.Model.load(Path(sys.argv[1]), extra_bufts=False)
for settings in json.loads(sys.argv[2]):
    print("SETTINGS", file=sys.stderr, flush=True)
    context, _ = open_context(model, EngineSettings.from_json(settings), gpu=False, threads=1, notices=[])
    shape = context.shape
    batch = min(shape.batch, shape.ubatch)
    print("SHAPE", shape.window, shape.cells, shape.sequences, batch, file=sys.stderr, flush=True)
    context.free()
"""


@dataclass(frozen=True)
class Real:
    """Bytes that llama.cpp's log names, and the shape they were for."""

    weights: float
    cache: float
    compute: float
    shape: tuple[int, int, int, int]

    @property
    def total(self) -> float:
        return self.weights + self.cache + self.compute


def allocated(path: Path, settings: list[dict[str, Any]]) -> list[Real]:
    done = subprocess.run(
        [sys.executable, "-c", _LOADER, str(path), json.dumps(settings)], capture_output=True, text=True, check=True)
    before, *runs = done.stderr.split("SETTINGS\n")

    def megabytes(kind: str, text: str) -> float:
        return sum(float(x) for x in re.findall(rf"{kind} +buffer size = +([\d.]+) MiB", text)) * 2**20

    out = []
    for run in runs:
        last = run[run.rindex("llama_context: n_seq_max"):]       # types are tried in a small context before
        shape = re.search(r"SHAPE (\d+) (\d+) (\d+) (\d+)", run)
        assert shape is not None
        out.append(Real(
            megabytes("model", before), megabytes("(?:KV|RS)", last), megabytes("(?:compute|output)", last),
            (int(shape[1]), int(shape[2]), int(shape[3]), int(shape[4])),
        ))
    return out


def foretold(path: Path, real: Real, settings: dict[str, Any]) -> Any:
    window, cells, sequences, batch = real.shape
    load = Load(
        window, cells, sequences, batch, settings.get("cache_type_k", "f16"), settings.get("cache_type_v", "f16"),
        settings.get("flash_attn", "auto") != "off", settings.get("swa_full", True))
    return needs(*describe(read_metadata(path)), load).main


Q8 = {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}
WAYS: list[dict[str, Any]] = [
    {"n_ctx": 2048}, {"n_ctx": 16384, "n_seq": 1}, {"n_ctx": 4096, **Q8},
    {"n_ctx": 4096, "cache_type_k": "q4_0", "cache_type_v": "q4_0"}, {"n_ctx": 4096, "flash_attn": "off"},
    {"n_ctx": 4096, "n_batch": 512}, {"n_ctx": 8192, "swa_full": False},
]


@pytest.mark.skipif(available() is not None, reason="llama-cpp-python is not installed")
@pytest.mark.parametrize(
    "family", ["starter", "LLAMA", "BIG_VOCABULARY", "GEMMA3", "GEMMA2", "MAMBA", "EXPERTS", "LATENT", "HYBRID"])
def test_it_is_within_five_percent_of_what_is_allocated(family: str, tmp_path: Path, starter: Path) -> None:
    path = starter if family == "starter" else make(tmp_path / "m.gguf", getattr(gguf_maker, family))
    wrong = []
    for settings, real in zip(WAYS, allocated(path, WAYS), strict=True):
        told = foretold(path, real, settings)
        if abs(told.total / real.total - 1) > 0.05 or abs(told.cache / max(1, real.cache) - 1) > 0.01:
            wrong.append((settings, told, real))
    assert not wrong


@pytest.mark.skipif(available() is not None, reason="llama-cpp-python is not installed")
def test_the_whole_plan_is_within_five_percent_too(tmp_path: Path) -> None:
    path = make(tmp_path / "m.gguf", LLAMA)
    (real,) = allocated(path, [{"n_ctx": 4096, "n_seq": 1}])
    told = fit(facts_of(read_metadata(path)), Room(64 * GB), EngineSettings(n_ctx=4096, n_seq=1))
    assert told.needs.total == pytest.approx(real.total, rel=0.05)


@pytest.fixture
def big() -> Facts:
    """A model of 8 B parameters at 4.5 bits, by its measures alone."""
    measures = Measures(
        "llama", (Layer(1024, 1024),) * 32, width=4096, heads=32, query=4096, inner=14336, vocabulary=128_256,
        trained=4096, window=0, states=False)
    output = 4096 * 128_256 * 9 // 16
    return Facts(Rope(4096, 10_000.0, 128), measures, Weights(output, (218_000_000 * 9 // 16,) * 32, output))


def test_layers_go_to_the_gpu_as_far_as_they_fit(big: Facts) -> None:
    whole = fit(big, Room(64 * GB, (Gpu("one", 24 * GB, 24 * GB),)))
    assert (whole.load.gpu_layers, whole.all_layers, whole.verdict) == (33, 33, "fits")
    assert "All 33 layers" in str(whole.advice)
    part = fit(big, Room(64 * GB, (Gpu("one", 4 * GB, 4 * GB),)))
    assert 0 < part.load.gpu_layers < 33
    assert part.needs.gpu.total <= 4 * GB
    assert str(part.advice).startswith(f"{part.load.gpu_layers} of 33 layers")
    longer = fit(big, Room(64 * GB, (Gpu("one", 4 * GB, 4 * GB),)), EngineSettings(n_ctx=32768))
    smaller = EngineSettings(n_ctx=32768, cache_type_k="q8_0", cache_type_v="q8_0")
    quantised = fit(big, Room(64 * GB, (Gpu("one", 4 * GB, 4 * GB),)), smaller)
    assert longer.load.gpu_layers < quantised.load.gpu_layers < part.load.gpu_layers
    two = fit(big, Room(64 * GB, (Gpu("one", 4 * GB, 4 * GB), Gpu("two", 4 * GB, 4 * GB))))
    assert two.load.gpu_layers > part.load.gpu_layers


def test_one_more_layer_would_not_have_fitted(big: Facts) -> None:
    load = Load(8192, 8192, 12, 512)
    for free in (2 * GB, 3 * GB, 5 * GB):
        layers = most_layers(big.measures, big.weights, load, free)
        more = needs(big.measures, big.weights, Load(8192, 8192, 12, 512, gpu_layers=layers + 1))
        assert more.gpu.total > free


def test_advice_where_memory_is_short(big: Facts) -> None:
    assert fit(big, Room(64 * GB)).verdict == "fits"
    context = fit(big, Room(8 * GB), EngineSettings(n_ctx=131_072))
    assert context.verdict == "too_large"
    assert f"with {context.longest} it does" in str(context.advice)
    again = fit(big, Room(8 * GB), EngineSettings(n_ctx=context.longest))
    assert again.verdict in ("fits", "tight")
    assert fit(big, Room(8 * GB), EngineSettings(n_ctx=context.longest + 256)).verdict == "too_large"
    assert "the weights alone" in str(fit(big, Room(3 * GB)).advice)
    assert fit(big, Room(None)).verdict == "unknown"


def test_contexts_of_interest_reach_to_four_times_the_training(big: Facts) -> None:
    assert [one.load.context for one in fits_at(big, Room(64 * GB))] == [4096, 8192, 16384]
    assert [round(one.stretch.alpha, 2) for one in fits_at(big, Room(64 * GB))] == [1.0, 2.5, 5.5]


def test_a_context_costs_a_recurrent_model_nothing_and_a_sliding_one_little(tmp_path: Path) -> None:
    def cache(sizes: Sizes, context: int, whole: bool = True) -> int:
        facts = facts_of(read_metadata(make(tmp_path / "m.gguf", sizes)))
        load = Load(context, context, 1, 128, whole_window=whole)
        return needs(facts.measures, facts.weights, load).main.cache

    assert cache(MAMBA, 4096) == cache(MAMBA, 65536)
    assert cache(GEMMA3, 65536, whole=False) < cache(GEMMA3, 65536) / 4


def test_hostile_numbers_are_reckoned_without_harm(tmp_path: Path) -> None:
    path = make(tmp_path / "m.gguf", LLAMA, more={
        "attention.sliding_window": 2**32 - 1, "ssm.inner_size": 2**32 - 1, "expert_used_count": 2**31,
        "rope.dimension_count": 2**31, "attention.key_length": 2**32 - 1})
    facts = facts_of(read_metadata(path))
    found = fit(facts, Room(64 * GB), EngineSettings(n_ctx=2**24))
    assert found.to_json()["verdict"] in ("fits", "tight", "too_large")
    assert longest_context(facts.measures, facts.weights, found.load, 64 * GB) >= 0
