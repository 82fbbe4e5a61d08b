"""Long work on an event loop, in steps: after a few milliseconds of it the loop turns once.

On a thread it would hold the interpreter's lock for as long, with every read of a socket waiting for its turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")
#: The longest that is worked at one go, in seconds.
SLICE = 0.005
#: What `paced` and `paced_list` run: each `yield` is a place where the loop may turn.
Steps = Generator[None, None, T]


async def paced(steps: Steps[T]) -> T:
    """What `steps` returns. Raises what it raises."""
    until = time.monotonic() + SLICE
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE


async def paced_list(make: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """`make` of each item."""
    out: list[T] = []

    def steps() -> Steps[None]:
        for item in items:
            out.append(make(item))
            yield

    await paced(steps())
    return out


def at_once(steps: Steps[T]) -> T:
    """What `steps` returns, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
