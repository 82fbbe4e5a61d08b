"""The links of the chain that llama.cpp lacks, and what of the settings has no effect and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.domain.notice import Notice, notice
from tui.domain.samplers import RANGES, Samplers
from tui.engine.bindings_samplers import FullChain

#: Steps that act at temperature 0 too, where the likeliest token is taken of what they leave.
AT_ZERO = frozenset({"penalties", "dry", "no_repeat_ngram"})

#: Samplers that have no effect here.
UNSUPPORTED: Mapping[str, Notice] = {
    name: notice("The embedded engine does not have this sampler.")
    for name in (
        "encoder_repetition_penalty", "contrastive_alpha",
    )
}

#: The step whose place in the order switches each sampler on, where the two have different names.
_STEP_OF = {
    "smoothing_factor": "smoothing", "dynatemp_range": "temperature", "adaptive_target": "adaptive_p",
    "repetition_penalty": "penalties", "frequency_penalty": "penalties", "presence_penalty": "penalties",
    "dry_multiplier": "dry", "xtc_probability": "xtc",
    **{name: name for name in (
        "temperature", "top_k", "top_p", "min_p", "typical_p", "top_a", "tfs", "epsilon_cutoff", "eta_cutoff",
        "top_n_sigma", "skew", "no_repeat_ngram",
    )},
}


def slopes(s: Samplers) -> bool:
    """Whether repetition weighs less the further back it lies, which llama.cpp's penalties cannot."""
    return s.penalty_slope > 0 and s.repetition_penalty != 1 and s.penalty_range != 0


def adapts(s: Samplers) -> bool:
    return s.adaptive_target >= 0 and "adaptive_p" in s.order


def dropped(s: Samplers) -> dict[str, Notice]:
    """What is set and has no effect, with the reason."""
    if s.guidance_scale != 1 and s.banned_strings:
        return {"guidance_scale": notice("It does not go together with phrases that must not come."), **_others(s)}
    return _others(s)


def _others(s: Samplers) -> dict[str, Notice]:
    out = {name: reason for name, reason in UNSUPPORTED.items() if _is_set(s, name)}
    greedy = s.temperature <= 0 and "temperature" in s.order
    if greedy and s.mirostat:
        out["mirostat"] = notice("At temperature 0 the likeliest token is always taken.")
    for name, step in _STEP_OF.items():
        if not _is_set(s, name):
            continue
        if s.mirostat and not greedy:
            out[name] = notice("Mirostat takes the place of all other samplers.")
        elif step not in s.order:
            out[name] = notice("The order of samplers does not name it.")
    return out


def _is_set(s: Samplers, name: str) -> bool:
    value = getattr(s, name)
    return bool(value != RANGES[name].neutral if name in RANGES else value)


def add_step(chain: FullChain, name: str, s: Samplers, window: int, prompt: Sequence[int]) -> None:
    """One link of our own, unless its settings change nothing. numpy is imported with the first."""
    on = {
        "penalties": slopes(s), "no_repeat_ngram": s.no_repeat_ngram > 0, "tfs": s.tfs < 1, "top_a": s.top_a > 0,
        "epsilon_cutoff": s.epsilon_cutoff > 0, "eta_cutoff": s.eta_cutoff > 0, "smoothing": s.smoothing_factor > 0,
        "skew": s.skew != 0,
    }
    if not on.get(name, False):
        return
    from tui.engine.steps import shapes
    from tui.engine.steps.candidates import Looking, Step

    reach = window if s.penalty_range < 0 else min(s.penalty_range, window)
    step: Step
    match name:
        case "penalties":
            step = Looking(lambda ids, logits, past: shapes.sloped_penalties(
                ids, logits, past, s.repetition_penalty, s.frequency_penalty, s.presence_penalty, s.penalty_slope,
            ), reach, prompt)
        case "no_repeat_ngram":
            step = Looking(lambda ids, logits, past: shapes.no_repeat(ids, logits, past, s.no_repeat_ngram),
                           window, prompt)
        case "tfs":
            step = Step(lambda logits: shapes.tail_free(logits, s.tfs))
        case "top_a":
            step = Step(lambda logits: shapes.top_a(logits, s.top_a))
        case "epsilon_cutoff":
            step = Step(lambda logits: shapes.epsilon_cutoff(logits, s.epsilon_cutoff))
        case "eta_cutoff":
            step = Step(lambda logits: shapes.eta_cutoff(logits, s.eta_cutoff))
        case "smoothing":
            step = Step(lambda logits: shapes.smoothing(logits, s.smoothing_factor, s.smoothing_curve))
        case _:
            step = Step(lambda logits: shapes.skew(logits, s.skew))
    chain.add_step(step)
