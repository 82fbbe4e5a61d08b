"""The compatible mode's way in: a turn to a plan, a plan to a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from tui.domain.backend import Piece
from tui.domain.prompt.compatible.history import Rewrite
from tui.domain.prompt.compatible.settings import settings_of
from tui.domain.prompt.compatible.text_plan import Assembly, make_text_plan
from tui.domain.prompt.types import Counter, LoreHit, Plan, Turn


def make_compatible_plan(
    turn: Turn, count: Counter, count_markup: Counter, lore: Sequence[LoreHit] = (), *, rewrite: Rewrite | None = None,
) -> Plan:
    settings = settings_of(turn)
    assembly = Assembly.of(turn, settings, lore, rewrite)
    return make_text_plan(assembly, count_markup)


def compatible_pieces(plan: Plan, turn: Turn) -> tuple[str, tuple[Piece, ...]]:
    return turn.template.bos, tuple(piece for s in plan.segments if s.included for piece in s.pieces)
