"""The compatible mode's way in: a turn to a plan, a plan to a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tui.domain.backend import ChatMessage, Piece
from tui.domain.prompt.compatible.assembly import Assembly
from tui.domain.prompt.compatible.chat_plan import make_chat_plan
from tui.domain.prompt.compatible.chat_settings import ChatPreset
from tui.domain.prompt.compatible.history import Rewrite
from tui.domain.prompt.compatible.settings import settings_of
from tui.domain.prompt.compatible.text_plan import make_text_plan
from tui.domain.prompt.types import Counter, LoreHit, Plan, Segment, Turn


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


def compatible_pieces(plan: Plan, turn: Turn) -> tuple[str, tuple[Piece, ...]]:
    """The format's BOS, for backends that add none, and the prompt after it."""
    return turn.template.bos, tuple(piece for s in plan.segments if s.included for piece in s.pieces)


def compatible_messages(plan: Plan, turn: Turn) -> tuple[ChatMessage, ...]:
    """The plan as messages. One that was made as a text gives its parts without the format's literals."""
    included = [s for s in plan.segments if s.included]
    out = []
    for at, block in _blocks(included):
        content = "".join(_content(s, turn.as_messages) for s in block)
        if not turn.as_messages:
            content = content.strip("\n")
        if content:
            first = included[at]
            out.append(ChatMessage(first.role, content, first.name if turn.as_messages else ""))
    return tuple(out)


def _blocks(segments: Sequence[Segment]) -> list[tuple[int, list[Segment]]]:
    """Segments by the message they belong to, with the place of the first of each."""
    keyed = [(s.block or f"#{at}", at) for at, s in enumerate(segments)]
    groups = [[at for _, at in group] for _, group in groupby(keyed, key=lambda pair: pair[0])]
    return [(group[0], [segments[at] for at in group]) for group in groups]


def _content(segment: Segment, whole: bool) -> str:
    return "".join(piece.text for piece in segment.pieces) if whole else segment.text
