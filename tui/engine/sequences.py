"""One of the prompts that a context holds side by side, and which of them a request is to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.domain.backend import SIDE
from tui.engine.stretches import common

#: Tokens that must be saved by sharing what another sequence holds.
LEAST_SHARED = 16

#: A sequence with fewer tokens of its own than this, the others it shares with another, is soon read again: it goes
#: before one that is older.
SOON_READ = 512

#: Copies of what cannot be cut that a sequence keeps, at most; and bytes of them all together.
MOST_MARKS, MARK_BYTES = 12, 2**29


@dataclass(slots=True)
class Mark:
    """A copy of what cannot be cut, as it was when the sequence had `length` tokens."""

    length: int
    data: bytearray


@dataclass(slots=True, eq=False)
class Held:
    """A sequence: its number in the context, whose prompt it is, and its tokens. `used` grows with each use of any;
    `moved`: positions that the next decode is to compute; `kept`: tokens of it that lie on disk;
    `begun`: where the reply began."""

    number: int
    name: str = ""
    tokens: list[int] = field(default_factory=list)
    used: int = 0
    moved: bool = False
    marks: list[Mark] = field(default_factory=list)
    kept: int = 0
    begun: int = 0

    def empty(self) -> None:
        """Nothing is in it any more."""
        self.tokens, self.marks, self.moved, self.kept, self.begun = [], [], False, 0, 0

    def take(self, other: Held) -> None:
        """It holds what `other` holds."""
        self.tokens, self.marks, self.moved, self.kept = list(other.tokens), list(other.marks), False, 0
        self.begun = other.begun

    def usable(self, wanted: Sequence[int], *, cuts: bool) -> int:
        """How many tokens of `wanted` need not be read with what is here: those that both begin with, or, where
        nothing can be cut, those up to the last copy made among them."""
        shared = common(self.tokens, wanted)
        if cuts or shared == len(self.tokens):
            return shared
        return max((mark.length for mark in self.marks if mark.length <= shared), default=0)

    def mark(self, length: int) -> Mark | None:
        """The last copy made at `length` tokens or before."""
        return max((m for m in self.marks if m.length <= length), key=lambda m: m.length, default=None)

    def add_mark(self, mark: Mark) -> None:
        """Keep a copy. Of too many the one goes whose neighbours are closest, never one of the last three."""
        self.marks = sorted([*(m for m in self.marks if m.length != mark.length), mark], key=lambda m: m.length)
        if len(self.marks) > MOST_MARKS:
            lengths = [0, *(m.length for m in self.marks)]
            gaps = [lengths[at + 2] - lengths[at] for at in range(len(self.marks) - 3)]
            del self.marks[gaps.index(min(gaps))]


def choose(held: Sequence[Held], name: str) -> Held:
    """The sequence for a prompt of `name`: that which it had, or a free one, or the one that is missed least."""
    for one in held:
        if one.name == name and one.tokens:
            return one
    for one in held:
        if not one.tokens:
            return one
    return least_missed(held)


def least_missed(held: Sequence[Held]) -> Held:
    """The one that is soon read again, side jobs before others; else the one not used for longest."""
    return min(held, key=lambda one: (_own(one, held) >= SOON_READ, not one.name.endswith(SIDE), one.used))


def donor(held: Sequence[Held], target: Held, wanted: Sequence[int], *, cuts: bool) -> Held | None:
    """The sequence that holds more of `wanted` than `target` does, if one does by LEAST_SHARED."""
    best = max(held, key=lambda one: one.usable(wanted, cuts=cuts))
    gain = best.usable(wanted, cuts=cuts) - target.usable(wanted, cuts=cuts)
    return best if gain >= LEAST_SHARED and best is not target else None


def thin_out(held: Sequence[Held]) -> None:
    """Keep all copies together below MARK_BYTES: those of the sequence that is longest unused go first, its oldest
    before its newest."""
    total = sum(len(m.data) for m in {id(m): m for one in held for m in one.marks}.values())
    for one in sorted(held, key=lambda h: h.used):
        while total > MARK_BYTES and len(one.marks) > 1:
            total -= len(one.marks.pop(0).data)


def _own(one: Held, held: Sequence[Held]) -> int:
    """Tokens that no other sequence begins with as well."""
    return len(one.tokens) - max((common(one.tokens, other.tokens) for other in held if other is not one), default=0)
