"""Contexts longer than the training: the formula, what may be set, what is said; and that llama.cpp takes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tui.engine import available, bindings
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.engine.stretch import Rope, alpha_for, alpha_of, base_for, plan

OLD = Rope(4096, 10_000.0, 128)


def test_the_base_follows_the_ntk_formula() -> None:
    assert base_for(2.0, 10_000.0, 128) == pytest.approx(10_000 * 2 ** (64 / 63))
    assert base_for(2.0, 10_000.0, 64) == pytest.approx(10_000 * 2 ** (64 / 62))
    assert alpha_of(base_for(3.7, 5e5, 96), 5e5, 96) == pytest.approx(3.7)
    # with alpha equal to the ratio, the slowest dimension turns as far as it was trained for, at the very end
    slowest = base_for(2.0, 10_000.0, 128) ** (-126 / 128)
    assert 8192 * slowest == pytest.approx(4096 * 10_000.0 ** (-126 / 128))


def test_alpha_follows_the_customary_values() -> None:
    assert [alpha_for(ratio) for ratio in (0.5, 1.0, 1.5, 2.0)] == [1.0, 1.0, 1.75, 2.5]


def test_within_the_training_nothing_is_touched() -> None:
    stretch = plan(OLD, 4096, EngineSettings())
    assert (stretch.kind, stretch.parameters(), stretch.notices) == ("model", {}, ())


def test_beyond_it_alpha_is_chosen_and_told_in_numbers() -> None:
    stretch = plan(OLD, 8192, EngineSettings())
    assert stretch.parameters() == {"rope_freq_base": pytest.approx(10_000 * 2.5 ** (64 / 63))}
    (told,) = stretch.notices
    assert (told.args["trained"], told.args["context"], told.args["alpha"]) == (4096, 8192, "2.5")
    assert float(str(told.args["base"])) == pytest.approx(stretch.base, abs=1)


def test_either_of_base_and_alpha_gives_the_other_and_the_base_wins() -> None:
    by_alpha = plan(OLD, 8192, EngineSettings(rope_alpha=2.0))
    by_base = plan(OLD, 8192, EngineSettings(rope_freq_base=by_alpha.base))
    assert by_base.alpha == pytest.approx(2.0)
    assert by_base.parameters() == by_alpha.parameters()
    both = plan(OLD, 8192, EngineSettings(rope_freq_base=40_000.0, rope_alpha=9.0))
    assert both.base == 40_000
    assert "Both rope_freq_base and rope_alpha" in str(both.notices[0])


@pytest.mark.parametrize(("times", "warned"), [(2.0, ""), (2.5, "a reader notices"), (4.0, "far beyond")])
def test_a_warning_beyond_twice_and_beyond_three_times(times: float, warned: str) -> None:
    said = " ".join(map(str, plan(OLD, int(4096 * times), EngineSettings()).notices))
    assert all((words in said) == (words == warned) for words in ("a reader notices", "far beyond"))


def test_yarn_and_linear_scale_positions() -> None:
    yarn = plan(OLD, 16384, EngineSettings(rope_scaling="yarn"))
    assert yarn.parameters() == {
        "rope_freq_base": 10_000.0, "rope_scaling_type": 2, "rope_freq_scale": 0.25, "yarn_orig_ctx": 4096}
    linear = plan(OLD, 8192, EngineSettings(rope_freq_scale=0.4))
    assert linear.parameters() == {"rope_freq_base": 10_000.0, "rope_scaling_type": 1, "rope_freq_scale": 0.4}
    none = plan(replace(OLD, scaling="yarn", factor=4.0), 4096, EngineSettings(rope_scaling="none"))
    assert none.parameters() == {"rope_freq_base": 10_000.0, "rope_scaling_type": 0, "rope_freq_scale": 1.0}


def test_a_scale_that_is_asked_for_covers_the_models_own() -> None:
    # llama.cpp takes it in place of the model's: 1 within the training would undo what the model was tuned with
    tuned = Rope(131_072, 1e6, 128, "yarn", 4.0, 32_768)
    for context, scale in ((131_072, 1 / 4), (262_144, 1 / 8)):
        yarn = plan(tuned, context, EngineSettings(rope_scaling="yarn")).parameters()
        assert (yarn["rope_freq_scale"], yarn["yarn_orig_ctx"]) == (scale, 32_768)
    linear = replace(OLD, trained=16_384, scaling="linear", factor=4.0)
    asked = EngineSettings(rope_scaling="linear")
    assert [plan(linear, n, asked).scale for n in (8192, 16_384, 32_768)] == [1 / 4, 1 / 4, 1 / 8]
    longer = replace(OLD, trained=131_072, scaling="longrope", original=4096)      # its tensors do it, not a scale
    assert plan(longer, 131_072, EngineSettings(rope_scaling="yarn")).scale == 1


def test_a_models_own_stretching_and_models_without_positions_are_left_alone() -> None:
    for rope in (replace(OLD, scaling="yarn", factor=4.0), replace(OLD, dimensions=0)):
        stretch = plan(rope, 16384, EngineSettings())
        assert stretch.parameters() == {}
        assert len(stretch.notices) == 1


needs_llama = pytest.mark.skipif(available() is not None, reason="llama-cpp-python is not installed")


@needs_llama
async def test_the_engine_stretches_by_itself_and_says_so(tmp_path: Path, starter: Path) -> None:
    log = tmp_path / "engine.log"
    engine = EmbeddedEngine(
        starter, state_dir=tmp_path / "state", log_path=log, settings=EngineSettings(n_ctx=2048, n_seq=1))
    try:
        await engine.load()
        told = await engine.capabilities()
    finally:
        await engine.close()
    base = base_for(2.5, 10_000.0, 64)
    assert told.details["positions"] == {"rope_freq_base": pytest.approx(base)}
    used = re.findall(r"llama_context: freq_base +\S* ([\d.]+)", log.read_text("utf-8", "replace"))
    assert used
    assert {float(value) for value in used} == {round(base, 1)}


@pytest.fixture
def perplexity(starter: Path) -> Callable[[EngineSettings | None], float]:
    """Of a text at the places 1,024 to 2,047 of a context of 2,048, which is twice what the starter was trained for."""
    from tui.engine.bindings import Model
    from tui.engine.bindings_memory import metadata
    from tui.engine.opening import open_context
    from tui.engine.stretch import read_rope

    bindings.load_library()
    bindings.start_backend()
    model = Model.load(starter)
    assert model is not None
    rope = read_rope(lambda key: metadata(model, key))
    people, things = ("Lily", "Tom", "Anna", "Ben", "Mia"), ("box", "ball", "cake", "book", "kite", "boat", "bear")
    text = "".join(
        f"{people[n * 3 % 5]} saw a big {things[n * 5 % 7]}. \"Can I have it?\" {people[n * 3 % 5]} asked. \"Yes,\" "
        f"said {people[n * 2 % 5]}. They took the {things[n * 5 % 7]} home and were happy. " for n in range(120))
    tokens = model.vocab.tokenize(text)[:2048]
    assert len(tokens) == 2048

    def measured(settings: EngineSettings | None) -> float:
        extra = {} if settings is None else plan(rope, 2048, settings).parameters()
        context, _ = open_context(
            model, EngineSettings(n_ctx=2048, n_seq=1), gpu=False, threads=1, notices=[], extra=extra)
        loss, count = 0.0, 0
        try:
            for start in range(0, 2047, 64):
                assert context.decode(tokens[start:min(start + 64, 2047)], 0, start) == 0
                last = min(start + 64, 2047) - 1
                if last >= 1024:
                    logits = context.logits()[:model.vocab.size]
                    most = max(logits)
                    loss += most + math.log(sum(math.exp(x - most) for x in logits)) - logits[tokens[last + 1]]
                    count += 1
        finally:
            context.free()
        return math.exp(loss / count)

    return measured


@needs_llama
def test_stretched_it_foresees_the_text_beyond_its_training_better(
    perplexity: Callable[[EngineSettings | None], float],
) -> None:
    untouched = perplexity(None)
    assert perplexity(EngineSettings()) < untouched
    assert perplexity(EngineSettings(rope_scaling="yarn")) < untouched
