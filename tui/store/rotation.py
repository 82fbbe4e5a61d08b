"""Which copies stay: the newest of each day, then the first of each week; others by number. The last good one stays."""

from __future__ import annotations

from collections.abc import Sequence

from tui.store import copies
from tui.store.copies import Copy

DAILY_KEPT, WEEKLY_KEPT = 5, 4
#: Of the copies that are made before a migration, and of those before a restore.
ASIDE_KEPT = 3
DAY_SECONDS = 24 * 3600
_WEEK_SECONDS = 7 * DAY_SECONDS


def surplus_daily(found: Sequence[Copy], now: float) -> list[Copy]:
    """The daily copies among `found` that are to go.

    The newest five stay, and of the weeks before them the first copy of each, four weeks back. What a wrong clock
    dated into the future counts as the oldest of all.
    """
    daily = [copy for copy in found if copy.kind == copies.DAILY]
    past = sorted((c for c in daily if c.made <= now), key=lambda copy: copy.made, reverse=True)
    future = [c for c in daily if c.made > now]
    kept = past[:DAILY_KEPT]
    first_of_week = {_week(copy): copy for copy in past}          # the oldest comes last and stays
    weekly = [copy for copy in past[DAILY_KEPT:] if first_of_week[_week(copy)] is copy]
    kept += weekly[:WEEKLY_KEPT]
    kept += future[:DAILY_KEPT - len(kept)] if len(kept) < DAILY_KEPT else []
    return _without_the_last_good([copy for copy in daily if copy not in kept], found)


def surplus_aside(found: Sequence[Copy], kind: str) -> list[Copy]:
    """The copies of `kind` among `found` (newest first) beyond the newest three."""
    return _without_the_last_good([copy for copy in found if copy.kind == kind][ASIDE_KEPT:], found)


def _without_the_last_good(going: list[Copy], found: Sequence[Copy]) -> list[Copy]:
    """A copy that was checked when it was made is not taken away unless another such stays."""
    whole = [copy for copy in found if copy.record is not None and copy.kind != copies.CHAT]
    if all(copy in going for copy in whole):
        going = [copy for copy in going if copy not in whole[:1]]
    return going


def _week(copy: Copy) -> int:
    return int(copy.made // _WEEK_SECONDS)
