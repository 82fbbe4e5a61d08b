"""What is told and stored about a reply: its record, its outcome, the cause of a cache miss, the offer of a summary."""

from __future__ import annotations

from typing import Any

from tui.core.planning import Prepared
from tui.domain.backend import Finish, Usage
from tui.domain.errors import TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.picture_marks import labelled
from tui.domain.prompt.head import TOO_MUCH
from tui.domain.prompt.types import Plan

#: A block cut is near when this share of the window beside the reserve is used; then a summary is offered.
OFFER_SHARE = 0.85


def prepared_to_json(prepared: Prepared) -> dict[str, Any]:
    """The plan of a reply as it is stored and shown, and how its tokens were counted."""
    told: dict[str, Any] = labelled(plan_to_json(prepared.plan), prepared.shown)
    return told | {
        "counts": prepared.counts, "count_error": prepared.count_error, "mode": prepared.turn.prompt.mode,
        "variables": dict(prepared.plan.state.variables),
    }


def plan_to_json(plan: Plan) -> dict[str, Any]:
    return {
        "segments": [s.to_json() for s in plan.segments], "lore": [h.to_json() for h in plan.lore],
        "stops": list(plan.stops), "tokens": plan.tokens, "expected_reuse": plan.expected_reuse,
        "first_change": plan.first_change, "notices": [n.to_json() for n in plan.notices], "rebase": plan.rebase,
        "moving": plan.moving, "recalled": [r.to_json() for r in plan.recalled],
    }


def record(prepared: Prepared, finish: Finish, seconds: float) -> dict[str, Any]:
    """The generation record of a reply: everything needed to explain it, or to make it again."""
    link = prepared.link
    return {
        "backend": link.capabilities.dialect, "model": link.capabilities.model, "profile": link.profile.id,
        "template": link.template.id, "template_found_by": link.found_by, "preset": link.profile.samplers,
        "seed": finish.seed, "samplers": prepared.samplers.to_json(), "finish": finish.reason,
        "stop_string": finish.stop_string, "prompt_tokens": finish.usage.prompt_tokens or prepared.prompt_tokens,
        "cached_tokens": finish.usage.cached_tokens, "completion_tokens": finish.usage.completion_tokens,
        "cost": finish.usage.cost, "ttft_ms": finish.ttft_ms, "tokens_per_second": finish.tokens_per_second,
        "seconds": round(seconds, 3), "context": link.context,
        "expected_reuse": prepared.plan.expected_reuse, "first_change": prepared.plan.first_change,
        "miss": cache_miss(prepared, finish), "dropped": list(finish.dropped), "clamped": dict(finish.clamped),
        "reasons": _reasons(finish), "error": finish.error.to_json() if finish.error else None,
    }


def outcome(prepared: Prepared, finish: Finish, error: TraktirError | None, *, stored: bool) -> dict[str, Any]:
    """How a turn ended, for the status line; `stored` says whether any text came."""
    plan, link, usage = prepared.plan, prepared.link, finish.usage
    prompt = usage.prompt_tokens or prepared.prompt_tokens
    used = prompt + (usage.completion_tokens or 0)
    near = used > OFFER_SHARE * (link.context - prepared.turn.budget.reserve)
    return {
        "finish": "error" if error is not None and not stored else finish.reason,
        "error": error.to_json() if error else None, "used": used, "context": link.context, "prompt_tokens": prompt,
        "reused": usage.cached_tokens, "expected_reuse": plan.expected_reuse, "first_change": plan.first_change,
        "completion_tokens": usage.completion_tokens, "tokens_per_second": finish.tokens_per_second,
        "ttft_ms": finish.ttft_ms, "lore": sum(1 for h in plan.lore if h.fired), "dropped": list(finish.dropped),
        "clamped": dict(finish.clamped), "reasons": _reasons(finish), "cut": len(plan.cut),
        "miss": cache_miss(prepared, finish),
        "notices": [n.to_json() for n in (*plan.notices, *prepared.notices, *finish.notices, *_shifted(usage))],
        "model": link.capabilities.model, "template": link.template.id, "counts": prepared.counts,
        "offer": offer(prepared) if near or plan.cut else None,
    }


def _reasons(finish: Finish) -> dict[str, Any]:
    """Why samplers were left out or moved, by name."""
    return {name: told.to_json() for name, told in finish.reasons.items()}


def _shifted(usage: Usage) -> tuple[Notice, ...]:
    """The caveat of cutting a block out of the engine's memory."""
    if not usage.shifted:
        return ()
    return (
        notice(
            "{tokens} tokens were moved up in the engine's memory instead of being processed again. They were read "
            "with what was cut still in view, so the reply may differ from that of a fresh reading.",
            tokens=usage.shifted,
        ),
    )


def cache_miss(prepared: Prepared, finish: Finish) -> dict[str, Any] | None:
    """Why less of the prompt was reused than the plan expected; None when it was not, or the backend does not say.

    Openers and turn ends are shared between segments, so some tokens of difference mean nothing.
    """
    reused, expected = finish.usage.cached_tokens, prepared.plan.expected_reuse
    if reused is None or reused >= expected - max(16, expected // 20):
        return None
    cause = prepared.plan.first_change
    told = (
        notice("Less was reused than expected: the prompt changed at {source}.", source=cause) if cause
        else notice("Less was reused than expected: the backend no longer had the rest.")
    )
    return {"expected": expected, "reused": reused, "first_change": cause, "notice": told.to_json()}


def offer(prepared: Prepared) -> dict[str, Any] | None:
    """The range that a summary should take in: what was just cut, or what the next block cut would take."""
    if prepared.plan.cut:
        return {"first": prepared.plan.cut[0], "last": prepared.plan.cut[-1], "messages": len(prepared.plan.cut)}
    history = [s for s in prepared.plan.segments if s.included and s.source.startswith("message:")]
    keep = prepared.turn.prompt.history_share * sum(s.tokens for s in history)
    leaving: list[str] = []
    total = sum(s.tokens for s in history)
    for segment in history[:-2]:
        if total <= keep:
            break
        total -= segment.tokens
        leaving.append(segment.source.removeprefix("message:"))
    return {"first": leaving[0], "last": leaving[-1], "messages": len(leaving)} if leaving else None


def crowd(prepared: Prepared) -> list[str]:
    """The older half of the summaries that stand, where there was no room for all of them: one may stand for it."""
    found = [s for s in prepared.plan.segments if s.source.startswith("summary:")]
    if all(s.why != TOO_MUCH for s in found):
        return []
    standing = [s.source.removeprefix("summary:") for s in found if s.included or s.why == TOO_MUCH]
    return standing[:max(2, (len(standing) + 1) // 2)]
