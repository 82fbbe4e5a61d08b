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

#: Order of the sampler chain when a preset names none: llama.cpp's own default.
DEFAULT_ORDER: tuple[str, ...] = (
    "penalties", "dry", "top_n_sigma", "top_k", "top_p", "min_p", "xtc", "temperature",
)


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
    "top_n_sigma": Range(0.0, 10.0, 0.0),
    "repetition_penalty": Range(0.01, 3.0, 1.0),
    "frequency_penalty": Range(-2.0, 2.0, 0.0),
    "presence_penalty": Range(-2.0, 2.0, 0.0),
    "penalty_range": Range(-1, 131072, None),
    "dry_multiplier": Range(0.0, 10.0, 0.0),
    "dry_base": Range(1.0, 4.0, None),
    "dry_allowed_length": Range(1, 64, None),
    "dry_range": Range(-1, 131072, None),
    "xtc_probability": Range(0.0, 1.0, 0.0),
    "xtc_threshold": Range(0.0, 1.0, None),
    "seed": Range(-1, 2**32 - 1, None),
    "max_tokens": Range(1, 32768, None),
}


@dataclass(frozen=True, slots=True)
class Samplers:
    """One complete set. Penalty and DRY ranges count tokens; -1 means the whole context, 0 switches them off.

    `seed` -1 draws a new one each time. `logit_bias` maps text (tokenised by the backend) or a token id as
    `#123` to a bias; -100 and below forbids. `order` lists the chain; a sampler not in it is off.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.05
    top_n_sigma: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_range: int = 512
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_range: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
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


def parse_value(name: str, value: Any) -> Any:
    """The value of sampler `name` in its proper type. Raises BadInput that names the field."""
    if name in RANGES:
        return _number(name, value)
    if name in {"dry_sequence_breakers", "stop", "order"}:
        return _texts(name, value)
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
        unknown = [i for i in items if i not in DEFAULT_ORDER]
        if unknown:
            told = notice("{field} names an unknown step: {value}.", field=name, value=unknown[0][:40])
            raise BadInput(told, field=name)
    return tuple(items)


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
