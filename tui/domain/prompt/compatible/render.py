"""A plan of the compatible mode written out. What stands there was settled when the plan was made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tui.domain.backend import ChatMessage, Piece
from tui.domain.prompt.guard import guarded
from tui.domain.prompt.types import Plan, Segment, Turn


def compatible_pieces(plan: Plan, turn: Turn) -> tuple[str, tuple[Piece, ...]]:
    """The format's BOS, for backends that add none, and the prompt after it."""
    pieces = (piece for s in plan.segments if s.included for piece in s.pieces)
    return turn.template.bos, guarded(pieces, turn.template)


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
