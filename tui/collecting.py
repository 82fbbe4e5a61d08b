"""When Python looks for rubbish. Its full collections stop every thread: for 0.3 s where a chat of 35,000 messages and
a large lorebook are in memory. They are put off to moments at which nobody waits."""

from __future__ import annotations

import gc

#: Full collections never come by themselves. The small ones stay: they take a millisecond, and find most of it.
_THRESHOLDS = 2000, 10, 1_000_000
#: Small collections since the last full one from which on another is worth while; each is some ten thousand objects.
_WORTH = 20


def put_off() -> None:
    """From now on full collections only come by `tidy` and `tidy_all`."""
    gc.set_threshold(*_THRESHOLDS)


def settle() -> None:
    """What is in memory now will stay: later collections need not look at it. Takes no time."""
    gc.freeze()


def tidy() -> None:
    """Collect what is newer than the last `settle`, if there is much of it."""
    if gc.get_count()[2] >= _WORTH:
        gc.collect()
        gc.freeze()


def tidy_all() -> None:
    """Collect everything; for a moment at which a second does not matter."""
    if gc.get_count()[2] > 0:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
