"""Sampler settings in each server's own words.

One table a dialect, as data: canonical name → name on the wire, bounds and what the server takes for "off". A
sampler that changes nothing is left out, except where the server's own default would change something
(`always`). What a server lacks is reported as dropped when the person had set it, what it refuses as clamped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tui.domain.samplers import DEFAULT_ORDER, RANGES, Samplers

FALLBACK_WINDOW = 32768
"""Stands for "the whole context" where neither the server nor its owner tells how long that is (tokens)."""


@dataclass(frozen=True, slots=True)
class Knob:
    """How one sampler is written. `off` replaces the canonical neutral value."""

    wire: str
    low: float | None = None
    high: float | None = None
    off: float | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """All that one dialect knows. `whole` is what it calls the whole context in a range, None for the number
    itself; `biases` is "pairs" (texts or ids), "ids" or "" (none)."""

    knobs: Mapping[str, Knob]
    limit: str = "max_tokens"
    stop: str = "stop"
    max_stops: int | None = None
    whole: int | None = None
    biases: str = "ids"
    max_biases: int = 300
    breakers: Callable[[Iterable[str]], Any] = list
    order: Callable[[Iterable[str]], Mapping[str, Any]] | None = None
    constant: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> frozenset[str]:
        """Canonical names that have an effect."""
        extras = {
            "max_tokens": True, "stop": True, "logit_bias": bool(self.biases), "order": self.order is not None,
            "dry_sequence_breakers": "dry_multiplier" in self.knobs,
        }
        return frozenset(self.knobs).union(name for name, there in extras.items() if there)


@dataclass(frozen=True, slots=True)
class Translation:
    """Keys for the request body, names that the server lacks, and values that had to move."""

    fields: dict[str, Any]
    dropped: tuple[str, ...]
    clamped: dict[str, float]


def translate(
    table: Table, samplers: Samplers, max_tokens: int, stops: Iterable[str], window: int | None,
    unknown: frozenset[str] = frozenset(),
) -> Translation:
    """Write `samplers` in the words of `table`. `unknown` are canonical names that this very server, of all of
    its kind, does not take."""
    samplers = _without_missing_steps(samplers)
    fields: dict[str, Any] = dict(table.constant) | {table.limit: max_tokens}
    dropped: list[str] = []
    clamped: dict[str, float] = {}
    for name in _NUMBERS:
        knob = None if name in unknown else table.knobs.get(name)
        value, matters = getattr(samplers, name), _matters(samplers, name)
        if knob is None:
            if matters and name not in _COMPANIONS:
                dropped.append(name)
        elif matters or knob.always:
            fields[knob.wire] = _number(table, knob, name, value, window, clamped)
    if "dry_multiplier" in table.knobs and "dry_multiplier" not in dropped and samplers.dry_multiplier:
        breakers = [b for b in samplers.dry_sequence_breakers if b] or ["\n"]
        fields["dry_sequence_breakers"] = table.breakers(breakers)
    if wanted := [s for s in dict.fromkeys(stops) if s]:
        fields[table.stop] = wanted[: table.max_stops]
    _add_biases(table, samplers, fields, dropped)
    if table.order is not None:
        fields |= table.order(samplers.order)
    return Translation(fields, tuple(dropped), clamped)


_COMPANIONS = {
    "penalty_range": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
    "dry_base": ("dry_multiplier",), "dry_allowed_length": ("dry_multiplier",), "dry_range": ("dry_multiplier",),
    "xtc_threshold": ("xtc_probability",),
}
_NUMBERS = tuple(name for name in RANGES if name != "max_tokens")


_STEPS = {
    "penalties": ("repetition_penalty", "frequency_penalty", "presence_penalty"), "dry": ("dry_multiplier",),
    "xtc": ("xtc_probability",),
}


def _without_missing_steps(samplers: Samplers) -> Samplers:
    """A step that the chain does not list is off, on servers too that have no order to set."""
    missing = [step for step in DEFAULT_ORDER if step not in samplers.order]
    off: dict[str, Any] = {
        name: RANGES[name].neutral for step in missing for name in _STEPS.get(step, (step,))
    }
    return replace(samplers, **off) if off else samplers


def _matters(samplers: Samplers, name: str) -> bool:
    if name == "seed":
        return samplers.seed >= 0
    if name in _COMPANIONS:
        return any(_matters(samplers, leader) for leader in _COMPANIONS[name])
    return bool(getattr(samplers, name) != RANGES[name].neutral)


def _number(
    table: Table, knob: Knob, name: str, value: float, window: int | None, clamped: dict[str, float],
) -> float | int:
    if name in {"penalty_range", "dry_range"} and value == -1:
        return table.whole if table.whole is not None else (window or FALLBACK_WINDOW)
    if knob.off is not None and value == RANGES[name].neutral:
        value = knob.off
    bounded = value
    if knob.low is not None and knob.off != value:
        bounded = max(bounded, knob.low)
    if knob.high is not None:
        bounded = min(bounded, knob.high)
    if bounded != value:
        clamped[name] = bounded
    return type(value)(bounded)


def _add_biases(table: Table, samplers: Samplers, fields: dict[str, Any], dropped: list[str]) -> None:
    biases = dict(samplers.logit_bias)
    ids = {key[1:]: bias for key, bias in biases.items() if key.startswith("#") and key[1:].isdecimal()}
    if biases and table.biases == "pairs":
        fields["logit_bias"] = [
            [int(key[1:]) if key[1:] in ids else key, False if bias <= -100 else bias] for key, bias in biases.items()
        ]
        return
    if ids and table.biases == "ids":
        kept = list(ids.items())[: table.max_biases]
        fields["logit_bias"] = {key: max(-100.0, min(100.0, bias)) for key, bias in kept}
    if len(fields.get("logit_bias", ())) < len(biases):
        dropped.append("logit_bias")


_LLAMA_NAMES = ("penalties", "dry", "top_n_sigma", "top_k", "top_p", "min_p", "xtc", "temperature")


def _llama_order(order: Iterable[str]) -> Mapping[str, Any]:
    return {"samplers": [name for name in order if name in _LLAMA_NAMES]}


def _kobold_order(order: Iterable[str]) -> Mapping[str, Any]:
    """KoboldCpp's numbers; it knows top-p and min-p as one step and wants all seven exactly once."""
    numbers = {"top_k": 0, "top_p": 2, "min_p": 2, "temperature": 5, "penalties": 6}
    wanted = [numbers[name] for name in order if name in numbers]
    ordered = list(dict.fromkeys(wanted))
    absent = [n for n in (6, 0, 1, 3, 4, 2, 5) if n not in ordered]
    head = [6] if 6 in absent else []
    return {"sampler_order": head + ordered + [n for n in absent if n != 6]}


def _json_text(breakers: Iterable[str]) -> str:
    return json.dumps(list(breakers))


def _same(*names: str, always: Iterable[str] = ("temperature", "top_p")) -> dict[str, Knob]:
    sent = set(always)
    return {name: Knob(name, always=name in sent) for name in names}


_DRY = {name: Knob(name) for name in ("dry_multiplier", "dry_base", "dry_allowed_length")}
_XTC = {name: Knob(name) for name in ("xtc_probability", "xtc_threshold")}
_ALL = ("temperature", "top_k", "top_p", "min_p")
_PENALTIES = {
    "frequency_penalty": Knob("frequency_penalty", -2, 2), "presence_penalty": Knob("presence_penalty", -2, 2),
}

_LLAMACPP = Table(
    _same(*_ALL, "top_n_sigma", "frequency_penalty", "presence_penalty", "seed", always=_ALL) | _DRY | _XTC | {
        "repetition_penalty": Knob("repeat_penalty", low=0.01, always=True),
        "penalty_range": Knob("repeat_last_n", low=0),
        "dry_range": Knob("dry_penalty_last_n", low=0),
    },
    limit="n_predict", biases="pairs", order=_llama_order,
)
_LLAMA_CPP_PYTHON = Table(
    _same(*_ALL, "frequency_penalty", "presence_penalty", "seed", always=_ALL) | {
        "repetition_penalty": Knob("repeat_penalty", always=True),
    },
)
_KOBOLDCPP = Table(
    _same("top_k", "top_p", "min_p", "presence_penalty", always=_ALL) | _DRY | _XTC | {
        "temperature": Knob("temperature", low=0.01, always=True),
        "top_n_sigma": Knob("nsigma"),
        "repetition_penalty": Knob("rep_pen", always=True),
        "penalty_range": Knob("rep_pen_range"),
        "dry_range": Knob("dry_penalty_last_n"),
        "seed": Knob("sampler_seed"),
    },
    limit="max_length", stop="stop_sequence", max_stops=32, max_biases=32, order=_kobold_order,
    constant={"typical": 1.0, "tfs": 1.0, "top_a": 0.0, "rep_pen_slope": 1.0},
)
_TEXTGEN = Table(
    _same(*_ALL, "top_n_sigma", "repetition_penalty", "seed", always=(*_ALL, "repetition_penalty")) | _DRY | _XTC
    | _PENALTIES | {"penalty_range": Knob("repetition_penalty_range")},
    breakers=_json_text,
)
_TABBY = Table(
    _same("top_k", "top_p", "min_p", always=_ALL) | _XTC | {
        "temperature": Knob("temperature", 0, 10, always=True),
        "repetition_penalty": Knob("repetition_penalty", low=0.01, always=True),
        "frequency_penalty": Knob("frequency_penalty", low=0), "presence_penalty": Knob("presence_penalty", low=0),
        "penalty_range": Knob("penalty_range"),
    },
    whole=-1,
)
_VLLM = Table(
    _same("top_k", "min_p", "seed", always=_ALL) | _PENALTIES | {
        "temperature": Knob("temperature", 0, 2, always=True),
        "top_p": Knob("top_p", 0.001, 1, always=True),
        "repetition_penalty": Knob("repetition_penalty", low=0.01, always=True),
    },
    max_stops=4,
)
_APHRODITE = Table(
    {**_VLLM.knobs, "temperature": Knob("temperature", 0, always=True), "top_n_sigma": Knob("nsigma"), **_XTC,
     "dry_multiplier": Knob("dry_multiplier"), "dry_base": Knob("dry_base", low=1.01),
     "dry_allowed_length": Knob("dry_allowed_length"), "dry_range": Knob("dry_range")},
)
_SGLANG = Table(
    {**_VLLM.knobs, "top_k": Knob("top_k", off=-1, always=True),
     "repetition_penalty": Knob("repetition_penalty", 0.01, 2, always=True)},
)
_OPENAI = Table(
    _PENALTIES | {
        "temperature": Knob("temperature", 0, 2, always=True), "top_p": Knob("top_p", 0, 1, always=True),
        "seed": Knob("seed"),
    },
    max_stops=4,
)
_OPENROUTER = Table(
    {**_OPENAI.knobs, "top_k": Knob("top_k"), "min_p": Knob("min_p"), "top_p": Knob("top_p", 0.001, 1, always=True),
     "repetition_penalty": Knob("repetition_penalty", 0.01, 2)},
    max_stops=4,
)
_LMSTUDIO = Table(
    {**_OPENAI.knobs, "top_k": Knob("top_k", always=True), "repetition_penalty": Knob("repeat_penalty", always=True)},
)
_OLLAMA = Table(dict(_OPENAI.knobs), biases="")
_MISTRAL = Table(
    _PENALTIES | {
        "temperature": Knob("temperature", 0, 1.5, always=True), "top_p": Knob("top_p", 0.001, 1, always=True),
        "seed": Knob("random_seed"),
    },
    biases="",
)
_DEEPSEEK = Table(
    _PENALTIES | {
        "temperature": Knob("temperature", 0, 2, always=True), "top_p": Knob("top_p", 0.001, 1, always=True),
    },
    max_stops=16, biases="",
)

TABLES: Mapping[str, Table] = {
    "llamacpp": _LLAMACPP, "llama_cpp_python": _LLAMA_CPP_PYTHON, "koboldcpp": _KOBOLDCPP, "textgen": _TEXTGEN,
    "tabby": _TABBY, "vllm": _VLLM, "aphrodite": _APHRODITE, "sglang": _SGLANG, "openai": _OPENAI,
    "openrouter": _OPENROUTER, "lmstudio": _LMSTUDIO, "ollama": _OLLAMA, "mistral": _MISTRAL, "deepseek": _DEEPSEEK,
}
