"""What the worker and the proxy add to each token over a bare loop of decode and sample. Opt in with -m bench."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from engine_help import ask, chat, collect

from tui.domain.backend import Finish, Text
from tui.domain.samplers import Samplers
from tui.engine.bindings import Chain, Model
from tui.engine.bindings_memory import Context, Shape
from tui.engine.proxy import EmbeddedEngine

TOKENS = 600
BUDGET_MS = 0.12
PROMPT = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"


def bare(path: Path) -> float:
    """Milliseconds a token, with the links that the request below has."""
    model = Model.load(path)
    assert model is not None
    context = Context.create(model, Shape(window=1024, batch=128, ubatch=128, threads=1))
    assert context is not None
    rounds = []
    for _ in range(5):
        context.clear()
        chain = Chain(context)
        chain.add_logit_bias([(1, float("-inf")), (3, float("-inf"))])
        chain.add_min_p(0.05)
        chain.add_temperature(0.8)
        chain.add_draw(3)
        prompt = [model.vocab.bos, *model.vocab.tokenize(PROMPT, special=True)]
        context.decode(prompt, 0, 0)
        started = time.perf_counter()
        for place in range(len(prompt), len(prompt) + TOKENS):
            context.decode((chain.sample(),), 0, place)
        rounds.append((time.perf_counter() - started) / TOKENS * 1000)
        chain.free()
    context.free()
    model.free()
    return median(rounds)


async def proxied(engine: EmbeddedEngine) -> float:
    endless = Samplers(temperature=0.8, seed=3, logit_bias={"<|im_end|>": -100, "<|endoftext|>": -100})
    stops = ("\nAlex:", "\nMira:", "<|im_end|>", "\n\n\n\n\n")
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        events = await collect(engine, ask(chat("Tell me a story."), samplers=endless, max_tokens=TOKENS, stop=stops))
        finish = events[-1]
        assert isinstance(finish, Finish)
        assert any(isinstance(event, Text) for event in events)
        spent = (time.perf_counter() - started) * 1000 - (finish.ttft_ms or 0)
        rounds.append(spent / (finish.usage.completion_tokens or 1))
    return median(rounds)


@pytest.mark.bench
async def test_a_token_costs_little_more_than_llama_cpp_itself(
    library: Any, starter: Path, make_engine: Callable[..., EmbeddedEngine], request: pytest.FixtureRequest,
) -> None:
    if "bench" not in (request.config.option.markexpr or ""):
        pytest.skip("measures speed: -m bench")
    engine = make_engine()
    await engine.load()
    through, alone = await proxied(engine), bare(starter)
    print(f"\nbare {alone:.3f} ms a token, through worker and proxy {through:.3f} ms")
    assert through - alone <= BUDGET_MS
