"""What the backend should still have in its cache: everything up to the first segment that differs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.domain.prompt.types import Segment

Rendered = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """`reuse` in tokens; `first_change` is the source of what makes the first difference ("" when the prompt only
    grew); `rendered` is for the next forecast."""

    segments: tuple[Segment, ...]
    reuse: int
    first_change: str
    rendered: Rendered


def forecast(segments: Sequence[Segment], previous: Rendered, head_last: bool = False) -> Forecast:
    """Compare a plan with the last prompt. `head_last`: the format puts the system text into the newest user turn."""
    included = [at for at, segment in enumerate(segments) if segment.included]
    order = _head_last(segments, included) if head_last else included
    rendered = tuple((segments[at].source, _digest(segments[at])) for at in order)
    same = _common(previous, rendered)
    kept = set(order[:same])
    change = departure(previous, rendered)
    if previous and not change and same < len(order) and segments[order[same]].role == "assistant":
        kept.add(order[same])                               # the reply to that prompt is in the cache as well
    marked = tuple(
        replace(segment, reused=at in kept) if segment.included else segment for at, segment in enumerate(segments)
    )
    reuse = sum(segments[at].tokens for at in kept)
    return Forecast(marked, reuse, change, rendered)


def departure(previous: Rendered, rendered: Rendered) -> str:
    """The source of what makes two prompts part; "" when one only goes on where the other ended.

    Where something that stood between messages moved on or left, a message takes its place: the message is not it.
    """
    same = _common(previous, rendered)
    if same >= min(len(previous), len(rendered)):
        return ""
    was, now = previous[same][0], rendered[same][0]
    if was == now or was.startswith("message:"):
        return now
    moved = now.startswith("message:") or any(source == now for source, _ in previous)
    return was if moved else now


def _common(one: Rendered, other: Rendered) -> int:
    """How many segments two prompts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def moving_tokens(segments: Sequence[Segment], cuttable: bool) -> int:
    """Tokens that the next turn will process again because something stands at a depth and moves on: all messages
    after it, or the whole prompt where the backend's cache cannot be cut in the middle."""
    included = [s for s in segments if s.included]
    moving = next((at for at, s in enumerate(included) if s.volatility == "tail" and s.depth is not None), None)
    after = included[moving:] if moving is not None else []
    newest = next((at for at in range(len(after) - 1, -1, -1) if after[at].role == "user"), 0)
    if not any(s.volatility == "history" for s in after[:newest]):
        return 0
    return sum(s.tokens for s in (after[:newest] if cuttable else included))


def _head_last(segments: Sequence[Segment], included: Sequence[int]) -> list[int]:
    head = [at for at in included if segments[at].block == "head"]
    rest = [at for at in included if segments[at].block != "head"]
    users = [i for i, at in enumerate(rest) if segments[at].role == "user" and segments[at].volatility == "history"]
    newest = users[-1] if users else len(rest)
    return [*rest[:newest], *head, *rest[newest:]]


def _digest(segment: Segment) -> str:
    pieces = "\x01".join(piece.text for piece in segment.pieces)
    text = f"{segment.role}\x00{segment.name}\x00{segment.block}\x00{segment.text}\x00{pieces}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
