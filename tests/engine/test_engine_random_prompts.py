"""Prompts of several conversations in any order, changed anywhere, called off at any time: what the memory says it
holds is what llama.cpp holds, and what it foretells is what a fresh reading foretells."""

from __future__ import annotations

import os
from ctypes import POINTER, c_float, cast
from pathlib import Path
from random import Random

import pytest
from engine_families import make

from tui.engine.bindings import AbortFlag, Model
from tui.engine.bindings_memory import Context, Shape
from tui.engine.memory import Aborted, Memory

pytestmark = pytest.mark.usefixtures("library")

#: More by hand: TRAKTIR_PROMPTS=2000.
STEPS = int(os.environ.get("TRAKTIR_PROMPTS", "40"))
WINDOW = 512


def foretold(context: Context) -> list[float]:
    return list(cast(context.logits(-1), POINTER(c_float))[:context.model.vocab.size])


def changed(random: Random, tokens: list[int], others: list[list[int]]) -> list[int]:
    """What may become of a prompt: it goes on, loses its end, changes in the middle, or is another's with a new end."""
    new = [random.randrange(100, 900) for _ in range(random.randrange(1, 90))]
    match random.randrange(5):
        case 0:
            out = tokens + new
        case 1:
            out = tokens[:random.randrange(len(tokens)) + 1] if tokens else new
        case 2:
            at = random.randrange(len(tokens) + 1)
            out = tokens[:at] + new + tokens[at + random.randrange(60):]
        case 3:
            out = [*random.choice(others), *new] if others else new
        case _:
            out = list(tokens) or new
    return out[:WINDOW - 30]


@pytest.mark.parametrize(
    ("family", "whole"), [("starter", True), ("gemma3", True), ("gemma3", False), ("mamba", True), ("lfm2", True)],
)
def test_what_is_held_is_what_was_read(starter: Path, tmp_path: Path, family: str, whole: bool) -> None:
    model = Model.load(starter if family == "starter" else make(family, tmp_path, starter))
    assert model is not None
    shape = Shape(
        window=WINDOW, cells=2 * WINDOW, batch=64, ubatch=64, threads=1, sequences=6, whole_window=whole,
    )
    context, fresh = Context.create(model, shape), Context.create(model, shape)
    assert context is not None
    assert fresh is not None
    flag, random = AbortFlag(), Random(20261)
    memory = Memory(context, flag, prompts=3, ends_message=lambda token: token % 20 == 0)
    prompts: dict[str, list[int]] = {}
    reused = compared = 0
    for _ in range(STEPS):
        name = random.choice("abcd")
        prompt = changed(random, prompts.get(name, []), list(prompts.values()))
        stop_at = random.randrange(len(prompt)) if random.random() < 0.2 else len(prompt) + 1

        def tell(processed: int, total: int, cached: int, stop_at: int = stop_at) -> None:
            if processed >= stop_at:
                flag.set()

        have = memory.turn_to(name, prompt)
        try:
            found = memory.read(prompt, tell)
        except Aborted:
            flag.clear()
            assert memory.tokens == prompt[:len(memory.tokens)]
        else:
            flag.clear()
            assert found.tokens >= have or model.sliding_window    # whose past llama.cpp may have given away
            assert memory.tokens == prompt
            reused += found.tokens
            if random.random() < 0.3:
                assert near(foretold(context), read_fresh(fresh, prompt))
                compared += 1
            for token in (random.randrange(100, 900) for _ in range(random.randrange(12))):
                memory.decode((token,))
            prompts[name] = list(memory.tokens)
        for held in memory.held:
            assert context.length(held.number) == len(held.tokens)
    assert reused > 20 * STEPS
    assert compared > STEPS // 10
    for one in (context, fresh):
        one.free()
    model.free()


def read_fresh(context: Context, prompt: list[int]) -> list[float]:
    memory = Memory(context, AbortFlag())
    memory.forget_all()
    memory.read(prompt, lambda *_: None)
    return foretold(context)


def near(one: list[float], other: list[float]) -> bool:
    """Whether two outputs differ by no more than rounding: sums are added in another order where batches differ."""
    mean = sum(other) / len(other)
    spread = (sum((value - mean) ** 2 for value in other) / len(other)) ** 0.5
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 0.1 * spread
