"""The last events in a bounded ring, from which every client is served at its own pace.

Clients have no queues: each remembers the number of the last event it was sent. One that is too slow finds its place
overwritten and is told to fetch a snapshot, so no client costs memory or holds up another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from tui.server.bell import Bell
from tui.wire.codec import encode
from tui.wire.deltas import coalesce

MAX_EVENTS = 8192
MAX_BYTES = 8 * 1024 * 1024
#: What a client need not hear of at once: it comes often, and what comes next says the same and more.
_FREQUENT = frozenset({"prefill", "loading"})
#: What an event costs in memory beside its text, roughly.
_OVERHEAD = 400


class EventLog:
    """Numbers events from 1 and keeps the newest of them, at most `max_events` and about `max_bytes`."""

    def __init__(self, epoch: str, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self.epoch = epoch
        self.last = 0
        self._max_events, self._max_bytes = max_events, max_bytes
        self._kept: deque[tuple[Mapping[str, Any] | bytes, int]] = deque()   # newest last, numbered up to `last`
        self._bytes = 0
        #: Rings whenever there is a new event.
        self.news = Bell()
        #: Rings for all but what comes many times a second: text that is written, progress.
        self.rare = Bell()

    def append(self, event: Mapping[str, Any]) -> None:
        """Take the next event and wake whoever waits. Must be called on the event loop.

        A delta is kept as it is, to be joined with its neighbours; anything else as the bytes of this moment.
        """
        entry: Mapping[str, Any] | bytes
        if event.get("type") == "delta":
            entry, size = event, _OVERHEAD + 4 * len(str(event.get("text", "")))
        else:
            entry = encode(event)
            size = _OVERHEAD + len(entry)
        self._kept.append((entry, size))
        self._bytes += size
        self.last += 1
        while len(self._kept) > self._max_events or (self._bytes > self._max_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popleft()[1]
        self.news.ring()
        if event.get("type") != "delta" and event.get("state") not in _FREQUENT:
            self.rare.ring()

    def id(self, number: int | None = None) -> str:
        """`EPOCH:SEQ` of an event, by default of the newest."""
        return f"{self.epoch}:{self.last if number is None else number}"

    def number(self, id: str) -> int | None:  # noqa: A002
        """The number that `id` names, if it is of this epoch and everything after it is still here."""
        epoch, _, digits = id.partition(":")
        if epoch != self.epoch or not (digits.isascii() and digits.isdigit()) or len(digits) > 15:
            return None
        number = int(digits)
        return number if self.reaches(number) else None

    def reaches(self, number: int) -> bool:
        """Whether every event after `number` is still kept."""
        return self.last - len(self._kept) <= number <= self.last

    def after(self, number: int) -> list[tuple[int, bytes]]:
        """The events after `number` as (number, JSON), neighbouring deltas joined. `reaches(number)` must hold."""
        first = self.last - len(self._kept) + 1
        newer = [(n, self._kept[n - first][0]) for n in range(number + 1, self.last + 1)]
        out: list[tuple[int, bytes]] = []
        run: list[tuple[int, Mapping[str, Any]]] = []
        for n, entry in newer:
            if isinstance(entry, bytes):
                out += _encoded(run)
                run = []
                out.append((n, entry))
            else:
                run.append((n, entry))
        return out + _encoded(run)


def _encoded(run: list[tuple[int, Mapping[str, Any]]]) -> list[tuple[int, bytes]]:
    return [(n, encode(event)) for n, event in coalesce(run)]
