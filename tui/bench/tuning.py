"""Finding how a model runs fastest here: threads, then batch, then flash attention, then layers on the GPU.

Each candidate is loaded as the core would load it, and reading and writing with it are measured in turns with those of
the others. The score is the time of a usual turn; what is smaller wins where two are about equal, since it leaves more
of the machine to others, and shows progress and hears a stop sooner.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tui.bench.contenders import CONTEXT, Bare, Task, Worker
from tui.bench.figures import Figure, Say, figure
from tui.bench.pairing import Effort
from tui.bench.texts import RUSSIAN
from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.engine import quirks, tuned, version
from tui.engine.gguf import read_metadata
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings

#: A usual turn: tokens of a prompt that are new, and tokens of a reply.
_READ, _WRITTEN = 200, 200
#: A larger number must be better by this share to be chosen.
_WORTH = 0.03
_BATCHES = (64, 128, 256, 512)
_CHARACTERS = 900


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds a token."""

    read: float
    write: float

    @property
    def turn_s(self) -> float:
        return (self.read * _READ + self.write * _WRITTEN) / 1000


def tune(effort: Effort, say: Say, model: Path, state_dir: Path) -> Iterator[Figure]:
    """Measure, and keep what is best for `model` under `state_dir`. Raises TraktirError, OSError."""
    key = tuned.model_key(quirks.machine_key(version(), read_metadata(model).quantisation), model)
    best = EngineSettings(n_ctx=CONTEXT)
    for name, candidates in _questions(best):
        say(notice("Trying {name}: {values}…", name=name, values=", ".join(str(c) for c in candidates)))
        found = _measured(model, [replace(best, **_values(name, value)) for value in candidates], effort)
        for value, speeds in zip(candidates, found, strict=True):
            if speeds:
                yield figure(f"tune.{name}.{value}", notice("a usual turn with {name} {value}", name=name, value=value),
                             "s", [speed.turn_s for speed in speeds])
        chosen = _chosen(candidates, found)
        best = replace(best, **_values(name, chosen))
        say(notice("Chosen: {name} {value}.", name=name, value=chosen))
    tuned.remember(state_dir, key, {name: getattr(best, name) for name in tuned.TUNED})


def _questions(settings: EngineSettings) -> Iterator[tuple[str, Sequence[Any]]]:
    cores = settings.threads() + 1
    yield "n_threads", sorted({max(1, cores // 2), max(1, cores - 1), cores})
    yield "n_batch", _BATCHES
    yield "flash_attn", ("auto", "on", "off")
    from tui.engine.bindings import uses_gpu

    if uses_gpu():
        yield "n_gpu_layers", (0, -1)


def _values(name: str, value: Any) -> dict[str, Any]:
    return {"n_batch": value, "n_ubatch": value} if name == "n_batch" else {name: value}


def _chosen(candidates: Sequence[Any], found: Sequence[Sequence[Speed]]) -> Any:
    """The first that no later one beats by more than a little. Raises EngineError where none could be loaded."""
    scores = [
        (value, median(speed.turn_s for speed in speeds))
        for value, speeds in zip(candidates, found, strict=True) if speeds
    ]
    if not scores:
        raise EngineError(notice("The model could not be loaded in any way that was tried."))
    best, least = scores[0]
    for value, score in scores[1:]:
        if score < least * (1 - _WORTH):
            best, least = value, score
    return best


def _measured(model: Path, settings: Sequence[EngineSettings], effort: Effort) -> list[list[Speed]]:
    """Speeds of each, in rounds forwards and backwards; none for one that cannot be loaded."""
    out: list[list[Speed]] = [[] for _ in settings]
    with TemporaryDirectory(prefix="tb-") as folder, asyncio.Runner() as runner:
        ends = _ends(model)
        for number in range(max(2, effort.pairs // 2)):
            order = list(enumerate(settings))
            for at, one in order if number % 2 == 0 else order[::-1]:
                try:
                    out[at].append(_speed(runner, model, Path(folder), one, ends, effort))
                except EngineError:
                    continue
    return out


def _ends(model: Path) -> list[str]:
    bare = Bare(model, max(1, (os.cpu_count() or 2) - 1))
    try:
        return bare.ends
    finally:
        bare.close()


def _speed(
    runner: asyncio.Runner, model: Path, folder: Path, settings: EngineSettings, ends: Sequence[str], effort: Effort,
) -> Speed:
    engine = EmbeddedEngine(model, settings=settings, state_dir=folder / "state", log_path=folder / "engine.log")
    worker = Worker(runner, engine, ends)
    try:
        runner.run(engine.load())
        worker.run(Task("Once.", 2))                  # what is done once only
        task = Task(RUSSIAN[:_CHARACTERS], effort.tokens // 2)
        run = worker.run(task)
        return Speed(run.first_ms / max(1, run.read), (run.all_ms - run.first_ms) / max(1, run.written - 1))
    finally:
        worker.close()
