"""The other prompt of guidance: what replies are led away from."""

from __future__ import annotations

from dataclasses import replace

from tui.domain.prompt.types import Plan, Segment


def without_head(plan: Plan, text: str) -> Plan:
    """`plan` with `text` in the place of its head (system text, card, persona, constant lore); "" leaves nothing there.
    What follows stays, so that both prompts differ in nothing else."""
    head = [segment for segment in plan.segments if segment.volatility == "head" and segment.included]
    rest = tuple(segment for segment in plan.segments if segment.volatility != "head")
    if not text.strip():
        return replace(plan, segments=rest)
    block = head[0].block if head else ""
    return replace(plan, segments=(Segment("system", "system", text, 0, "head", block=block), *rest))
