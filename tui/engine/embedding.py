"""Texts to vectors by a GGUF file, in a process of its own: any model that writes, or one made for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.domain.embedding import Vector, check_texts
from tui.domain.errors import BadInput, EngineError
from tui.domain.notice import notice
from tui.engine import available
from tui.engine.events import engine_error
from tui.engine.gguf import read_metadata
from tui.engine.process import WorkerProcess
from tui.engine.settings import EngineSettings

_WORKER = ("-P", "-m", "tui.engine.embed_worker")

#: Texts that go to the worker at once: it answers them together.
_AT_ONCE = 32


class EmbeddingEngine:
    """An Embedder (see tui.domain.embedding). Starts with the first text, one call after another.

    `log_path` takes what llama.cpp prints, `env` is the worker's environment (one's own by default). Of `settings`,
    those of context, threads and GPU count.
    """

    def __init__(
        self, model_path: Path, *, log_path: Path, settings: EngineSettings = EngineSettings(),  # noqa: B008
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.model_path = model_path.absolute()
        self._log_path = log_path
        self._settings = settings
        self._env = env
        self._worker: WorkerProcess | None = None
        self._lock = asyncio.Lock()
        self.dimensions = 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of length 1 a text. Raises EngineError, BadInput."""
        check_texts(texts)
        async with self._lock:
            vectors: list[Vector] = []
            for start in range(0, len(texts), _AT_ONCE):
                vectors += await self._embedded(list(texts[start:start + _AT_ONCE]))
            return vectors

    async def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()

    async def _embedded(self, texts: list[str]) -> list[Vector]:
        worker = await self._ready()
        try:
            worker.send({"do": "embed", "id": "1", "texts": texts})
            async with worker.watched(lambda: False):
                answer = await self._answer(worker, "embedded")
        except BaseException:                     # what it still answers would be taken for that to the next call
            await self.close()
            raise
        return [tuple(vector) for vector in answer["vectors"]]

    async def _ready(self) -> WorkerProcess:
        if self._worker is not None and self._worker.running:
            return self._worker
        self._check_file()
        worker = await WorkerProcess.start(
            self._log_path, os.environ if self._env is None else self._env, module=_WORKER,
        )
        try:
            worker.send({
                "do": "load", "path": str(self.model_path), "threads": self._settings.threads(),
                "gpu_layers": self._settings.n_gpu_layers, "context": self._settings.n_ctx,
            })
            self.dimensions = int((await self._answer(worker, "ready"))["facts"]["dimensions"])
        except BaseException:
            await worker.stop()
            raise
        self._worker = worker
        return worker

    def _check_file(self) -> None:
        missing = available()
        if missing is not None:
            raise EngineError(missing, kind="missing")
        try:
            read_metadata(self.model_path)
        except BadInput as error:
            raise EngineError(error.what, error.remedy, kind="file", file=str(self.model_path)) from error

    @staticmethod
    async def _answer(worker: WorkerProcess, wanted: str) -> Mapping[str, Any]:
        while (event := await worker.read()) is not None:
            if event["is"] == wanted:
                return event
            if event["is"] in ("failed", "error"):
                raise engine_error(event["error"])
        death = await worker.death()
        raise death.error(notice("llama.cpp stopped in the middle of its work ({reason}).", reason=death.reason))
