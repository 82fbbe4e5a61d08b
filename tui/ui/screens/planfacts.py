"""A plan, or how a reply was made, in numbers and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.errors import TraktirError
from tui.i18n import tr
from tui.ui.screens.connection import found_by_words
from tui.ui.screens.page import notice_text, sentence
from tui.ui.screens.segments import LOOKS, kind_word, shares, source_words
from tui.ui.widgets.listing import Line
from tui.ui.words import rounded, thousands

#: What other views show, or what another line tells.
_ELSEWHERE = frozenset({
    "segments", "lore", "text", "notices", "state", "difference", "frozen", "variables", "counts", "count_error",
})


def plan_size(shown: Mapping[str, Any], *, reuse: bool = True) -> str:
    """`2,914 of 8,192 · 2,870 reused`, as far as it is known, `≈` before what is estimated; without the second part
    if `reuse` is False."""
    if not shown.get("tokens"):
        return ""
    told = ("≈" if shown.get("counts") == "estimate" else "") + thousands(int(shown["tokens"]))
    if shown.get("context"):
        told = tr("{used} of {all}", used=told, all=thousands(int(shown["context"])))
    if reuse and shown.get("expected_reuse") is not None:
        told += " · " + tr("{n} reused", n=thousands(int(shown["expected_reuse"])))
    return told


def number_lines(generation: Mapping[str, Any], shown: Mapping[str, Any], path: Sequence[str] = ()) -> list[Line]:
    """Tokens by kind of source, how they were counted, then the facts."""
    if not generation and not shown:
        return []
    lines = share_lines(shown.get("segments") or ())
    facts = count_lines(shown) + fact_lines(generation, shown, path)
    return [Line("", tr("Tokens by source")), *lines, Line("", tr("Facts")), *facts] if lines else facts


def share_lines(segments: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Tokens by kind of source, with their share of the prompt."""
    parts = shares(segments)
    total = max(1, sum(parts.values()))
    return [
        Line(f"share:{kind}", kind_word(kind), f"{thousands(n)}  {round(100 * n / total):>3}%", mark=LOOKS[kind][0],
             colour=LOOKS[kind][1])
        for kind, n in parts.items()
    ]


def count_lines(shown: Mapping[str, Any]) -> list[Line]:
    """How the tokens were counted, and how far off an estimate may be."""
    kind, error = shown.get("counts"), shown.get("count_error")
    if kind not in ("exact", "estimate"):
        return []
    lines = [Line("counts", tr("Counts tokens"), tr("exactly") if kind == "exact" else tr("by estimate"))]
    if kind == "estimate" and isinstance(error, (int, float)):
        lines.append(Line("count_error", tr("Error of the estimates of late"), f"± {rounded(round(100 * error, 1))}%"))
    return lines


def fact_lines(generation: Mapping[str, Any], shown: Mapping[str, Any], path: Sequence[str] = ()) -> list[Line]:
    """Numbers and names as lines: those of the generation record, or of the plan."""
    labels = _labels()
    source = generation or {k: v for k, v in shown.items() if k not in _ELSEWHERE}
    lines = []
    for name, value in flat(source):
        if text := _fact(name, value, path):
            long = len(text) > 30
            lines.append(Line(name, labels.get(name, name), "" if long else text, text if long else "", wrap=True))
    return lines


def _fact(name: str, value: Any, path: Sequence[str]) -> str:
    if name == "first_change" and value:
        return source_words({"source": str(value)}, path)
    if name in ("found_by", "template_found_by"):
        return found_by_words(value_text(value))
    if name == "miss" and isinstance(value, Mapping):
        return notice_text(value.get("notice"))
    if name == "error" and isinstance(value, Mapping):
        return sentence(TraktirError.from_json(dict(value)))
    if name == "mode":
        return {"stable": tr("what rarely changes first"), "compatible": tr("as SillyTavern has it")}.get(
            str(value), str(value or "")
        )
    if name == "reasons" and isinstance(value, Mapping):
        return "\n".join(f"{sampler}: {notice_text(told)}" for sampler, told in value.items())
    if name == "rebase":
        return tr("yes") if value else ""
    if name == "moving":
        return thousands(int(value)) if value else ""
    return value_text(value)


def _labels() -> dict[str, str]:
    return {
        "backend": tr("Backend"),
        "dialect": tr("Backend"),
        "model": tr("Model"),
        "profile": tr("Profile"),
        "template": tr("Prompt format"),
        "found_by": tr("How the format was found"),
        "template_found_by": tr("How the format was found"),
        "seconds": tr("Seconds it took"),
        "stop_string": tr("Stopped at"),
        "clamped": tr("Values brought into the backend's range"),
        "miss": tr("Why less was reused"),
        "error": tr("What went wrong"),
        "preset": tr("Sampler preset"),
        "seed": tr("Seed"),
        "prompt_tokens": tr("Prompt tokens"),
        "cached_tokens": tr("Reused by the backend"),
        "expected_reuse": tr("Reuse that was expected"),
        "completion_tokens": tr("Tokens of the reply"),
        "tokens_per_second": tr("Tokens a second"),
        "ttft_ms": tr("Milliseconds to the first token"),
        "finish": tr("How it ended"),
        "dropped": tr("Samplers that the backend does not know"),
        "reasons": tr("Why these samplers were left out or moved"),
        "first_change": tr("First segment that differs"),
        "reserve": tr("Kept free for the reply"),
        "context": tr("Context"),
        "tokens": tr("Prompt tokens"),
        "stops": tr("Stops at"),
        "samplers": tr("Samplers"),
        "mode": tr("Order of the prompt"),
        "rebase": tr("The beginning of the history moved"),
        "moving": tr("Processed anew on each turn because of what stands at a depth"),
    }


def flat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Pairs of a record, those of usage and timings pulled up one level."""
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        if name in ("usage", "timings") and isinstance(value, Mapping):
            pairs.extend(flat(value))
        else:
            pairs.append((name, value))
    return list(dict(pairs).items())


def value_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {value_text(v)}" for k, v in value.items() if value_text(v))
    if isinstance(value, (list, tuple)):
        return ", ".join(repr(v) if isinstance(v, str) else value_text(v) for v in value)
    return "" if value is None else rounded(value)
