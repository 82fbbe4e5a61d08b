"""From a model's path to a worker that has proven it, with a second try on plain kernels after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.domain.backend import Status
from tui.domain.errors import BadInput, EngineError, TraktirError
from tui.domain.notice import Notice, notice
from tui.engine import available, quirks, version
from tui.engine.gguf import GgufInfo, read_metadata
from tui.engine.gpu import unused_gpu_notice
from tui.engine.process import Death, WorkerProcess
from tui.engine.settings import EngineSettings
from tui.engine.tuned import filled_in, model_key, tuned

Announce = Callable[[Status], None]


@dataclass(frozen=True, slots=True)
class Started:
    """A worker with a proven model, and what it said of it."""

    worker: WorkerProcess
    info: GgufInfo
    version: str
    facts: Mapping[str, Any]
    notices: tuple[Notice, ...]
    plain_kernels: bool
    tuned: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Start:
    path: Path
    settings: EngineSettings
    log_path: Path
    env: Mapping[str, str]
    announce: Announce
    kept: Mapping[str, Any] | None


class _Died(Exception):
    """The worker ended before it was ready; `proving` tells whether the model was loaded by then."""

    def __init__(self, death: Death, proving: bool) -> None:
        super().__init__(death.reason)
        self.death = death
        self.proving = proving

    def error(self) -> EngineError:
        reason = self.death.reason
        if self.proving:
            what = notice("llama.cpp crashed when it tried the model for the first time ({reason}).", reason=reason)
        else:
            what = notice("llama.cpp crashed while it loaded the model ({reason}).", reason=reason)
        return self.death.error(what)


async def start_worker(
    path: Path, settings: EngineSettings, state_dir: Path, log_path: Path, env: Mapping[str, str], announce: Announce,
    kept: Mapping[str, Any] | None = None,
) -> Started:
    """Start, load and prove. Raises EngineError that says what is missing, damaged or too large.

    llama.cpp keeps some weights in the layout of the processor's own instructions ("extra buffer types"). Where
    such kernels are broken the first decode ends the process; then it is started once more without them, and
    where that works it is remembered for this processor, build and kind of weights. `kept`: where states are kept
    (folder, quota in bytes). What was measured to be best for this file fills in what `settings` leave open.
    """
    info = _checked(path)
    key = quirks.machine_key(version(), info.quantisation)
    measured = tuned(state_dir, model_key(key, path))
    build = quirks.build_key(version())
    start = _Start(path, filled_in(settings, measured), log_path, env, announce, kept and {**kept, "build": build})
    plain = quirks.needs_plain_kernels(state_dir, key)
    try:
        worker, facts = await _attempt(start, plain)
        told = (notice(
            "llama.cpp runs without its fast kernels for this processor, because they crashed with such a model"
            " here before. It may be slower.",
        ),) if plain else ()
    except _Died as died:
        if plain or not died.death.crashed:
            raise died.error() from None
        announce(Status(notice(
            "llama.cpp crashed ({reason}); trying once more without its fast kernels for this processor.",
            reason=died.death.reason,
        )))
        try:
            worker, facts = await _attempt(start, plain := True)
        except _Died as again:
            raise again.error() from None
        quirks.remember_plain_kernels(state_dir, key)
        told = (notice(
            "llama.cpp crashed ({reason}) with its fast kernels for this processor, and was started again without"
            " them. It may be slower. This is remembered, and tried again with another build of llama.cpp.",
            reason=died.death.reason,
        ),)
    gpu = unused_gpu_notice(bool(facts["details"]["gpu_build"]))
    return Started(worker, info, version(), facts, (*told, *((gpu,) if gpu else ())), plain, measured)


def _checked(path: Path) -> GgufInfo:
    """The file's own description, once there is nothing left that llama.cpp would only refuse less clearly."""
    missing = available()
    if missing is not None:
        raise EngineError(missing, kind="missing")
    try:
        info = read_metadata(path)
    except BadInput as error:
        raise EngineError(error.what, error.remedy, kind="file", file=str(path)) from error
    if info.missing_parts:
        raise EngineError(
            notice(
                "{file} is one part of a model; {missing} is not beside it.",
                file=path.name, missing=info.missing_parts[0],
            ),
            notice("Download all parts into one folder."), kind="file", file=str(path),
        )
    if info.part == 1 and not info.tensors:
        raise EngineError(
            notice("{file} holds a vocabulary without weights: it can only count tokens.", file=path.name),
            kind="file", file=str(path),
        )
    if not info.makes_text:
        raise EngineError(
            notice(
                "{file} is not a model that writes text (its family is {family}).",
                file=path.name, family=info.architecture[:40],
            ),
            kind="file", file=str(path),
        )
    return info


async def _attempt(start: _Start, plain: bool) -> tuple[WorkerProcess, Mapping[str, Any]]:
    """One worker, up to `ready`. Raises EngineError where llama.cpp refused, _Died where the process ended."""
    worker = await WorkerProcess.start(start.log_path, start.env)
    try:
        worker.send({
            "do": "load", "path": str(start.path), "settings": start.settings.to_json(), "extra_bufts": not plain,
            "kept": start.kept and {**start.kept, "build": f"{start.kept['build']} {plain}"},
        })
        async with worker.watched(lambda: True):
            return worker, await _until_ready(worker, start)
    except BaseException:
        await worker.stop()
        raise


async def _until_ready(worker: WorkerProcess, start: _Start) -> Mapping[str, Any]:
    name = start.path.stem
    proving = False
    start.announce(Status(notice("Loading {model}", model=name), 0.0))
    while (event := await worker.read()) is not None:
        match event["is"]:
            case "loading":
                start.announce(Status(notice("Loading {model}", model=name), event["fraction"]))
            case "proving":
                proving = True
                start.announce(Status(notice("Trying {model}", model=name)))
            case "failed":
                raise _refusal(event["error"], worker.last_words())
            case "ready":
                facts: Mapping[str, Any] = event["facts"]
                return facts
    raise _Died(await worker.death(), proving)


def _refusal(data: Mapping[str, Any], last_words: str) -> EngineError:
    """The worker's error; where llama.cpp refused the file, with the reason that only its log has."""
    error = TraktirError.from_json(data)
    remedy = error.remedy
    if last_words and error.details.get("kind") == "load":
        remedy = notice(
            "It may be damaged, not wholly downloaded, or of a family that this llama.cpp does not know."
            " llama.cpp said: {line}",
            line=last_words,
        )
    return EngineError(error.what, remedy, **{**error.details, "log": last_words})
