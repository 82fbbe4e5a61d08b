"""Samplers on any distribution: what llama.cpp and our steps keep is what the definitions, written out here, keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engine_help import ask, chat, collect
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tui.domain.backend import Tokens
from tui.domain.samplers import Samplers
from tui.engine import bindings, sampling
from tui.engine.bindings_samplers import FullChain
from tui.engine.links import add_step
from tui.engine.proxy import EmbeddedEngine

np = pytest.importorskip("numpy")

NEUTRAL = Samplers(temperature=1, min_p=0, seed=5)

#: How near to a border single precision may fall on either side of it.
NEAR = 1e-4

Known = list[float]
Keeps = Callable[[Known, float], set[int]]

#: No two alike: which of those is the likelier is nobody's to say.
distributions = st.lists(st.integers(-800, 800), min_size=3, max_size=40, unique=True).map(
    lambda hundredths: [math.exp(x / 100) / sum(math.exp(y / 100) for y in hundredths) for x in hundredths]
)


class _Place:
    """What a chain asks of a context: the model's vocabulary."""

    def __init__(self, model: Any) -> None:
        self.model, self.size, self.handle = model, 512, None


@pytest.fixture(scope="module")
def place(library: Any, starter: Path) -> Iterator[_Place]:
    model = bindings.Model.load(starter, gpu_layers=0, extra_bufts=False, vocab_only=True)
    yield _Place(model)
    model.free()


def run(place: _Place, library: Any, samplers: Samplers, known: Known) -> dict[int, float]:
    """The logits that the links of `samplers` leave, by candidate."""
    chain = FullChain(place)  # type: ignore[arg-type]
    for name in samplers.order:
        sampling._add(chain, name, samplers, place.size, 5)
        add_step(chain, name, samplers, place.size, ())
    data = (library.llama_token_data * len(known))()
    for number, p in enumerate(known):
        data[number].id, data[number].logit = number, math.log(p)
    array = library.llama_token_data_array(data, len(known), -1, False)
    chain.apply(array)
    left = {array.data[i].id: array.data[i].logit for i in range(array.size) if array.data[i].logit > -math.inf}
    chain.free()
    return left


def above(known: Known, border: float) -> set[int]:
    """Those at least as likely as the border; none may be too near to it to tell. The likeliest always."""
    assume(all(abs(math.log(p / border)) > NEAR for p in known))
    return {n for n, p in enumerate(known) if p >= border or p == max(known)}


def entropy(known: Known) -> float:
    return -sum(p * math.log(p) for p in known)


def smallest_set(known: Known, ranked: list[int], share: float) -> set[int]:
    """The shortest head of `ranked` whose probability reaches `share`."""
    heap, kept = 0.0, set()
    for number in ranked:
        kept.add(number)
        heap += known[number]
        assume(abs(heap - share) > NEAR)
        if heap >= share:
            break
    return kept


def top_p(known: Known, share: float) -> set[int]:
    return smallest_set(known, sorted(range(len(known)), key=lambda n: -known[n]), share)


def typical_p(known: Known, share: float) -> set[int]:
    """From the surprise nearest to the entropy on."""
    far = [abs(-math.log(p) - entropy(known)) for p in known]
    ranked = sorted(range(len(known)), key=lambda n: far[n])
    assume(all(far[b] - far[a] > NEAR for a, b in pairwise(ranked)))
    return smallest_set(known, ranked, share)


def top_n_sigma(known: Known, count: float) -> set[int]:
    logs = [math.log(p) for p in known]
    mean = sum(logs) / len(logs)
    sigma = math.sqrt(sum((x - mean) ** 2 for x in logs) / len(logs))
    return above(known, math.exp(max(logs) - count * sigma))


def tfs(known: Known, share: float) -> set[int]:
    """The head before the place where the shares of the second differences add up to more than `share`."""
    ranked = sorted(range(len(known)), key=lambda n: -known[n])
    falling = [known[n] for n in ranked]
    slopes = [b - a for a, b in pairwise(falling)]
    bends = [abs(b - a) for a, b in pairwise(slopes)]
    heap = 0.0
    for place, bend in enumerate(bends):
        heap += bend / sum(bends)
        assume(abs(heap - share) > NEAR)
        if heap > share:
            return set(ranked[:max(1, place)])
    return set(ranked)


DEFINITIONS: dict[str, Keeps] = {
    "top_p": top_p,
    "typical_p": typical_p,
    "tfs": tfs,
    "top_n_sigma": top_n_sigma,
    "min_p": lambda known, share: above(known, share * max(known)),
    "top_a": lambda known, share: above(known, share * max(known) ** 2),
    "epsilon_cutoff": above,
    "eta_cutoff": lambda known, eta: above(known, min(eta, math.sqrt(eta) * math.exp(-entropy(known)))),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_what_is_kept_is_what_the_definition_says(place: _Place, library: Any, name: str) -> None:
    @settings(max_examples=80, derandomize=True, deadline=None)
    @given(distributions, st.floats(0.01, 0.99))
    def holds(known: Known, value: float) -> None:
        expected = DEFINITIONS[name](known, value)
        left = run(place, library, NEUTRAL.with_values({name: value}), known)
        assert left.keys() == expected
        anyone = next(iter(left))                  # and what is kept keeps its odds
        for token, logit in left.items():
            assert logit - left[anyone] == pytest.approx(math.log(known[token] / known[anyone]), abs=1e-3)

    holds()


def test_top_k_temperature_and_xtc(place: _Place, library: Any) -> None:
    @settings(max_examples=80, derandomize=True, deadline=None)
    @given(distributions, st.integers(1, 45), st.floats(0.05, 4.0), st.floats(0.01, 0.5))
    def holds(known: Known, count: int, temperature: float, threshold: float) -> None:
        ranked = sorted(range(len(known)), key=lambda n: -known[n])
        assert run(place, library, NEUTRAL.with_values({"top_k": count}), known).keys() == set(ranked[:count])
        hot = run(place, library, NEUTRAL.with_values({"temperature": temperature}), known)
        for token, logit in hot.items():
            odds = math.log(known[token] / known[ranked[0]]) / temperature
            assert logit - hot[ranked[0]] == pytest.approx(odds, abs=1e-2)
        assume(all(abs(p - threshold) > NEAR for p in known))
        over = sum(p >= threshold for p in known)  # of those that reach it, the least likely stays
        without = run(
            place, library, NEUTRAL.with_values({"xtc_probability": 1.0, "xtc_threshold": threshold}), known,
        )
        assert without.keys() == set(ranked[max(0, over - 1):])

    holds()


async def surprise(engine: EmbeddedEngine, **values: object) -> list[float]:
    """The probabilities that the tokens of a long reply had before any sampler."""
    samplers = Samplers(seed=3, logprobs=1, ignore_eos=True, dry_multiplier=0).with_values(values)
    events = await collect(engine, ask(chat("Tell me of the sea."), samplers=samplers, max_tokens=250))
    return [token.logprob for event in events if isinstance(event, Tokens) for token in event.tokens]


@pytest.mark.parametrize("version", [1, 2])
async def test_mirostat_follows_its_target(engine: EmbeddedEngine, version: int) -> None:
    bits = []
    for target in (0.5, 1.5, 3.0):
        told = await surprise(engine, mirostat=version, mirostat_tau=target, mirostat_eta=0.1)
        bits.append(-sum(told) / len(told) / math.log(2))
        assert bits[-1] > target - 0.3            # it counts what was cut as gone, so that this is rather more
    assert bits[0] + 0.4 < bits[1] < bits[2] - 0.4


async def test_adaptive_p_prefers_what_is_about_as_likely_as_its_target(engine: EmbeddedEngine) -> None:
    likely, unlikely = [
        [math.exp(p) for p in await surprise(engine, adaptive_target=target, min_p=0.02)] for target in (0.9, 0.1)
    ]
    assert sum(likely) / len(likely) > sum(unlikely) / len(unlikely) + 0.2
