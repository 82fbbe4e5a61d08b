"""What a chat itself sets over its card, and what it begins with."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tui.domain.card import Card
from tui.domain.chat import Chat
from tui.domain.lore import TurnKind
from tui.domain.macros import MacroContext, expand
from tui.domain.prompt.render import plan_prefill
from tui.domain.prompt.types import LoreTimer, Plan, PlanState, Turn


def overridden(card: Card, fields: Mapping[str, Any]) -> Card:
    """The card with the chat's own system prompt in the place of the card's."""
    own = fields.get("system_prompt")
    return replace(card, system_prompt=own) if own else card


def first_state(fields: Mapping[str, Any]) -> PlanState:
    """What the first turn begins with: the chat's variables and running lore effects."""
    timers = tuple(LoreTimer(**timer) for timer in fields.get("lore_timers") or ())
    return PlanState(variables=fields.get("variables") or {}, timers=timers)


def start_of_reply(chat: Chat, kind: TurnKind, user: str, char: str, clock: datetime.datetime) -> str:
    """What all replies of a chat start with. A message that is continued, or the person's own, starts by itself."""
    text = str(chat.fields.get("prefill") or "")
    if not text or kind not in ("normal", "swipe", "regenerate"):
        return ""
    return expand(text, MacroContext(user=user, char=char, clock=clock.isoformat("T", "seconds"), seed=chat.created_ms))


def opening_of(turn: Turn, plan: Plan) -> str:
    """The words that the prompt has begun a new reply with: they belong to it. SillyTavern keeps them as the person
    wrote them, blanks and all."""
    return turn.prefill if turn.prompt.mode == "compatible" else plan_prefill(plan)
