"""Each sampler changes a distribution as its definition says: on given probabilities through the real chain, then in
whole replies of the starter model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_help import ask, chat, reply

from tui.domain.samplers import DEFAULT_ORDER, Samplers
from tui.engine import bindings, sampling
from tui.engine.bindings_samplers import FullChain
from tui.engine.links import UNSUPPORTED, add_step
from tui.engine.proxy import EmbeddedEngine

np = pytest.importorskip("numpy")

NEUTRAL = Samplers(temperature=1, min_p=0, seed=5)
KNOWN = (0.5, 0.25, 0.125, 0.0625, 0.0625)

Apply = Callable[..., dict[int, float]]


class _Place:
    """What a chain asks of a context: the model's vocabulary."""

    def __init__(self, model: Any) -> None:
        self.model, self.size, self.handle = model, 512, None


@pytest.fixture(scope="module")
def place(library: Any, starter: Path) -> Iterator[_Place]:
    model = bindings.Model.load(starter, gpu_layers=0, extra_bufts=False, vocab_only=True)
    yield _Place(model)
    model.free()


@pytest.fixture
def apply(place: _Place, library: Any) -> Apply:
    """Runs the links of `samplers`, without the draw, on candidates of known probabilities."""

    def run(samplers: Samplers, known: tuple[float, ...] = KNOWN, prompt: tuple[int, ...] = ()) -> dict[int, float]:
        chain = FullChain(place)  # type: ignore[arg-type]
        for name in samplers.order:
            sampling._add(chain, name, samplers, place.size, 5)
            add_step(chain, name, samplers, place.size, prompt)
        chain.show(prompt)
        data = (library.llama_token_data * len(known))()
        for number, p in enumerate(known):
            data[number].id, data[number].logit = number, math.log(p)
        array = library.llama_token_data_array(data, len(known), -1, False)
        chain.apply(array)
        logits = {array.data[i].id: array.data[i].logit for i in range(array.size)}
        chain.free()
        top = max(logits.values())
        weights = {token: math.exp(logit - top) for token, logit in logits.items()}
        return {token: weight / sum(weights.values()) for token, weight in weights.items()}

    return run


def _kept(apply: Apply, **values: object) -> set[int]:
    return {token for token, p in apply(NEUTRAL.with_values(values)).items() if p > 0}


@pytest.mark.parametrize(("values", "kept"), [
    ({}, {0, 1, 2, 3, 4}),
    ({"top_k": 2}, {0, 1}),
    ({"top_p": 0.7}, {0, 1}),                      # 0.5 does not reach 0.7, 0.75 does
    ({"top_p": 0.76}, {0, 1, 2}),
    ({"min_p": 0.3}, {0, 1}),                      # below 0.15
    ({"top_a": 0.6}, {0, 1}),                      # below 0.6 * 0.25
    ({"top_a": 0.3}, {0, 1, 2}),
    ({"epsilon_cutoff": 0.1}, {0, 1, 2}),
    ({"epsilon_cutoff": 1.0}, {0}),
    ({"eta_cutoff": 0.2}, {0, 1, 2}),              # min(0.2, 0.447 * exp(-1.30)) = 0.122
    ({"tfs": 0.6}, {0}),                           # bends 0.125, 0.0625, 0.0625
    ({"tfs": 0.8}, {0, 1}),                        # their shares 1/2, 1/4, 1/4 add up to 3/4 before the third
    ({"typical_p": 0.2}, {1}),                     # the surprise nearest to the entropy
    ({"top_n_sigma": 1.0}, {0, 1}),                # logits within one standard deviation of the highest
    ({"xtc_probability": 1.0, "xtc_threshold": 0.2}, {1, 2, 3, 4}),
])
def test_a_cut_keeps_what_its_definition_says(apply: Apply, values: dict[str, object], kept: set[int]) -> None:
    assert _kept(apply, **values) == kept


def test_temperature_and_dynamic_temperature_follow_the_entropy(apply: Apply) -> None:
    assert apply(replace(NEUTRAL, temperature=2))[0] < KNOWN[0] < apply(replace(NEUTRAL, temperature=0.5))[0]
    sure, unsure = (0.97, 0.01, 0.01, 0.005, 0.005), (0.22, 0.2, 0.2, 0.19, 0.19)

    def heat(known: tuple[float, ...]) -> float:
        out = apply(replace(NEUTRAL, dynatemp_range=0.8), known)
        return math.log(known[0] / known[4]) / math.log(out[0] / out[4])

    entropy = -sum(p * math.log(p) for p in sure) / math.log(5)
    assert heat(sure) == pytest.approx(0.2 + 1.6 * entropy, rel=0.01)
    assert heat(unsure) > 1.7


def test_smoothing_is_quadratic_around_the_highest(apply: Apply) -> None:
    out = apply(replace(NEUTRAL, smoothing_factor=0.5))
    assert math.log(out[0] / out[2]) == pytest.approx(0.5 * math.log(4) ** 2, rel=1e-4)
    bent = apply(replace(NEUTRAL, smoothing_factor=0.5, smoothing_curve=2))
    below = math.log(4)
    assert math.log(bent[0] / bent[2]) == pytest.approx(0.25 * below**2 + 0.25 * below**3, rel=1e-4)


def test_skew_bends_the_cumulative_probability(apply: Apply) -> None:
    assert apply(replace(NEUTRAL, skew=1.0))[0] == pytest.approx(0.5**math.e, rel=1e-4)
    assert apply(replace(NEUTRAL, skew=-1.0))[0] == pytest.approx(0.5 ** (1 / math.e), rel=1e-4)


def test_penalties_weigh_what_came_and_the_slope_how_lately(apply: Apply) -> None:
    flat = apply(replace(NEUTRAL, repetition_penalty=1.5), prompt=(0, 3, 3, 1))
    assert math.log(flat[0] / flat[1]) == pytest.approx(1.5 * math.log(2), rel=1e-3)
    sloped = apply(replace(NEUTRAL, repetition_penalty=1.5, penalty_slope=1), prompt=(0, 3, 3, 1))
    assert math.log(sloped[0] / sloped[2]) == pytest.approx(math.log(4), rel=1e-3)       # the far end: not at all
    assert math.log(sloped[1] / sloped[2]) == pytest.approx(math.log(0.25**1.5 / 0.125), rel=1e-3)
    count = apply(replace(NEUTRAL, frequency_penalty=0.5, presence_penalty=0.25), prompt=(3, 3))
    assert math.log(count[4] / count[3]) == pytest.approx(1.25, rel=1e-3)


def test_no_repeated_sequence_and_dry(apply: Apply) -> None:
    said = (0, 1, 2, 4, 0, 1)
    assert 2 not in apply(replace(NEUTRAL, no_repeat_ngram=3), prompt=said)
    assert 2 in apply(replace(NEUTRAL, no_repeat_ngram=4), prompt=said)
    dry = apply(replace(NEUTRAL, dry_multiplier=2.0, dry_sequence_breakers=()), prompt=said)
    assert math.log(dry[3] / dry[2]) == pytest.approx(math.log(0.5) + 2.0, rel=1e-3)


def test_the_order_of_steps_is_free(apply: Apply) -> None:
    cut = NEUTRAL.with_values({"temperature": 3.0, "min_p": 0.3})
    first = replace(cut, order=("min_p", "temperature"))
    last = replace(cut, order=("temperature", "min_p"))
    assert set(apply(first)) == {0, 1}
    assert set(apply(last)) == {0, 1, 2, 3, 4}


def test_a_step_never_leaves_nothing(apply: Apply) -> None:
    assert apply(replace(NEUTRAL, no_repeat_ngram=1), prompt=(0, 1, 2, 3, 4)).keys() == {0, 1, 2, 3, 4}


async def test_what_has_no_effect_is_told_and_no_other_is_offered(engine: EmbeddedEngine) -> None:
    offered = (await engine.capabilities()).samplers
    assert not offered & UNSUPPORTED.keys()
    _, plain = await reply(engine, ask(chat("Hello"), max_tokens=4))
    assert plain.dropped == ()
    odd = Samplers(seed=7, contrastive_alpha=0.6, top_a=0.2, top_k=5, order=("top_k", "min_p", "temperature"))
    _, told = await reply(engine, ask(chat("Hello"), samplers=odd, max_tokens=4))
    assert set(told.dropped) == {"contrastive_alpha", "top_a"} == set(told.reasons)
    _, told = await reply(engine, ask(chat("Hello"), samplers=Samplers(seed=7, mirostat=2), max_tokens=4))
    assert set(told.dropped) == {"temperature", "min_p"}


@pytest.mark.parametrize("values", [
    {"top_a": 0.3}, {"tfs": 0.5}, {"typical_p": 0.3}, {"epsilon_cutoff": 0.1}, {"eta_cutoff": 0.1}, {"skew": 3.0},
    {"smoothing_factor": 3.0}, {"no_repeat_ngram": 1}, {"penalty_slope": 1.0, "repetition_penalty": 2.0},
    {"dynatemp_range": 0.7}, {"mirostat": 1}, {"mirostat": 2}, {"adaptive_target": 0.3},
    {"banned_tokens": ["e", " the"]}, {"order": [*DEFAULT_ORDER, "infill"]},
], ids=lambda values: next(iter(values)) + str(next(iter(values.values())))[:4])
async def test_a_reply_comes_with_each_and_the_seed_makes_it_again(
    engine: EmbeddedEngine, values: dict[str, object],
) -> None:
    samplers = Samplers(seed=11, temperature=1.5, min_p=0).with_values(values)
    first, ended = await reply(engine, ask(chat("Hello"), samplers=samplers, max_tokens=30))
    again, _ = await reply(engine, ask(chat("Hello"), samplers=samplers, max_tokens=30))
    assert ended.error is None
    assert ended.reason in {"stop", "length"}
    assert first == again


async def test_banned_tokens_do_not_come_and_the_reply_is_held_open(engine: EmbeddedEngine) -> None:
    short, ended = await reply(engine, ask(chat("Hello"), samplers=Samplers(temperature=0), max_tokens=200))
    assert ended.reason == "stop"
    assert ended.usage.completion_tokens is not None
    more = ended.usage.completion_tokens + 20
    held = Samplers(temperature=0, min_tokens=more)
    longer, until = await reply(engine, ask(chat("Hello"), samplers=held, max_tokens=200))
    assert until.usage.completion_tokens > more
    assert longer.startswith(short)
    _, endless = await reply(
        engine, ask(chat("Hello"), samplers=Samplers(temperature=0, ignore_eos=True), max_tokens=more))
    assert endless.reason == "length"
    first = short.split()[0]
    banned = Samplers(temperature=0, banned_tokens=(first, short[0]))
    other, _ = await reply(engine, ask(chat("Hello"), samplers=banned, max_tokens=10))
    assert not other.startswith(short[:1])
