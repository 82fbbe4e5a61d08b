"""Ways to make tokens with one model file: llama.cpp's own calls, our worker, the library's high-level class.

Each reads a prompt, keeping what it has of the one before, and writes so many tokens; all with the same file, threads,
batch and samplers. The whole program as a client sees it is in `wholestack`.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tui.bench.processes import cpu_s
from tui.domain.backend import CompletionRequest, Finish, Piece
from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.wire.ids import new_id

CONTEXT, BATCH = 2048, 128
_NEVER = -100.0
_SEED = 3


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: a prompt, the tokens to write, and whether with a whole chain of samplers or the likeliest
    token each time."""

    prompt: str
    tokens: int
    chain: bool = True

    def samplers(self, never: Sequence[str]) -> Samplers:
        """Settings for all who take ours. `never` are tokens that must not come, lest the reply end early."""
        bias = dict.fromkeys(never, _NEVER)
        if not self.chain:
            return Samplers(temperature=0, min_p=0, logit_bias=bias, seed=_SEED)
        return Samplers(
            temperature=0.8, min_p=0.05, top_k=100, repetition_penalty=1.05, penalty_range=256, logit_bias=bias,
            seed=_SEED,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Milliseconds from the request to the first token and to the end, and of all processors that worked for it;
    tokens of the prompt that were processed, and tokens written."""

    first_ms: float
    all_ms: float
    cpu_ms: float | None
    read: int
    written: int


class Contender(Protocol):
    def run(self, task: Task) -> Run: ...

    def close(self) -> None: ...


def whole_library() -> Any:
    """llama-cpp-python with all that its package holds: what the engine has loaded of it are the C functions alone.
    Raises ImportError."""
    there = sys.modules.get("llama_cpp")
    if there is not None and not hasattr(there, "Llama"):
        del sys.modules["llama_cpp"]
    return importlib.import_module("llama_cpp")


class Bare:
    """The least that makes tokens: `llama_decode` on what is new of the prompt, then a token at a time."""

    def __init__(self, model: Path, threads: int) -> None:
        llama_cpp = whole_library()
        self._llama: Any = llama_cpp
        self._silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(str(model).encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = CONTEXT, BATCH, BATCH
        params.n_threads = params.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(self._model, params) if self._model else None
        if not self._context:
            raise EngineError(notice("{file} cannot be loaded beside the engine: there is not enough memory.",
                                     file=model.name))
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._count = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self._ends = [token for token in range(self._count) if llama_cpp.llama_vocab_is_eog(self._vocab, token)]
        self._held: list[int] = []

    @property
    def ends(self) -> list[str]:
        """The tokens that would end a reply, as text."""
        return [self._llama.llama_vocab_get_text(self._vocab, token).decode() for token in self._ends]

    def run(self, task: Task) -> Run:
        began, cpu = time.perf_counter(), time.process_time()
        llama, chain = self._llama, self._chain(task.chain)
        read = self._read(self._tokens(task.prompt))
        one = (llama.llama_token * 1)(llama.llama_sampler_sample(chain, self._context, -1))
        first = time.perf_counter()
        for _ in range(task.tokens - 1):
            llama.llama_decode(self._context, llama.llama_batch_get_one(one, 1))
            one[0] = llama.llama_sampler_sample(chain, self._context, -1)
        llama.llama_sampler_free(chain)
        return _run(began, first, time.process_time() - cpu, read, task.tokens)

    def close(self) -> None:
        self._llama.llama_free(self._context)
        self._llama.llama_model_free(self._model)

    def _read(self, prompt: list[int]) -> int:
        """Have `prompt` in memory, its last token decoded anew. Returns how many were."""
        llama, same = self._llama, 0
        while same < min(len(self._held), len(prompt) - 1) and self._held[same] == prompt[same]:
            same += 1
        llama.llama_memory_seq_rm(llama.llama_get_memory(self._context), 0, same, -1)
        for start in range(same, len(prompt), BATCH):
            part = (llama.llama_token * min(BATCH, len(prompt) - start))(*prompt[start:start + BATCH])
            llama.llama_decode(self._context, llama.llama_batch_get_one(part, len(part)))
        self._held = prompt
        return len(prompt) - same

    def _chain(self, whole: bool) -> Any:
        llama = self._llama
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        bias = (llama.llama_logit_bias * len(self._ends))(*[(end, float("-inf")) for end in self._ends])
        links = [llama.llama_sampler_init_logit_bias(self._count, len(self._ends), bias)]
        if whole:
            links += [
                llama.llama_sampler_init_penalties(self._count, 256, 1.05, 0.0, 0.0),
                llama.llama_sampler_init_top_k(100),
                llama.llama_sampler_init_min_p(0.05, 1), llama.llama_sampler_init_temp(0.8),
                llama.llama_sampler_init_dist(_SEED),
            ]
        else:
            links.append(llama.llama_sampler_init_greedy())
        for link in links:
            llama.llama_sampler_chain_add(chain, link)
        return chain

    def _tokens(self, text: str) -> list[int]:
        data = text.encode()
        room = (self._llama.llama_token * (len(data) + 8))()
        count = self._llama.llama_tokenize(self._vocab, data, len(data), room, len(room), True, True)
        return list(room[:count])


class Worker:
    """The engine's own process through its proxy, as the core asks it."""

    def __init__(self, runner: asyncio.Runner, engine: EmbeddedEngine, ends: Sequence[str]) -> None:
        self._runner, self._engine, self._ends = runner, engine, ends

    @staticmethod
    def load(runner: asyncio.Runner, model: Path, folder: Path, threads: int, ends: Sequence[str]) -> Worker:
        """A worker with `model` in memory. Raises EngineError."""
        engine = EmbeddedEngine(
            model, settings=EngineSettings(n_ctx=CONTEXT, n_threads=threads, n_batch=BATCH),
            state_dir=folder / "state", log_path=folder / "engine.log",
        )
        runner.run(engine.load())
        return Worker(runner, engine, ends)

    def run(self, task: Task) -> Run:
        return self._runner.run(self._run(task))

    def close(self) -> None:
        self._runner.run(self._engine.close())

    async def _run(self, task: Task) -> Run:
        request = CompletionRequest(
            id=new_id(), pieces=(Piece(task.prompt, True),), max_tokens=task.tokens, stop=("\nAlex:", "\nMira:"),
            samplers=task.samplers(self._ends),
        )
        began, cpu = time.perf_counter(), self._cpu_s()
        last: Any = None
        async for event in self._engine.complete(request):
            last = event
        ended, after = time.perf_counter(), self._cpu_s()
        if not isinstance(last, Finish) or last.error is not None or last.ttft_ms is None:
            failed = last.error if isinstance(last, Finish) else None
            raise failed or EngineError(notice("The model ended its reply at once; there is nothing to measure."))
        read = (last.usage.prompt_tokens or 0) - (last.usage.cached_tokens or 0)
        spent = None if cpu is None or after is None else 1000 * (after - cpu)
        return Run(last.ttft_ms, 1000 * (ended - began), spent, read, last.usage.completion_tokens or 0)

    def _cpu_s(self) -> float | None:
        worker = cpu_s(self._engine.pid) if self._engine.pid is not None else None
        return None if worker is None else worker + time.process_time()


class HighLevel:
    """llama-cpp-python's own class, as most programs that embed it use it."""

    def __init__(self, model: Path, threads: int) -> None:
        self._llama: Any = whole_library().Llama(
            str(model), n_ctx=CONTEXT, n_batch=BATCH, n_ubatch=BATCH, n_threads=threads, n_threads_batch=threads,
            verbose=False,
        )

    def run(self, task: Task) -> Run:
        began, cpu = time.perf_counter(), time.process_time()
        prompt = self._llama.tokenize(task.prompt.encode(), special=True)
        held = self._llama.n_tokens
        same = next((i for i, (a, b) in enumerate(zip(self._llama.input_ids[:held], prompt, strict=False)) if a != b),
                    min(held, len(prompt)))
        options = {"temperature": 0.8, "min_p": 0.05, "top_k": 100, "top_p": 1.0, "repeat_penalty": 1.05} \
            if task.chain else {"temperature": 0.0, "repeat_penalty": 1.0}
        first, count = began, 0
        for token in self._llama.generate(prompt, **{k.replace("temperature", "temp"): v for k, v in options.items()}):
            self._llama.detokenize([token])
            count += 1
            if count == 1:
                first = time.perf_counter()
            if count >= task.tokens:
                break
        return _run(began, first, time.process_time() - cpu, max(1, len(prompt) - same), count)

    def close(self) -> None:
        self._llama.close()


def _run(began: float, first: float, cpu: float, read: int, written: int) -> Run:
    """What has just ended in this process."""
    return Run(1000 * (first - began), 1000 * (time.perf_counter() - began), 1000 * cpu, read, written)
