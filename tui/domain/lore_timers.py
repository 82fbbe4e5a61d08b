"""Timed effects of lore entries: sticky ones stay for some messages, then rest for some (cooldown).

Lengths are those of the chat in messages. The rules are SillyTavern's (`timedWorldInfo`): an entry that enters starts
both its effects; when its sticky effect ends, its cooldown begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tui.domain.lore_prepare import Item, PreparedBooks
from tui.domain.prompt.types import LoreTimer

Kind = Literal["sticky", "cooldown"]
_Key = tuple[str, str]
#: Messages: more than any chat has.
_FOR_GOOD = 10**9


@dataclass(frozen=True, slots=True)
class RunningTimers:
    """The effects that run at a length of the chat, by entry; `absent` belong to books that are not scanned now."""

    length: int
    sticky: Mapping[_Key, LoreTimer]
    cooldown: Mapping[_Key, LoreTimer]
    absent: tuple[LoreTimer, ...] = ()

    def left(self, item: Item) -> dict[str, int]:
        """The messages that are left of each effect of an entry, its delay among them."""
        out: dict[str, int] = {}
        for timer in (self.sticky.get(item.key), self.cooldown.get(item.key)):
            if timer is not None and timer.end < _FOR_GOOD:
                out[timer.kind] = timer.end - self.length
        if item.entry.delay > self.length:
            out["delay"] = item.entry.delay - self.length
        return out

    def all(self) -> tuple[LoreTimer, ...]:
        return (*self.sticky.values(), *self.cooldown.values(), *self.absent)


def running_timers(
    timers: Iterable[LoreTimer], books: PreparedBooks, items: tuple[Item, ...], length: int
) -> RunningTimers:
    """What of `timers` still runs at `length`, with the cooldowns that follow effects that have just ended."""
    known = list(timers)
    sticky: dict[_Key, LoreTimer] = {}
    cooldown: dict[_Key, LoreTimer] = {}
    absent: list[LoreTimer] = []
    there = {book.id for book in books.books}
    followed = []
    for timer in (t for t in known if t.kind == "sticky"):
        item = _item_of(timer, books, items)
        if not _holds(timer, item, there, length):
            if item is not None and timer.end <= length and _started(timer, length) and _span(item, "sticky"):
                followed.append(item)
        elif item is None:
            absent.append(timer)
        else:
            sticky[item.key] = timer
    for timer in (t for t in known if t.kind == "cooldown"):
        item = _item_of(timer, books, items)
        if _holds(timer, item, there, length):
            if item is None:
                absent.append(timer)
            else:
                cooldown[item.key] = timer
    for item in followed:
        if _span(item, "cooldown") > 0:
            cooldown[item.key] = _timer(item, "cooldown", length, protected=True)
    return RunningTimers(length, sticky, cooldown, tuple(absent))


def timers_after(running: RunningTimers, active: Iterable[Item]) -> RunningTimers:
    """The effects after a scan: those that run, and those that the entries which entered start."""
    sticky, cooldown = dict(running.sticky), dict(running.cooldown)
    for item in active:
        if _span(item, "sticky") > 0 and item.key not in sticky:
            sticky[item.key] = _timer(item, "sticky", running.length)
        if _span(item, "cooldown") > 0 and item.key not in cooldown:
            cooldown[item.key] = _timer(item, "cooldown", running.length)
    return RunningTimers(running.length, sticky, cooldown, running.absent)


def _timer(item: Item, kind: Kind, length: int, protected: bool = False) -> LoreTimer:
    end = length + _span(item, kind)
    return LoreTimer(item.book.id, item.entry.uid, kind, length, end, item.digest, protected)


def _span(item: Item, kind: Kind) -> int:
    """How many messages an effect lasts; decorators that hold for good beat the entry's numbers."""
    if item.marks.once:
        return 0 if kind == "sticky" else _FOR_GOOD
    if item.marks.stays:
        return _FOR_GOOD if kind == "sticky" else 0
    return item.entry.sticky if kind == "sticky" else item.entry.cooldown


def _item_of(timer: LoreTimer, books: PreparedBooks, items: tuple[Item, ...]) -> Item | None:
    """The entry of a timer as it was when it began; None if it is gone or has been edited."""
    place = books.place((timer.book, timer.uid))
    item = items[place] if place is not None else None
    return item if item is not None and timer.digest in ("", item.digest) else None


def _started(timer: LoreTimer, length: int) -> bool:
    """Whether the chat is still longer than where the effect began (otherwise that turn was taken back)."""
    return timer.protected or length > timer.start


def _holds(timer: LoreTimer, item: Item | None, books: set[str], length: int) -> bool:
    if not _started(timer, length) or length >= timer.end:
        return False
    return _span(item, timer.kind) > 0 if item is not None else timer.book not in books
