"""What of a memory a changed prompt can keep by moving it: the stretches that both have."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

#: At least this many tokens must follow a removed block unchanged for them to be moved up. Fewer are read again: it
#: is quick, and a short stretch may match by chance where the same words occur twice.
LEAST_MOVED = 256


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens that a new prompt has as well: where they begin in the memory, where in the prompt (never further down),
    and how many they are."""

    start: int
    place: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length

    @property
    def place_end(self) -> int:
        return self.place + self.length


def kept_stretches(have: Sequence[int], want: Sequence[int], start: int) -> list[Stretch]:
    """What `want` has of `have` behind `start`, up to which both are equal, in stretches of LEAST_MOVED or more, in
    order. Empty where nothing was, or where new text came though no block of LEAST_MOVED went: what follows a change
    of a few words was read with the old ones, and is read again."""
    found: list[Stretch] = []
    have_at = want_at = offset = start
    while offset + LEAST_MOVED <= len(want):
        match = _longest(have[have_at:], want[offset:])
        if match is None:
            offset += LEAST_MOVED // 2
            continue
        at, place, length = have_at + match[0], offset, match[1]
        while at > have_at and place > want_at and have[at - 1] == want[place - 1]:
            at, place, length = at - 1, place - 1, length + 1
        if place > at:
            break
        found.append(Stretch(at, place, length))
        have_at, want_at = at + length, place + length
        offset = want_at
    if not found:
        return []
    read_between = found[-1].place - start - sum(s.length for s in found[:-1])
    went = found[-1].start - found[-1].place
    return found if went and (not read_between or went >= LEAST_MOVED) else []


def _longest(have: Sequence[int], want: Sequence[int]) -> tuple[int, int] | None:
    """Where `have` goes on as `want` begins, for LEAST_MOVED tokens or more, and for how many."""
    hay, needle, width = array("i", have).tobytes(), array("i", want[:LEAST_MOVED]).tobytes(), array("i").itemsize
    best: tuple[int, int] | None = None
    at = hay.find(needle)
    while at >= 0:
        if at % width == 0:
            moved = common(have[at // width:], want)
            best = (at // width, moved) if best is None or moved > best[1] else best
        at = hay.find(needle, at + 1)
    return best


def common(have: Sequence[int], want: Sequence[int]) -> int:
    """Length of the prefix that both begin with."""
    for index, (a, b) in enumerate(zip(have, want, strict=False)):
        if a != b:
            return index
    return min(len(have), len(want))
