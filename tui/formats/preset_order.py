"""The order of other programs' samplers as a chain of ours: names of llama.cpp and text-generation-webui, numbers of
KoboldAI and NovelAI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.samplers import DEFAULT_ORDER
from tui.formats.coerce import flag
from tui.formats.preset_report import Report, shown

_NAMED: Mapping[str, str] = {
    "repetition_penalty": "penalties", "presence_penalty": "penalties", "frequency_penalty": "penalties",
    "penalties": "penalties", "temp": "temperature", "dynamic_temperature": "temperature",
    "typ_p": "typical_p", "tfs_z": "tfs", "quadratic_sampling": "smoothing", "mirostat": "",
    **{step: step for step in DEFAULT_ORDER},
}
#: KoboldCpp's numbers; 2 stands for both, and it smooths where it sets the temperature.
_KOBOLD: Mapping[int, tuple[str, ...]] = {
    0: ("top_k",), 1: ("top_a",), 2: ("top_p", "min_p"), 3: ("tfs",), 4: ("typical_p",),
    5: ("temperature", "smoothing"), 6: ("penalties",),
}
#: NovelAI's.
_NOVEL: Mapping[int, tuple[str, ...]] = {
    0: ("temperature",), 1: ("top_k",), 2: ("top_p",), 3: ("tfs",), 4: ("top_a",), 5: ("typical_p",), 10: ("min_p",),
}
#: What KoboldCpp does before its order; XTC it does after it.
_FIRST = ("penalties", "dry", "no_repeat_ngram", "top_n_sigma")
#: What comes after everything where nothing else is said: the latter chooses the token itself.
_LAST = ("skew", "adaptive_p")
#: What the temperature follows where it is to be last.
_BEFORE_LAST = frozenset({
    "top_n_sigma", "top_k", "typical_p", "tfs", "top_a", "epsilon_cutoff", "eta_cutoff", "top_p", "min_p", "xtc",
    "smoothing",
})
_NEWER = frozenset({"penalties", "dry", "xtc", "top_n_sigma"})


def chain_of(fields: Mapping[str, Any], dialect: str, report: Report) -> tuple[str, ...]:
    """The chain, () where it is the usual one or the preset gives none."""
    chain: tuple[str, ...] = ()
    if dialect == "novel":
        chain = _numbered("order", fields.get("order"), _NOVEL, report)
    elif dialect == "kobold":
        chain = _numbered("sampler_order", fields.get("sampler_order"), _KOBOLD, report)
    elif dialect in ("textgen", "ooba"):
        chain = _named(fields, report)
        if "temperature_last" in fields and flag(fields["temperature_last"], False):
            chain = _temperature_last(chain or DEFAULT_ORDER)
    return () if chain == DEFAULT_ORDER else chain


def _named(fields: Mapping[str, Any], report: Report) -> tuple[str, ...]:
    for field in ("samplers", "sampler_priority"):
        value = fields.get(field)
        items = value.split("\n") if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            continue
        names = [_NAMED.get(item.strip().replace("-", "_"), "") for item in items[:100] if isinstance(item, str)]
        steps = list(dict.fromkeys(name for name in names if name))
        if len([i for i in items if isinstance(i, str)]) < len(items[:100]):
            report.add("{field} ({value}) names steps that are none; they were left out.",
                       field=field, value=shown(value))
        if steps:
            # A list from before these steps existed does not mean to switch them off.
            return tuple(steps) if _NEWER & set(steps) and field == "samplers" else _filled_up(steps)
    return ()


def _temperature_last(chain: Sequence[str]) -> tuple[str, ...]:
    """The chain with the temperature after everything that cuts tokens off."""
    rest = [step for step in chain if step != "temperature"]
    cuts = [at for at, step in enumerate(rest) if step in _BEFORE_LAST]
    place = max(cuts[-1] + 1 if cuts else 0, list(chain).index("temperature") if "temperature" in chain else 0)
    return (*rest[:place], "temperature", *rest[place:])


def _filled_up(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps, and those that they do not speak of, each after the one that it usually follows."""
    chain, before = list(steps), -1
    for step in DEFAULT_ORDER:
        if step not in chain:
            chain.insert(len(chain) if step in _LAST else before + 1, step)
        before = chain.index(step)
    return tuple(chain)


def _numbered(field: str, value: Any, steps: Mapping[int, tuple[str, ...]], report: Report) -> tuple[str, ...]:
    if value is None:
        return ()
    numbers = value if isinstance(value, list) else []
    sound = [n for n in numbers[:100] if isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= 12]
    if len(sound) < len(numbers) or not sound or len(set(sound)) < len(sound):
        report.add("{field} ({value}) was left out: it is no order of samplers.", field=field, value=shown(value))
        return ()
    return _completed([step for n in sound for step in steps.get(n, ())])


def _completed(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps with those that they do not speak of at their usual ends: none is switched off."""
    before = [step for step in _FIRST if step not in steps]
    missing = [step for step in DEFAULT_ORDER if step not in steps and step not in before]
    return (*before, *steps, *missing)
