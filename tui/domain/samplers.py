"""Sampler settings by their canonical names, with ranges and neutral values.

Names and ranges follow llama.cpp's where it has the sampler. A neutral value changes nothing and need not be
sent, except where a server's own default differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tui.domain.errors import BadInput
from tui.domain.notice import notice

#: Order of the sampler chain when a preset names none: llama.cpp's own default, with the steps that it lacks where
#: the programs that have them put them.
DEFAULT_ORDER: tuple[str, ...] = (
    "penalties", "dry", "no_repeat_ngram", "top_n_sigma", "top_k", "typical_p", "tfs", "top_a", "epsilon_cutoff",
    "eta_cutoff", "top_p", "min_p", "xtc", "smoothing", "temperature", "skew", "adaptive_p",
)

#: Every step that an order may name; `infill` is for filling a gap in a text and in no default.
STEPS: frozenset[str] = frozenset((*DEFAULT_ORDER, "infill"))


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds (inclusive) and the neutral value of a number; `neutral` is None where no value is."""

    low: float
    high: float
    neutral: float | None


RANGES: Mapping[str, Range] = {
    "temperature": Range(0.0, 5.0, 1.0),
    "top_k": Range(0, 1000, 0),
    "top_p": Range(0.0, 1.0, 1.0),
    "min_p": Range(0.0, 1.0, 0.0),
    "typical_p": Range(0.0, 1.0, 1.0),
    "top_a": Range(0.0, 1.0, 0.0),
    "tfs": Range(0.0, 1.0, 1.0),
    "epsilon_cutoff": Range(0.0, 1.0, 0.0),
    "eta_cutoff": Range(0.0, 1.0, 0.0),
    "top_n_sigma": Range(0.0, 10.0, 0.0),
    "dynatemp_range": Range(0.0, 5.0, 0.0),
    "dynatemp_exponent": Range(0.01, 10.0, None),
    "smoothing_factor": Range(0.0, 10.0, 0.0),
    "smoothing_curve": Range(1.0, 10.0, None),
    "skew": Range(-5.0, 5.0, 0.0),
    "mirostat": Range(0, 2, 0),
    "mirostat_tau": Range(0.0, 20.0, None),
    "mirostat_eta": Range(0.0, 1.0, None),
    "adaptive_target": Range(-1.0, 1.0, -1.0),
    "adaptive_decay": Range(0.0, 0.99, None),
    "repetition_penalty": Range(0.01, 3.0, 1.0),
    "frequency_penalty": Range(-2.0, 2.0, 0.0),
    "presence_penalty": Range(-2.0, 2.0, 0.0),
    "penalty_range": Range(-1, 131072, None),
    "penalty_slope": Range(0.0, 10.0, 0.0),
    "encoder_repetition_penalty": Range(0.8, 1.5, 1.0),
    "contrastive_alpha": Range(0.0, 5.0, 0.0),
    "no_repeat_ngram": Range(0, 100, 0),
    "dry_multiplier": Range(0.0, 10.0, 0.0),
    "dry_base": Range(1.0, 4.0, None),
    "dry_allowed_length": Range(1, 64, None),
    "dry_range": Range(-1, 131072, None),
    "xtc_probability": Range(0.0, 1.0, 0.0),
    "xtc_threshold": Range(0.0, 1.0, None),
    "guidance_scale": Range(0.0, 20.0, 1.0),
    "min_tokens": Range(0, 32768, 0),
    "beams": Range(1, 16, 1),
    "logprobs": Range(0, 20, 0),
    "seed": Range(-1, 2**32 - 1, None),
    "max_tokens": Range(1, 32768, None),
}


@dataclass(frozen=True, slots=True)
class Samplers:
    """One complete set. Penalty and DRY ranges count tokens; -1 means the whole context, 0 switches them off.

    `seed` -1 draws a new one each time. `logit_bias` maps text (tokenised by the backend) or a token id as
    `#123` to a bias; -100 and below forbids. `order` lists the chain; a sampler not in it is off.

    Dynamic temperature goes from `temperature` - `dynatemp_range` to `temperature` + `dynatemp_range` with the
    entropy. `smoothing_factor` with `smoothing_curve` 1 is the quadratic transformation. `epsilon_cutoff` and
    `eta_cutoff` are probabilities (not ten-thousandths). `mirostat` 1 or 2 takes the place of the whole chain.
    `adaptive_target` below 0 is off. `penalty_slope` makes tokens further back weigh less (0: all alike).
    `guidance_scale` 1 is off; `negative_prompt` is what it leads away from ("" the prompt without its head).
    `banned_strings` are phrases that must not come, found in the text and not in tokens; `banned_tokens` are texts or
    `#id`. `min_tokens`: so many before the reply may end; `ignore_eos`: it ends by its length alone. `grammar` is
    GBNF, `json_schema` a JSON Schema as text; only one of them. `beams` above 1 searches for the likeliest reply.
    `logprobs`: so many rivals of every token are told.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.05
    typical_p: float = 1.0
    top_a: float = 0.0
    tfs: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    top_n_sigma: float = 0.0
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    smoothing_factor: float = 0.0
    smoothing_curve: float = 1.0
    skew: float = 0.0
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    adaptive_target: float = -1.0
    adaptive_decay: float = 0.9
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_range: int = 512
    penalty_slope: float = 0.0
    encoder_repetition_penalty: float = 1.0
    contrastive_alpha: float = 0.0
    no_repeat_ngram: int = 0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_range: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    guidance_scale: float = 1.0
    negative_prompt: str = ""
    banned_strings: tuple[str, ...] = ()
    banned_tokens: tuple[str, ...] = ()
    min_tokens: int = 0
    ignore_eos: bool = False
    grammar: str = ""
    json_schema: str = ""
    beams: int = 1
    logprobs: int = 0
    seed: int = -1
    max_tokens: int = 400
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[str, float] = field(default_factory=dict)
    order: tuple[str, ...] = DEFAULT_ORDER

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            out[f.name] = list(value) if isinstance(value, tuple) else dict(value) if f.name == "logit_bias" else value
        return out

    def with_values(self, values: Mapping[str, Any]) -> Samplers:
        """A copy with `values` (canonical names; numbers may be text) set.

        Raises BadInput naming the field for an unknown name, a wrong type or a number out of range.
        """
        return replace(self, **{name: parse_value(name, value) for name, value in values.items()})


SAMPLER_NAMES: tuple[str, ...] = tuple(f.name for f in fields(Samplers))
_INTEGERS = {f.name for f in fields(Samplers) if f.type == "int"}
#: Samplers that are lists of texts, single texts, and switches; all others but `logit_bias` are numbers.
LISTS = frozenset({"dry_sequence_breakers", "stop", "order", "banned_strings", "banned_tokens"})
TEXTS = frozenset({"negative_prompt", "grammar", "json_schema"})
SWITCHES = frozenset({"ignore_eos"})
#: The longest text that a sampler takes, in characters.
TEXT_LIMIT = 200_000


def parse_value(name: str, value: Any) -> Any:
    """The value of sampler `name` in its proper type. Raises BadInput that names the field."""
    if name in RANGES:
        return _number(name, value)
    if name in LISTS:
        return _texts(name, value)
    if name in TEXTS:
        return _text(name, value)
    if name in SWITCHES:
        return _switch(name, value)
    if name == "logit_bias":
        return _bias(value)
    raise BadInput(notice("There is no sampler called {field}.", field=name), field=name)


def _number(name: str, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadInput(notice("{field} must be a number.", field=name), field=name)
    try:
        number = float(value)
        whole = int(number)
    except (ValueError, OverflowError):
        told = notice("{field} must be a number, not {value}.", field=name, value=str(value)[:40])
        raise BadInput(told, field=name) from None
    bounds = RANGES[name]
    if not bounds.low <= number <= bounds.high:
        raise BadInput(
            notice("{field} must lie between {low} and {high}.", field=name, low=bounds.low, high=bounds.high),
            field=name,
        )
    if name not in _INTEGERS:
        return number
    if whole != number:
        raise BadInput(notice("{field} must be a whole number.", field=name), field=name)
    return whole


def _texts(name: str, value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(i, str) and i for i in items):
        raise BadInput(notice("{field} must be a list of texts that are not empty.", field=name), field=name)
    if name == "order":
        unknown = [i for i in items if i not in STEPS]
        if unknown:
            told = notice("{field} names an unknown step: {value}.", field=name, value=unknown[0][:40])
            raise BadInput(told, field=name)
    return tuple(items)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadInput(notice("{field} must be a text.", field=name), field=name)
    if len(value) > TEXT_LIMIT:
        raise BadInput(notice("{field} is longer than {limit} characters.", field=name, limit=TEXT_LIMIT), field=name)
    return value


def _switch(name: str, value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, bool):
        return value
    known = words.get(str(value).strip().lower())
    if known is None:
        raise BadInput(notice("{field} must be true or false.", field=name), field=name)
    return known


def _bias(value: Any) -> dict[str, float]:
    refusal = BadInput(notice("{field} must map texts to numbers.", field="logit_bias"), field="logit_bias")
    if not isinstance(value, Mapping):
        raise refusal
    out: dict[str, float] = {}
    for text, bias in value.items():
        try:
            out[str(text)] = max(-1000.0, min(1000.0, float(bias)))
        except (TypeError, ValueError):
            raise refusal from None
    return out
