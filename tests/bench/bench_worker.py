"""What worker and proxy add to each token over a bare loop of decode and sample on llama.cpp's own calls.

Both write the same number of tokens with the starter model, in turns. Run: python tests/bench/bench_worker.py
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import llama_cpp
from bench_stage import CHECKOUT, spread

from tui.domain.backend import CompletionRequest, Finish, Piece
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings

_MODEL = CHECKOUT / "tui" / "engine" / "starter" / "starter.gguf"
_PROMPT = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"
_ENDS = ("<|im_end|>", "<|endoftext|>")


class Bare:
    """The least that makes tokens: a batch of one, and a chain of min-p, temperature and a draw."""

    def __init__(self, model: Path) -> None:
        llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(str(model).encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_threads, params.n_threads_batch = 1024, 128, 128, 1, 1
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)

    def milliseconds_a_token(self, tokens: int) -> float:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        ends = [self._tokens(end, 8)[0] for end in _ENDS]
        bias = (llama_cpp.llama_logit_bias * len(ends))(*[(end, float("-inf")) for end in ends])
        count = llama_cpp.llama_vocab_n_tokens(self._vocab)
        for sampler in (
            llama_cpp.llama_sampler_init_logit_bias(count, len(ends), bias),
            llama_cpp.llama_sampler_init_min_p(0.05, 1),
            llama_cpp.llama_sampler_init_temp(0.8),
            llama_cpp.llama_sampler_init_dist(3),
        ):
            llama_cpp.llama_sampler_chain_add(chain, sampler)
        prompt = self._tokens(_PROMPT, 128)
        llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(prompt, len(prompt)))
        one = (llama_cpp.llama_token * 1)()
        began = time.perf_counter()
        for _ in range(tokens):
            one[0] = llama_cpp.llama_sampler_sample(chain, self._context, -1)
            llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(one, 1))
        took = (time.perf_counter() - began) * 1000 / tokens
        llama_cpp.llama_sampler_free(chain)
        return took

    def _tokens(self, text: str, most: int) -> ctypes.Array[ctypes.c_int32]:
        data, room = text.encode(), (llama_cpp.llama_token * most)()
        count = llama_cpp.llama_tokenize(self._vocab, data, len(data), room, most, True, True)
        first = 1 if text in _ENDS and count > 1 else 0      # a token of its own, behind the one for the beginning
        return (llama_cpp.llama_token * (count - first))(*room[first:count])


@llama_cpp.llama_log_callback
def _SILENT(level: int, text: bytes, data: object) -> None:
    """llama.cpp's prints are of no use here."""


async def through_worker(engine: EmbeddedEngine, tokens: int) -> float:
    """Milliseconds a token, from the first to the end."""
    request = CompletionRequest(
        id="bench", pieces=(Piece(_PROMPT, True),), max_tokens=tokens, stop=("\nAlex:", "\nMira:"),
        samplers=Samplers(temperature=0.8, seed=3, logit_bias=dict.fromkeys(_ENDS, -100.0)),
    )
    began = time.perf_counter()
    last = [event async for event in engine.complete(request)][-1]
    assert isinstance(last, Finish)
    return ((time.perf_counter() - began) * 1000 - (last.ttft_ms or 0)) / (last.usage.completion_tokens or 1)


async def measure(rounds: int, tokens: int) -> None:
    with TemporaryDirectory() as folder:
        engine = EmbeddedEngine(
            _MODEL, settings=EngineSettings(n_ctx=1024, n_threads=1), state_dir=Path(folder) / "state",
            log_path=Path(folder) / "engine.log",
        )
        await engine.load()
        bare, alone, through = Bare(_MODEL), [], []
        for number in range(rounds + 1):
            alone.append(bare.milliseconds_a_token(tokens))
            through.append(await through_worker(engine, tokens))
            if not number:
                alone.clear()
                through.clear()
        await engine.close()
    print("bare loop:", spread(alone, " ms a token", 3))
    print("through worker and proxy:", spread(through, " ms a token", 3))
    print(f"added: {median(t - a for t, a in zip(through, alone, strict=True)):.3f} ms a token (aim: at most 0.12)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=600)
    options = parser.parse_args()
    asyncio.run(measure(options.rounds, options.tokens))


if __name__ == "__main__":
    main()
