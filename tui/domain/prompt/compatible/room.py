"""The budget of a text prompt: injections always, then the chat from its newest message back, then examples.

Counting follows SillyTavern: each message is counted on its own, then everything together before examples are added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.domain.prompt.compatible.history import Formatted
from tui.domain.prompt.compatible.runs import Runs, text_of_runs
from tui.domain.prompt.types import Counter


@dataclass(frozen=True, slots=True)
class Parts:
    """What competes for room. `messages` are oldest first, without the one that is continued (`cycle`)."""

    story: Runs
    start: Runs
    alignment: Runs
    messages: tuple[Formatted, ...]
    examples: tuple[Runs, ...]
    pinned: bool
    opener: str                                   # what follows an empty last message
    cycle: Runs


@dataclass(frozen=True, slots=True)
class Room:
    """What fits: places of messages in order, whether the alignment message stands before them, and how many lines
    of examples there are."""

    kept: tuple[int, ...]
    aligned: bool
    examples: int


def find_room(parts: Parts, limit: int, padding: int, count: Counter) -> Room:
    """What fits into fewer than `limit` tokens."""
    counted = _Counted(count)
    pinned = "".join(text_of_runs(e) for e in parts.examples) if parts.pinned else ""
    fixed = (text_of_runs(parts.story) + pinned, text_of_runs(parts.alignment))
    start, cycle = text_of_runs(parts.start), text_of_runs(parts.cycle)
    base = counted("".join((*fixed, start, parts.opener, cycle))) + padding
    kept, total = _messages(parts, base, limit, counted)
    oldest = kept[0] if kept else len(parts.messages) - 1
    at_user = bool(parts.messages) and parts.messages[oldest].item.role == "user"
    aligned = bool(parts.alignment) and not at_user
    if parts.pinned or not parts.examples:
        return Room(kept, aligned, len(parts.examples) if parts.pinned else 0)

    def together() -> int:
        chat = (fixed[1] if aligned else "") + start + "".join(text_of_runs(parts.messages[at].runs) for at in kept)
        return counted("".join((*fixed, chat, parts.opener, cycle))) + padding

    return Room(kept, aligned, _examples(parts, total, limit, counted, together))


def shed(parts: Parts, room: Room, limit: int, padding: int, count: Counter) -> Room:
    """For a message that is continued: the whole prompt is counted once more, and examples, then the oldest messages
    go until it fits."""
    counted = _Counted(count)
    kept, examples = list(room.kept), room.examples
    aligned = room.aligned
    while True:
        shown = parts.examples if parts.pinned else parts.examples[:examples]
        texts = [text_of_runs(parts.story), *map(text_of_runs, shown), text_of_runs(parts.start)]
        texts += [text_of_runs(parts.alignment)] if aligned else []
        texts += [text_of_runs(parts.messages[at].runs) for at in kept]
        if kept:
            texts.append(parts.opener)
        size = counted("".join((*texts, "\n", parts.opener, text_of_runs(parts.cycle)))) + padding
        if size <= limit:
            break
        if examples > 0 and not parts.pinned:
            examples -= 1
        elif aligned:
            aligned = False
        elif kept:
            kept.pop(0)
        else:
            break
    return Room(tuple(kept), aligned, examples)


class _Counted:
    """Tokens of a text as it will be sent, without carriage returns."""

    def __init__(self, count: Counter) -> None:
        self._count = count

    def __call__(self, text: str) -> int:
        return self._count(text.replace("\r", ""))


def _messages(parts: Parts, total: int, limit: int, counted: Callable[[str], int]) -> tuple[tuple[int, ...], int]:
    """The places of the messages that fit, injected ones first, each kind from the newest back; and their tokens."""
    kept: set[int] = set()
    newest_first = range(len(parts.messages) - 1, -1, -1)
    for injected in (True, False):
        for at in newest_first:
            if parts.messages[at].item.injected != injected:
                continue
            total += counted(text_of_runs(parts.messages[at].runs))
            if total >= limit:
                break
            kept.add(at)
    return tuple(sorted(kept)), total


def _examples(
    parts: Parts, apart: int, limit: int, counted: Callable[[str], int], together: Callable[[], int]
) -> int:
    """How many lines of examples fit. Where they do by the sum of all counts, nothing more is counted."""
    sizes: Sequence[int] = [counted(text_of_runs(line)) for line in parts.examples]
    total = apart + counted(text_of_runs(parts.alignment))
    if total + sum(sizes) < limit:
        return len(sizes)
    total = together()
    for at, size in enumerate(sizes):
        total += size
        if total >= limit:
            return at
    return len(sizes)
