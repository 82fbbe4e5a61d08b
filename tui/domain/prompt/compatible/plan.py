"""The compatible mode's way in: a turn to a plan."""

from __future__ import annotations

from collections.abc import Sequence

from tui.domain.prompt.compatible.assembly import Assembly
from tui.domain.prompt.compatible.chat_plan import make_chat_plan
from tui.domain.prompt.compatible.chat_settings import ChatPreset
from tui.domain.prompt.compatible.history import Rewrite
from tui.domain.prompt.compatible.settings import settings_of
from tui.domain.prompt.compatible.text_plan import make_text_plan
from tui.domain.prompt.types import Counter, LoreHit, Plan, Turn


def make_compatible_plan(
    turn: Turn, count: Counter, count_markup: Counter | None = None, lore: Sequence[LoreHit] = (), *,
    rewrite: Rewrite | None = None,
) -> Plan:
    """The plan of one turn as SillyTavern 1.19 assembles it: a text, or messages where the turn asks for those.

    `count` counts texts (special tokens not read), `count_markup` what holds the format's literals; by default it is
    `count`. `lore` are the hits of the turn's scan, in the order in which it sorts entries. `rewrite` is what regular
    expressions make of messages and thoughts on their way into the prompt.
    The plan's state is the turn's own with history, examples and cache brought up to date; nothing in it is frozen.
    Raises PromptTooLong when the newest message does not fit beside what is always there, BadInput for a story string
    that cannot be read.
    """
    settings = settings_of(turn)
    assembly = Assembly.of(turn, settings, lore, rewrite)
    if turn.as_messages:
        return make_chat_plan(assembly, ChatPreset.of(turn), count)
    return make_text_plan(assembly, count_markup or count)
