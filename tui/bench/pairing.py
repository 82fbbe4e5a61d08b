"""Two things measured in turns, so that what else goes on in the machine befalls both alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

One = TypeVar("One")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `pairs` of runs, stretches of `seconds`, `keys` pressed, `messages` in the long chat,
    `pieces` of a reply that comes at once, `tokens` of one that a model writes."""

    pairs: int = 10
    seconds: float = 3.0
    keys: int = 120
    messages: int = 10_000
    pieces: int = 2000
    tokens: int = 400
    quick: bool = False


THOROUGH = Effort()
QUICK = Effort(pairs=2, seconds=1.0, keys=15, messages=1000, pieces=300, tokens=60, quick=True)


def in_turns(pairs: int, one: Callable[[], One], other: Callable[[], Other]) -> list[tuple[One, Other]]:
    """What both returned, pair by pair, in the order AB BA AB BA; one run of each before that does not count."""
    one()
    other()
    out: list[tuple[One, Other]] = []
    for pair in range(pairs):
        if pair % 2:
            late = other()
            out.append((one(), late))
        else:
            early = one()
            out.append((early, other()))
    return out


def in_rounds(
    rounds: int, prepare: Callable[[], None], ways: Mapping[str, Callable[[], One]],
) -> list[dict[str, One]]:
    """What all `ways` returned, round by round, in their order and then backwards; `prepare` goes before each round,
    and one round before all does not count."""
    out: list[dict[str, One]] = []
    for number in range(rounds + 1):
        prepare()
        names = list(ways) if number % 2 else list(ways)[::-1]
        found = {name: ways[name]() for name in names}
        if number:
            out.append(found)
    return out
