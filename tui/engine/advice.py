"""What to expect of a model on this machine: memory at a context, layers on the GPU, positions, and advice in a
sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.domain.notice import Notice, notice
from tui.engine.fit import Load, Needs, Weights, cache_bytes, describe, longest_context, most_layers, needs
from tui.engine.gguf import GgufInfo
from tui.engine.measures import Measures
from tui.engine.room import Room
from tui.engine.settings import BATCH_CPU, BATCH_GPU, DEFAULT_CONTEXT, EngineSettings
from tui.engine.stretch import Rope, Stretch, plan, rope_of

#: As in `tui.engine.opening`: prompts held side by side, sequences beside them, and of free memory what may go into
#: holding more than one whole window.
_PROMPTS, _LENT, _LENT_STATES, _SHARE = 3, 9, 2, 8

#: From this part of the free memory on, it only just fits.
_TIGHT = 0.9

#: Contexts that a person compares, in tokens.
CONTEXTS = (4096, 8192, 16384, 32768, 65536, 131072)


@dataclass(frozen=True, slots=True)
class Fit:
    """One model at one context. `verdict` is fits, tight, too_large or unknown; `gpu_layers` of `all_layers` (the
    output counts as one) go to the GPU; `windows` are whole contexts held side by side; `longest` is the longest
    context that fits, in tokens."""

    load: Load
    needs: Needs
    room: Room
    stretch: Stretch
    verdict: str
    advice: Notice
    all_layers: int
    windows: int
    longest: int

    def to_json(self) -> dict[str, Any]:
        main, gpu = self.needs.main, self.needs.gpu
        return {
            "context": self.load.context, "cache_types": [self.load.key_type, self.load.value_type],
            "verdict": self.verdict, "advice": self.advice.to_json(),
            "weights": main.weights + gpu.weights, "cache": main.cache + gpu.cache,
            "compute": main.compute + gpu.compute, "total": self.needs.total,
            "main": main.total, "gpu": gpu.total, "free_main": self.room.main, "free_gpu": self.room.gpu,
            "gpu_layers": self.load.gpu_layers, "layers": self.all_layers, "windows": self.windows,
            "longest_context": self.longest,
            "rope": {
                "kind": self.stretch.kind, "trained": self.stretch.trained, "ratio": round(self.stretch.ratio, 4),
                "rope_alpha": round(self.stretch.alpha, 4), "rope_freq_base": round(self.stretch.base, 2),
                "rope_freq_scale": round(self.stretch.scale, 6),
                "notices": [n.to_json() for n in self.stretch.notices],
            },
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What has to be known of a model for all this."""

    rope: Rope
    measures: Measures
    weights: Weights


def facts_of(info: GgufInfo) -> Facts:
    """Of a file's description. Raises BadInput for a damaged part."""
    return Facts(rope_of(info), *describe(info))


def usual_context(measures: Measures) -> int:
    """The context that a model gets when nobody asks for one."""
    return min(measures.trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def fit(facts: Facts, room: Room, settings: EngineSettings | None = None) -> Fit:
    """How the model would be loaded here with `settings`, and what that takes."""
    measures, weights = facts.measures, facts.weights
    settings = settings or EngineSettings()
    context = settings.n_ctx or usual_context(measures)
    gpu = bool(room.gpus) and settings.n_gpu_layers != 0
    batch = min(settings.n_ubatch or settings.n_batch or (BATCH_GPU if gpu else BATCH_CPU), context)
    load = Load(
        context, context, (settings.n_seq or _PROMPTS) + (_LENT_STATES if measures.states else _LENT), batch,
        settings.cache_type_k, settings.cache_type_v, settings.flash_attn != "off", settings.swa_full,
    )
    all_layers = len(measures.layers) + 1
    if gpu:
        most = most_layers(measures, weights, load, room.gpu)
        load = replace(load, gpu_layers=min(most, settings.n_gpu_layers) if settings.n_gpu_layers > 0 else most)
    longest = 0 if room.main is None else longest_context(measures, weights, load, room.main, max(room.gpu, 0))
    stretch = plan(facts.rope, context, settings)
    need = needs(measures, weights, load)
    verdict = _verdict(need, room)
    advice = _advice(measures, weights, load, need, room, longest, all_layers)
    windows = _windows(measures, load, room, settings)
    held = replace(load, cells=context * windows)
    while windows > 1 and needs(measures, weights, held).gpu.total > room.gpu:
        windows -= 1
        held = replace(load, cells=context * windows)
    return Fit(held, needs(measures, weights, held), room, stretch, verdict, advice, all_layers, windows, longest)


def fits_at(facts: Facts, room: Room, contexts: Sequence[int] = CONTEXTS) -> list[Fit]:
    """The model at the contexts that are of interest: up to four times what it was trained for."""
    trained = facts.measures.trained
    most = 4 * trained if trained else max(contexts)
    usual = usual_context(facts.measures)
    chosen = sorted({usual, *(context for context in contexts if usual <= context <= most)})
    return [fit(facts, room, EngineSettings(n_ctx=context)) for context in chosen]


def _windows(measures: Measures, load: Load, room: Room, settings: EngineSettings) -> int:
    if settings.n_seq:
        return settings.n_seq
    window = cache_bytes(measures, load)
    return max(1, min(_PROMPTS, 1 + (room.main or 0) // _SHARE // max(1, window)))


def _verdict(need: Needs, room: Room) -> str:
    if room.main is None:
        return "unknown"
    if need.main.total > room.main or need.gpu.total > room.gpu:
        return "too_large"
    return "tight" if need.main.total > _TIGHT * room.main else "fits"


def _advice(
    measures: Measures, weights: Weights, load: Load, need: Needs, room: Room, longest: int, all_layers: int,
) -> Notice:
    free = room.main
    if free is None:
        return notice("It takes {need}; how much memory is free here is not known.", need=size(need.total))
    if need.main.total > free or need.gpu.total > room.gpu:
        return _too_large(measures, weights, load, free, room.gpu, longest)
    if load.gpu_layers >= all_layers:
        return notice(
            "All {layers} layers fit on the GPU with a context of {context} tokens.",
            layers=all_layers, context=load.context,
        )
    if load.gpu_layers > 0:
        return notice(
            "{layers} of {all} layers fit on the GPU, the rest runs on the processor: slower. A shorter context, a"
            " q8_0 cache or a smaller quantisation puts more there.",
            layers=load.gpu_layers, all=all_layers,
        )
    if room.gpus:
        return notice(
            "No layer fits beside what the GPU holds now; it runs on the processor and takes {need} of the {free} that"
            " are free.", need=size(need.main.total), free=size(free),
        )
    if need.main.total > _TIGHT * free:
        return notice(
            "It only just fits: {need} of the {free} that are free. End other programs that use memory first.",
            need=size(need.main.total), free=size(free),
        )
    return notice(
        "It fits: {need} of the {free} that are free, with a context of {context} tokens.",
        need=size(need.main.total), free=size(free), context=load.context,
    )


def _too_large(
    measures: Measures, weights: Weights, load: Load, free: int, free_gpu: int, longest: int,
) -> Notice:
    if longest >= 1024:
        return notice(
            "With a context of {context} tokens it does not fit into the {free} that are free; with {longest} it does.",
            context=load.context, free=size(free), longest=longest,
        )
    small = replace(load, key_type="q8_0", value_type="q8_0")
    if load.flash and load.key_type == "f16" and longest_context(measures, weights, small, free, free_gpu) >= 1024:
        return notice("It fits only with a KV cache of the type q8_0 and a short context.")
    if weights.total > free:
        return notice(
            "It does not fit: the weights alone take {need}, and {free} are free. Choose a smaller quantisation, or a"
            " smaller model.", need=size(weights.total), free=size(free),
        )
    return notice(
        "It does not fit: beside the weights of {need} nothing is left of the {free} that are free. Choose a smaller"
        " quantisation, or end other programs.", need=size(weights.total), free=size(free),
    )


def size(count: int) -> str:
    """Bytes for people, in powers of ten as the system's own tools show files."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            shown = count / unit
            return f"{shown:.1f} {name}" if shown < 100 else f"{shown:.0f} {name}"
    return f"{count} B"
