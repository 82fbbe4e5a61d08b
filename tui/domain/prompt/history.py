"""The conversation in a prompt, and the block cut: when it no longer fits, its oldest part leaves at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from tui.domain.notice import Notice
from tui.domain.prompt.types import Segment, Turn
from tui.domain.prompt.wrapping import Wrapping

_CUT = Notice("Left out to make room; the oldest messages leave in one block.")
_HIDDEN = Notice("Hidden from the model.")
_EMPTY = Notice("It has no text.")
_SUMMARISED = Notice("A summary stands for it.")


def history_segments(turn: Turn, summarised: Collection[str], wrapping: Wrapping) -> list[Segment]:
    """One segment a node of the path, in order. What the newest user message opens always stays.

    Tokens are counted from the end back until they exceed the window. Older messages cannot be in the prompt, so a
    guess does for them, and a long chat costs no more than a short one.
    """
    newest = last_turn([node.role for node in turn.path])
    out: list[Segment] = []
    total = 0
    for at in range(len(turn.path) - 1, -1, -1):
        node = turn.path[at]
        text = node.text
        why = None
        if node.hidden:
            why = _HIDDEN
        elif not text.strip():
            why = _EMPTY
        elif node.id in summarised and at < newest:
            why = _SUMMARISED
        tokens = 0
        if why is None:
            known = wrapping.count(text) if total <= turn.budget.context else len(text) // 3 + 1
            tokens = known + wrapping.turn(node.role, node.name)
        total += tokens
        source = f"message:{node.id}"
        out.append(Segment(source, node.role, text, tokens, "history", node.name, included=why is None, why=why))
    out.reverse()
    return out


def last_turn(roles: Sequence[str]) -> int:
    """Where the newest user turn begins; without one, the last message."""
    users = [at for at, role in enumerate(roles) if role == "user"]
    return users[-1] if users else max(0, len(roles) - 1)


@dataclass(frozen=True, slots=True)
class Fit:
    """`start`: index of the first message kept. `examples`: whether example dialogue stays. `fill`: share of the
    room that history takes (0..1)."""

    start: int
    examples: bool
    fill: float


def fit_history(
    history: Sequence[Segment], room: int, examples: int, share: float, *, start: int, with_examples: bool
) -> Fit:
    """Where history begins so that it fits into `room` tokens, starting from where it began last time.

    Nothing moves while it fits. When it does not, the example dialogue (`examples` tokens) goes first, all of it;
    then the beginning moves to the first user turn from which on everything fits into `share` of the room. When all
    that was cut would again fill no more than half of the room (the window has grown, messages were hidden), it comes
    back; half, so that lore which comes and goes does not move the beginning to and fro.
    """
    low = int(room * max(0.1, min(share, 1.0)))
    rest = _sums(history)
    total = rest[0]
    if (start or not with_examples) and total + examples <= min(low, room // 2):
        start, with_examples = 0, True
    if with_examples and rest[start] + examples > room:
        with_examples = False
    if rest[start] > room:
        newest = newest_turn(history)
        turns = [at for at in range(start + 1, newest + 1) if history[at].role == "user" and history[at].included]
        start = next((at for at in turns if rest[at] <= low), newest)
    taken = rest[start] + (examples if with_examples else 0)
    return Fit(start, with_examples, taken / room if room > 0 else 1.0)


def newest_turn(history: Sequence[Segment]) -> int:
    """Index of the newest included user message; without one, of the last included message."""
    shown = [at for at, segment in enumerate(history) if segment.included]
    users = [at for at in shown if history[at].role == "user"]
    return users[-1] if users else shown[-1] if shown else 0


def newest_tokens(history: Sequence[Segment]) -> int:
    """Tokens of the newest user turn, the least that a prompt must hold."""
    return sum(s.tokens for s in history[newest_turn(history):] if s.included)


def cut_before(history: Sequence[Segment], start: int) -> list[Segment]:
    """The messages before `start` marked as left out. A run of messages left out for one reason becomes one segment
    `messages:FIRST:LAST` without their texts, for there may be thousands."""
    reasons = [
        _CUT if at < start and segment.why is not _SUMMARISED else segment.why for at, segment in enumerate(history)
    ]
    out: list[Segment] = []
    for why, group in groupby(range(len(history)), key=reasons.__getitem__):
        run = [history[at] for at in group]
        out += run if why is None else [_left_out(run, why)]
    return out


def _left_out(segments: Sequence[Segment], why: Notice) -> Segment:
    first, last = replace(segments[0], included=False, why=why), segments[-1]
    if len(segments) == 1:
        return first
    source = f"messages:{first.source.removeprefix('message:')}:{last.source.removeprefix('message:')}"
    return replace(first, source=source, text="", name="", tokens=sum(s.tokens for s in segments))


def _sums(history: Sequence[Segment]) -> list[int]:
    """Tokens from each message to the end; one more entry, 0, for none."""
    sums = [0] * (len(history) + 1)
    for at in range(len(history) - 1, -1, -1):
        sums[at] = sums[at + 1] + (history[at].tokens if history[at].included else 0)
    return sums
