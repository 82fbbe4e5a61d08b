"""The embedded engine: how fast it reads and writes, and what its worker adds to a bare loop of decode and sample.

The bare loop is llama.cpp's own calls in this process, on the same file, with the same threads and the same samplers.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tui.bench.figures import Figure, Say, figure
from tui.bench.pairing import Effort, in_turns
from tui.bench.processes import cpu_s
from tui.bench.texts import RUSSIAN
from tui.domain.backend import CompletionRequest, Finish, Piece
from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.wire.ids import new_id

#: Most milliseconds that worker and proxy may add to a token.
MOST_ADDED_MS = 0.12
_CONTEXT, _BATCH = 1024, 128
_PROMPT = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"
_LONG_PROMPT = 400                                 # characters of the text that is read to see how fast that goes
_NEVER = -100.0


@dataclass(frozen=True, slots=True)
class Written:
    """Milliseconds a token, by the clock and of all processors; tokens of a prompt read in a second."""

    token_ms: float
    cpu_ms: float | None
    read: float | None = None


def measure(effort: Effort, say: Say, model: Path) -> Iterator[Figure]:
    """Write the same number of tokens through the worker and in the bare loop, in turns. Raises EngineError."""
    threads = EngineSettings().threads()
    with TemporaryDirectory(prefix="tb-") as folder, asyncio.Runner() as runner:
        engine = EmbeddedEngine(
            model, settings=EngineSettings(n_ctx=_CONTEXT, n_threads=threads, n_batch=_BATCH),
            state_dir=Path(folder) / "state", log_path=Path(folder) / "engine.log",
        )
        try:
            say(notice("{model} is loaded…", model=model.name))
            runner.run(engine.load())
            bare = Bare(model, threads)
            through = Through(engine, bare.ends)
            say(notice("Writing {tokens} tokens with {threads} threads: {pairs} pairs…", tokens=effort.tokens,
                       threads=threads, pairs=effort.pairs))
            pairs = in_turns(
                effort.pairs, lambda: bare.write(effort.tokens), lambda: runner.run(through.write(effort.tokens))
            )
        finally:
            runner.run(engine.close())
    yield from _figures(pairs)


def _figures(pairs: list[tuple[Written, Written]]) -> Iterator[Figure]:
    alone, through = [one for one, _ in pairs], [other for _, other in pairs]
    if read := [one.read for one in through if one.read is not None]:
        yield figure("engine.read", notice("a prompt is read"), "tok/s", read)
    yield figure("engine.write", notice("a reply is written"), "tok/s", [1000 / one.token_ms for one in through])
    yield figure("engine.token.bare", notice("a bare loop of decode and sample, a token"), "ms",
                 [one.token_ms for one in alone])
    yield figure("engine.token", notice("through worker and proxy, a token"), "ms", [one.token_ms for one in through])
    yield figure("engine.added", notice("added by worker and proxy, a token"), "ms",
                 [t.token_ms - a.token_ms for a, t in pairs], MOST_ADDED_MS)
    cpu = [t.cpu_ms - a.cpu_ms for a, t in pairs if t.cpu_ms is not None and a.cpu_ms is not None]
    if cpu:
        yield figure("engine.added.cpu", notice("processor time added by worker and proxy, a token"), "ms", cpu)


class Through:
    """Replies by the engine as the core asks for them."""

    def __init__(self, engine: EmbeddedEngine, ends: list[str]) -> None:
        self._engine, self._runs = engine, 0
        self._bias = dict.fromkeys(ends, _NEVER)

    async def write(self, tokens: int) -> Written:
        """Read a long prompt that is new each time, then write from a short one."""
        self._runs += 1
        longer = f"{self._runs}. {RUSSIAN[:_LONG_PROMPT]}"
        first, _, _ = await self._reply(longer, 1)
        last, spent, cpu = await self._reply(_PROMPT, tokens)
        count = (last.usage.completion_tokens or 1) - 1
        if count < 1:
            raise EngineError(notice("The model ended its reply at once; there is nothing to measure."))
        read = (first.usage.prompt_tokens or 0) - (first.usage.cached_tokens or 0)
        return Written(
            (spent - (last.ttft_ms or 0)) / count, None if cpu is None else cpu / count,
            1000 * read / first.ttft_ms if first.ttft_ms else None,
        )

    async def _reply(self, prompt: str, tokens: int) -> tuple[Finish, float, float | None]:
        """How it ended, and its milliseconds by the clock and of the processors from the first token on."""
        request = CompletionRequest(
            id=new_id(), pieces=(Piece(prompt, True),), max_tokens=tokens, stop=("\nAlex:", "\nMira:"),
            samplers=Samplers(temperature=0.8, seed=3, logit_bias=self._bias),
        )
        began, cpu = time.perf_counter(), None
        last: Any = None
        async for event in self._engine.complete(request):
            cpu = self._cpu_ms() if last is None else cpu
            last = event
        spent, after = (time.perf_counter() - began) * 1000, self._cpu_ms()
        if not isinstance(last, Finish) or last.error is not None:
            raise last.error or EngineError(notice("The model ended its reply at once; there is nothing to measure."))
        return last, spent, None if cpu is None or after is None else after - cpu

    def _cpu_ms(self) -> float | None:
        worker = cpu_s(self._engine.pid) if self._engine.pid is not None else None
        return None if worker is None else 1000 * (worker + time.process_time())


class Bare:
    """The least that makes tokens: a batch of one, and a chain of a bias, min-p, temperature and a draw."""

    def __init__(self, model: Path, threads: int) -> None:
        import llama_cpp

        self._llama: Any = llama_cpp
        self._silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        given = llama_cpp.llama_model_default_params()
        self._model = llama_cpp.llama_model_load_from_file(str(model).encode(), given)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = _CONTEXT, _BATCH, _BATCH
        params.n_threads = params.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(self._model, params) if self._model else None
        if not self._context:
            raise EngineError(notice("{file} cannot be loaded beside the engine: there is not enough memory.",
                                     file=model.name))
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._count = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self._ends = [token for token in range(self._count) if llama_cpp.llama_vocab_is_eog(self._vocab, token)]

    @property
    def ends(self) -> list[str]:
        """The tokens that would end a reply, as text."""
        return [self._llama.llama_vocab_get_text(self._vocab, token).decode() for token in self._ends]

    def write(self, tokens: int) -> Written:
        """Write `tokens` tokens behind the short prompt."""
        llama = self._llama
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        chain = self._chain()
        prompt = self._tokens(_PROMPT)
        llama.llama_decode(self._context, llama.llama_batch_get_one(prompt, len(prompt)))
        one = (llama.llama_token * 1)()
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(tokens):
            one[0] = llama.llama_sampler_sample(chain, self._context, -1)
            llama.llama_decode(self._context, llama.llama_batch_get_one(one, 1))
        spent, used = time.perf_counter() - began, time.process_time() - cpu
        llama.llama_sampler_free(chain)
        return Written(1000 * spent / tokens, 1000 * used / tokens)

    def _chain(self) -> Any:
        llama = self._llama
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        bias = (llama.llama_logit_bias * len(self._ends))(*[(end, float("-inf")) for end in self._ends])
        for sampler in (
            llama.llama_sampler_init_logit_bias(self._count, len(self._ends), bias),
            llama.llama_sampler_init_min_p(0.05, 1),
            llama.llama_sampler_init_temp(0.8),
            llama.llama_sampler_init_dist(3),
        ):
            llama.llama_sampler_chain_add(chain, sampler)
        return chain

    def _tokens(self, text: str) -> Any:
        data, room = text.encode(), (self._llama.llama_token * 256)()
        count = self._llama.llama_tokenize(self._vocab, data, len(data), room, len(room), True, True)
        return (self._llama.llama_token * count)(*room[:count])
