"""Samplers that are lists, texts or orders, in each server's form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.backends.knobs import Knob, Table, reason
from tui.domain.notice import Notice, notice
from tui.domain.samplers import DEFAULT_ORDER, Samplers

_MOST_BANS = 1000
_NEVER = -100.0
#: Steps that cut tokens off: the temperature is last where it comes after them.
_CUTS = ("top_n_sigma", "top_k", "typical_p", "tfs", "top_a", "epsilon_cutoff", "eta_cutoff", "top_p", "min_p")


@dataclass(slots=True)
class Draft:
    """A translation in the making."""

    table: Table
    unknown: frozenset[str]
    fields: dict[str, Any]
    chat: bool = False
    dropped: list[str] = field(default_factory=list)
    clamped: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, Notice] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.table.knobs and name not in self.unknown

    def put(self, name: str, value: Any) -> None:
        self.fields[self.table.knobs[name].wire] = value

    def drop(self, name: str, why: Notice | None = None) -> None:
        if name not in self.dropped:
            self.dropped.append(name)
        if why is None:
            why = reason("refused", self.table.label) if name in self.unknown else self.table.why(name)
        self.reasons[name] = why

    def clamp(self, name: str, value: float, why: Notice) -> None:
        self.clamped[name], self.reasons[name] = value, why

    def put_or_drop(self, name: str, value: Any) -> None:
        if self.has(name):
            self.put(name, value)
        else:
            self.drop(name)

    def cut(self, name: str, items: Sequence[Any]) -> Sequence[Any]:
        """As many of `items` as the server takes; that some were too many is told."""
        most = self.table.knobs[name].most
        if most is None or len(items) <= most:
            return items
        self.drop(name, notice("{server} takes the first {n} of {all} only.", server=self.table.label, n=most,
                               all=len(items)))
        return items[:most]

    def breakers(self, breakers: Sequence[str]) -> None:
        """The texts that end a repeated sequence."""
        if not self.has("dry_sequence_breakers"):
            return
        kept = list(self.cut("dry_sequence_breakers", breakers))
        self.put("dry_sequence_breakers",
                 json.dumps(kept) if self.table.knobs["dry_sequence_breakers"].form == "json" else kept)


def write_lists(draft: Draft, samplers: Samplers) -> None:
    """Biases, forbidden tokens and forbidden phrases."""
    biases = dict(samplers.logit_bias)
    if samplers.banned_tokens:
        banned = [t for t in dict.fromkeys(samplers.banned_tokens) if t][:_MOST_BANS]
        form = draft.table.knobs["banned_tokens"].form if draft.has("banned_tokens") else ""
        if form in ("ids", "pairs"):
            biases |= dict.fromkeys(banned, _NEVER)
            if form == "ids" and any(_id(token) is None for token in banned):
                draft.drop("banned_tokens", reason("ids", draft.table.label))
        else:
            _write_bans(draft, banned)
    if biases:
        _write_biases(draft, biases, dict(samplers.logit_bias))
    if samplers.banned_strings:
        if draft.has("banned_strings"):
            draft.put("banned_strings", list(draft.cut("banned_strings", list(dict.fromkeys(samplers.banned_strings)))))
        else:
            draft.drop("banned_strings")


def _id(text: str) -> int | None:
    """The token number of `#123`, None for a text."""
    digits = text[1:] if text.startswith("#") and len(text) < 12 else ""
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def _write_bans(draft: Draft, banned: Sequence[str]) -> None:
    if not draft.has("banned_tokens"):
        draft.drop("banned_tokens")
        return
    ids = [number for token in banned if (number := _id(token)) is not None]
    if len(ids) < len(banned):
        draft.drop("banned_tokens", reason("ids", draft.table.label))
    if ids:
        as_text = draft.table.knobs["banned_tokens"].form == "csv"
        draft.put("banned_tokens", ",".join(map(str, ids)) if as_text else ids)


def _write_biases(draft: Draft, biases: Mapping[str, float], own: Mapping[str, float]) -> None:
    """`own` are those that a person set as biases; the others are bans."""
    if not draft.has("logit_bias"):
        if own:
            draft.drop("logit_bias")
        return
    knob = draft.table.knobs["logit_bias"]
    if knob.form == "pairs":
        draft.put("logit_bias", [
            [key if (number := _id(key)) is None else number, False if bias <= _NEVER else bias]
            for key, bias in biases.items()
        ])
        return
    by_id = [(str(number), _inside(knob, bias)) for key, bias in biases.items() if (number := _id(key)) is not None]
    if any(_id(key) is None for key in own):
        draft.drop("logit_bias", reason("ids", draft.table.label))
    if kept := dict(draft.cut("logit_bias", by_id)):
        draft.put("logit_bias", kept)


def _inside(knob: Knob, bias: float) -> float:
    low, high = (knob.low if knob.low is not None else bias), (knob.high if knob.high is not None else bias)
    return max(float(low), min(float(high), bias))


def write_schemas(draft: Draft, samplers: Samplers) -> None:
    """Grammar or schema, never both: servers refuse that or take one at will. An empty one is not sent either: an
    empty grammar switches llama-server's schema off."""
    grammar, schema = samplers.grammar, samplers.json_schema
    if grammar:
        knob = draft.table.knobs.get("grammar")
        value: Any = {"grammar": grammar} if knob is not None and knob.form == "structured" else grammar
        draft.put_or_drop("grammar", value)
    if not schema:
        return
    if grammar and draft.has("grammar"):
        draft.drop("json_schema", reason("either", draft.table.label))
        return
    if not draft.has("json_schema"):
        draft.drop("json_schema")
        return
    try:
        document = json.loads(schema)
    except (ValueError, RecursionError):
        draft.drop("json_schema", reason("schema", draft.table.label))
        return
    draft.put("json_schema", _SCHEMAS[draft.table.knobs["json_schema"].form](document))


_SCHEMAS: Mapping[str, Any] = {
    "": lambda document: document,
    "object": lambda document: document,
    "text": json.dumps,
    "structured": lambda document: {"json": document},
    "response_format": lambda document: {
        "type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": document},
    },
}


def write_order(draft: Draft, samplers: Samplers) -> None:
    """The chain. A server that has none of its own to set is told apart from one that nobody asked for another."""
    order = samplers.order
    if draft.has("order"):
        knob = draft.table.knobs["order"]
        draft.put("order", _ORDERS[knob.form](order, knob.steps))
    elif _moved(order):
        why = draft.table.unsupported.get("order", "")
        draft.drop("order", reason("order", draft.table.label) if why in ("absent", "service", "") else None)


def _moved(order: Sequence[str]) -> bool:
    """Whether steps stand in another order than usual; leaving one out is no other order."""
    usual = [step for step in DEFAULT_ORDER if step in order]
    return [step for step in order if step in usual] != usual


def _names(order: Iterable[str], steps: Mapping[str, Any]) -> list[str]:
    found = [steps[step] for step in order if step in steps]
    return list(dict.fromkeys(name for one in found for name in (one if isinstance(one, list) else [one])))


def _numbers(order: Iterable[str], steps: Mapping[str, Any]) -> list[int]:
    """KoboldCpp's numbers: all of them once, the penalties first where the chain does not name them."""
    ordered = list(dict.fromkeys(steps[step] for step in order if step in steps))
    absent = [n for n in dict.fromkeys(steps.values()) if n not in ordered]
    first = [steps["penalties"]] if steps.get("penalties") in absent else []
    return first + ordered + [n for n in absent if n not in first]


def _temperature_last(order: Sequence[str], _: Mapping[str, Any]) -> bool:
    if "temperature" not in order:
        return True
    place = list(order).index("temperature")
    return all(step not in _CUTS for step in order[place + 1:])


_ORDERS: Mapping[str, Any] = {"names": _names, "numbers": _numbers, "temperature_last": _temperature_last}
