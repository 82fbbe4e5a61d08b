"""Sampler settings in each server's own words, as its table says (`tui.backends.tables`).

A sampler that changes nothing is left out, except where the server's own default would change something (`always`).
What a server lacks is reported as dropped when the person had set it, what it refuses as clamped, each with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tui.backends.knobs import Knob, Table
from tui.backends.sampling_texts import Draft, write_lists, write_order, write_schemas
from tui.backends.tables import TABLES
from tui.domain.notice import Notice, notice
from tui.domain.samplers import DEFAULT_ORDER, RANGES, Samplers

__all__ = ["FALLBACK_WINDOW", "TABLES", "Table", "Translation", "translate"]

FALLBACK_WINDOW = 32768
"""Stands for "the whole context" where neither the server nor its owner tells how long that is (tokens)."""


@dataclass(frozen=True, slots=True)
class Translation:
    """Keys for the request body, names that the server lacks, and values that had to move. `reasons` says why, for
    each name in `dropped` and `clamped`."""

    fields: dict[str, Any]
    dropped: tuple[str, ...]
    clamped: dict[str, float]
    reasons: dict[str, Notice] = field(default_factory=dict)


def translate(
    table: Table, samplers: Samplers, max_tokens: int, stops: Iterable[str], window: int | None,
    unknown: frozenset[str] = frozenset(), *, version: str = "", loader: str = "", chat: bool = False,
    negative: str = "",
) -> Translation:
    """Write `samplers` in the words of `table`.

    `unknown` are canonical names that this very server, of all of its kind, refused. `version` and `loader` are the
    server's own, "" where it tells none. `chat` writes for a chat completion. `negative` is the prompt that
    `guidance_scale` leads away from; without it the sampler's own text is sent.
    """
    table = table.narrowed(version, loader)
    given, samplers = samplers, _effective(samplers)
    draft = Draft(table, unknown, dict(table.constant), chat)
    for name in _NUMBERS:
        _write_number(draft, samplers, name, window)
    _write_least(draft, samplers.min_tokens, max_tokens)
    _write_limit(draft, max_tokens)
    if draft.has("dry_multiplier") and samplers.dry_multiplier:
        draft.breakers([b for b in samplers.dry_sequence_breakers if b] or ["\n"])
    if draft.has("stop") and (wanted := [s for s in dict.fromkeys(stops) if s]):
        draft.put("stop", wanted[: table.knobs["stop"].most])
    write_lists(draft, samplers)
    write_schemas(draft, samplers)
    write_order(draft, given)
    _write_guidance(draft, samplers, negative)
    _write_switch(draft, samplers)
    _write_logprobs(draft, samplers)
    return Translation(draft.fields, tuple(draft.dropped), draft.clamped, draft.reasons)


_LEADERS = {
    "penalty_range": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
    "penalty_slope": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
    "dry_base": ("dry_multiplier",), "dry_allowed_length": ("dry_multiplier",), "dry_range": ("dry_multiplier",),
    "xtc_threshold": ("xtc_probability",), "dynatemp_exponent": ("dynatemp_range",),
    "smoothing_curve": ("smoothing_factor",), "mirostat_tau": ("mirostat",), "mirostat_eta": ("mirostat",),
    "adaptive_decay": ("adaptive_target",),
}
_NUMBERS = tuple(name for name in RANGES if name not in ("max_tokens", "logprobs"))
#: What is off where the chain does not list a step; a step that is not here is named like its sampler.
_STEPS = {
    "penalties": ("repetition_penalty", "frequency_penalty", "presence_penalty"), "dry": ("dry_multiplier",),
    "xtc": ("xtc_probability",), "temperature": ("temperature", "dynatemp_range"), "smoothing": ("smoothing_factor",),
    "adaptive_p": ("adaptive_target",),
}
_DEFAULTS = Samplers()


def _effective(samplers: Samplers) -> Samplers:
    """A step that the chain does not list is off, on servers too that have no order to set; so is what looks back at
    no tokens."""
    off = {name for step in DEFAULT_ORDER if step not in samplers.order for name in _STEPS.get(step, (step,))}
    if samplers.penalty_range == 0:
        off |= set(_STEPS["penalties"])
    if samplers.dry_range == 0:
        off.add("dry_multiplier")
    neutral: dict[str, Any] = {name: RANGES[name].neutral for name in off}
    return replace(samplers, **neutral) if neutral else samplers


def _matters(samplers: Samplers, name: str) -> bool:
    value, neutral = getattr(samplers, name), RANGES[name].neutral
    if name == "seed":
        return bool(value >= 0)
    if name == "adaptive_target":
        return bool(value >= 0)
    if name in _LEADERS:
        return value != neutral and any(_matters(samplers, leader) for leader in _LEADERS[name])
    return bool(value != neutral)


def _write_number(draft: Draft, samplers: Samplers, name: str, window: int | None) -> None:
    value, matters = getattr(samplers, name), _matters(samplers, name)
    if not draft.has(name):
        leaders = _LEADERS.get(name, ())
        told = not leaders or (value != getattr(_DEFAULTS, name) and any(
            draft.has(leader) and _matters(samplers, leader) for leader in leaders))
        if matters and told:
            draft.drop(name)
        return
    knob = draft.table.knobs[name]
    if not matters and not knob.always:
        return
    if knob.form == "bounds":
        _write_bounds(draft, knob, samplers)
    else:
        draft.put(name, _number(draft, knob, name, value, window))


def _write_bounds(draft: Draft, knob: Knob, samplers: Samplers) -> None:
    """Lowest and highest temperature instead of a middle and a distance."""
    low, high = knob.names
    draft.fields[low] = round(max(0.0, samplers.temperature - samplers.dynatemp_range), 6)
    draft.fields[high] = round(samplers.temperature + samplers.dynatemp_range, 6)
    if knob.flag:
        draft.fields[knob.flag] = True


def _write_limit(draft: Draft, max_tokens: int) -> None:
    draft.put("max_tokens", int(_bounded(draft, draft.table.knobs["max_tokens"], "max_tokens", max_tokens)))


def _write_least(draft: Draft, least: int, max_tokens: int) -> None:
    """Engines refuse a reply that must be longer than it may be."""
    if draft.has("min_tokens") and least > max_tokens:
        draft.put("min_tokens", max_tokens)
        draft.clamp("min_tokens", max_tokens, notice(
            "{server} takes nothing above {high} here; {value} became that.", server=draft.table.label,
            high=f"{max_tokens:g}", value=f"{least:g}"))


def _number(draft: Draft, knob: Knob, name: str, value: float, window: int | None) -> float | int:
    if name in {"penalty_range", "dry_range"} and value == -1:
        return knob.whole if knob.whole is not None else (window or FALLBACK_WINDOW)
    if knob.off is not None and value == RANGES[name].neutral:
        return type(value)(knob.off)
    bounded = _bounded(draft, knob, name, value)
    if knob.scale != 1:
        return round(bounded * knob.scale, 6)
    return type(value)(bounded)


def _bounded(draft: Draft, knob: Knob, name: str, value: float) -> float:
    bounded = value
    if knob.low is not None:
        bounded = max(bounded, knob.low)
    if knob.high is not None:
        bounded = min(bounded, knob.high)
    if knob.values and bounded not in knob.values:
        bounded = min(knob.values, key=lambda one: (abs(one - value), -one))
    if bounded != value:
        draft.clamp(name, bounded, _why_moved(draft.table, knob, value, bounded))
    return bounded


def _why_moved(table: Table, knob: Knob, value: float, bounded: float) -> Notice:
    if knob.values:
        return notice("{server} takes only {values} here; {value} became {new}.", server=table.label,
                      values=", ".join(f"{v:g}" for v in knob.values), value=f"{value:g}", new=f"{bounded:g}")
    if bounded > value:
        return notice("{server} takes nothing below {low} here; {value} became that.", server=table.label,
                      low=f"{bounded:g}", value=f"{value:g}")
    return notice("{server} takes nothing above {high} here; {value} became that.", server=table.label,
                  high=f"{bounded:g}", value=f"{value:g}")


def _write_guidance(draft: Draft, samplers: Samplers, negative: str) -> None:
    text = negative or samplers.negative_prompt
    if samplers.guidance_scale == 1 or not text or not draft.has("guidance_scale"):
        return
    if draft.has("negative_prompt"):
        draft.put("negative_prompt", text)
    else:
        draft.drop("negative_prompt")


def _write_switch(draft: Draft, samplers: Samplers) -> None:
    if samplers.ignore_eos:
        draft.put_or_drop("ignore_eos", True)


def _write_logprobs(draft: Draft, samplers: Samplers) -> None:
    """Rivals are asked for only where they are wanted: they cost the server time and the line bytes."""
    if not samplers.logprobs:
        return
    if not draft.has("logprobs"):
        draft.drop("logprobs")
        return
    knob = draft.table.knobs["logprobs"]
    wanted = int(_bounded(draft, knob, "logprobs", samplers.logprobs))
    if knob.form == "pair" or (draft.chat and knob.chat):
        draft.fields |= {"logprobs": True, "top_logprobs": wanted}
    else:
        draft.put("logprobs", True if knob.form == "switch" else wanted)
