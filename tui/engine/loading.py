"""A model from a file to a context that has proven itself, stepping down where memory is short. Worker side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tui.domain.backend import CacheClass
from tui.domain.errors import EngineError
from tui.domain.notice import Notice, notice
from tui.engine import bindings
from tui.engine.adapters import Adapters
from tui.engine.bindings import AbortFlag, Model
from tui.engine.bindings_memory import Context, metadata
from tui.engine.generate import Generator
from tui.engine.keeping import Keeper
from tui.engine.memory import Memory
from tui.engine.opening import open_context, wanted_context
from tui.engine.settings import BATCH_GPU, EngineSettings
from tui.engine.state_files import StateFolder, clear, identity_of
from tui.engine.stretch import plan, read_rope
from tui.engine.tokenise import Tokeniser
from tui.engine.vision import Blind, Vision, open_eyes, projector_file

#: Seconds between two marks of progress.
_TELL_EVERY = 0.1

#: Settings that change nothing of what a model's memory holds.
_NO_MATTER = frozenset({"n_threads", "n_batch", "n_ubatch", "n_gpu_layers", "n_seq", "cache_shift"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready for requests, and what a person should know of how it came to be."""

    model: Model
    context: Context
    tokeniser: Tokeniser
    memory: Memory
    generator: Generator
    keeper: Keeper
    gpu_layers: int
    threads: int
    adapters: Adapters
    notices: tuple[Notice, ...] = field(default=())
    vision: Vision | None = None
    states: Callable[[EngineSettings], StateFolder | None] = lambda settings: None

    def rescale(self, settings: EngineSettings) -> None:
        """Take other scales of the adapters. What was read with those before is let go. Raises EngineError."""
        self.keeper.turn_to(self.states(settings))
        self.adapters.lay_over(self.context, [scale for _, scale in settings.lora])

    @property
    def eyes(self) -> Vision | Blind:
        return self.vision or Blind()

    def to_json(self) -> dict[str, Any]:
        vocab = self.model.vocab
        return {
            "description": self.model.description, "context": self.context.size,
            "trained_context": self.model.trained_context, "chat_template": self.model.chat_template,
            "adds_bos": vocab.adds_bos, "bos": vocab.text(vocab.bos), "eos": vocab.text(vocab.eos),
            "special_tokens": list(self.tokeniser.special_tokens), "cache": _cache_class(self.context),
            "can_shift": self.context.can_shift, "images": self.vision is not None,
            "notices": [n.to_json() for n in self.notices],
            "details": {
                "layers": self.model.layers, "gpu_layers": self.gpu_layers, "parameters": self.model.parameters,
                "model_bytes": self.model.size, "vocabulary": vocab.size, "batch": self.context.batch,
                "prompts": len(self.memory.held), "cells": self.context.cells,
                "cache_types": [self.context.shape.key_type, self.context.shape.value_type],
                "positions": dict(self.context.shape.extra), "threads": self.threads, "recurrent": self.model.recurrent,
                "sliding_window": self.model.sliding_window, "gpu_build": bindings.uses_gpu(),
                "system": bindings.system_info(),
            },
        }


def _cache_class(context: Context) -> CacheClass:
    """A sliding window is no limit where the context keeps all of its past."""
    if context.model.recurrent:
        return "recurrent"
    return "prefix" if context.cuts else "swa"


def load(
    path: Path, settings: EngineSettings, *, extra_bufts: bool, flag: AbortFlag,
    tell: Callable[[dict[str, Any]], None], kept: Mapping[str, Any] | None = None,
) -> Loaded:
    """Load, make a context, and prove both by a small decode. `tell` hears `loading` and `proving`.
    `kept` says where states are kept (folder, quota in bytes), and of which build of llama.cpp (build); None: nowhere.

    Raises EngineError where llama.cpp refuses; where it crashes, this process ends, and the proxy knows from
    what was told last how far it had come.
    """
    bindings.start_backend()
    notices: list[Notice] = []
    model, layers = _load_model(path, settings, extra_bufts, tell, notices)
    if model.has_encoder:
        raise EngineError(notice("This model translates from one text to another; it cannot continue one."))
    gpu = bindings.uses_gpu() and layers != 0
    threads = settings.threads()
    eyes = projector_file(settings.mmproj, path)
    adapters = Adapters.read(model, settings.lora)
    stretch = plan(read_rope(lambda key: metadata(model, key)), wanted_context(model, settings), settings)
    notices += stretch.notices
    context, prompts = open_context(
        model, _roomy(settings, eyes), gpu=gpu, threads=threads, notices=notices, extra=stretch.parameters(),
    )
    try:
        vision = context.vision = open_eyes(eyes, model, context, threads=threads, gpu=gpu, flag=flag)
    except EngineError as error:
        if settings.mmproj != "auto":
            raise
        vision = None
        notices.append(error.what)
    adapters.lay_over(context, [scale for _, scale in settings.lora])
    tokeniser = Tokeniser(model.vocab)
    memory = Memory(context, flag, prompts=prompts, ends_message=tokeniser.is_control)
    generator = Generator(memory, tokeniser)
    tell({"is": "proving"})
    generator.prove()
    used = (layers if layers >= 0 else model.layers) if gpu else 0

    def states(settings: EngineSettings) -> StateFolder | None:
        return _state_folder(path, settings, context, kept)

    keeper = Keeper(memory, states(settings), lambda told: tell({"is": "said", "notice": told.to_json()}))
    if keeper.trouble is not None:
        notices.append(keeper.trouble)
    return Loaded(
        model, context, tokeniser, memory, generator, keeper, used, threads, adapters, tuple(notices), vision, states,
    )


def _roomy(settings: EngineSettings, eyes: str) -> EngineSettings:
    """Some models must see a whole picture in one step."""
    return replace(settings, n_batch=BATCH_GPU) if eyes and not settings.n_batch else settings


def _state_folder(
    path: Path, settings: EngineSettings, context: Context, kept: Mapping[str, Any] | None,
) -> StateFolder | None:
    """Where states of this model with these settings are kept."""
    if kept is None:
        return None
    if kept["quota"] <= 0:
        clear(Path(kept["folder"]))
        return None
    shape = context.shape
    of_context = {
        **{name: value for name, value in settings.to_json().items() if name not in _NO_MATTER},
        "window": shape.window, "types": [shape.key_type, shape.value_type], "whole_window": shape.whole_window,
        "positions": dict(shape.extra),
    }
    identity = identity_of(path, of_context, kept["build"])
    return StateFolder(Path(kept["folder"]), identity, kept["quota"])


def _load_model(
    path: Path, settings: EngineSettings, extra_bufts: bool, tell: Callable[[dict[str, Any]], None],
    notices: list[Notice],
) -> tuple[Model, int]:
    """The model and the layers asked of the GPU: all, then half, then none, where it has no room."""
    wanted = settings.n_gpu_layers
    steps = [wanted] if not bindings.uses_gpu() or wanted == 0 else _fewer(path, wanted)
    for layers in steps:
        model = Model.load(path, gpu_layers=layers, extra_bufts=extra_bufts, progress=_sparing(tell))
        if model is None:
            continue
        if layers != wanted:
            notices.append(notice(
                "The model did not fit on the GPU whole: {layers} of its {all} layers are there, and it is slower.",
                layers=layers, all=model.layers,
            ))
        return model, layers
    raise EngineError(
        notice("llama.cpp could not load {file}.", file=path.name),
        notice("It may be damaged, not wholly downloaded, or of a family that this llama.cpp does not know."),
        kind="load",
    )


def _fewer(path: Path, wanted: int) -> list[int]:
    from tui.engine.gguf import read_metadata

    layers = wanted if wanted > 0 else read_metadata(path).block_count or 0
    return [wanted, *([layers // 2] if layers > 1 else []), 0]


def _sparing(tell: Callable[[dict[str, Any]], None]) -> Callable[[float], None]:
    """Progress at most ten times a second: llama.cpp reports every tensor."""
    last = -_TELL_EVERY

    def progress(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TELL_EVERY or fraction >= 1:
            last = now
            tell({"is": "loading", "fraction": round(fraction, 3)})

    return progress
