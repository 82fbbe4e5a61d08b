"""One request at a time for each server, whoever in this process asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    from tui.backends.probe import ProbeResult


class Gate(asyncio.Lock):
    """Held while a server generates. `found` is what that server is, for those who must not disturb it now;
    `ahead` what is read ahead there, which gives way to whoever comes."""

    found: ProbeResult | None = None
    ahead: asyncio.Task[None] | None = None

    async def stop_reading_ahead(self) -> None:
        """End it, and wait until the connection is closed."""
        if self.ahead is not None:
            self.ahead.cancel()
            await asyncio.wait([self.ahead])


#: By event loop: a number of one that is gone is soon that of another.
_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, Gate]] = WeakKeyDictionary()


def gate_of(root: str) -> Gate:
    """The gate of the server at `root`, the same for everybody in this event loop as long as somebody holds it."""
    return _GATES.setdefault(asyncio.get_running_loop(), WeakValueDictionary()).setdefault(root, Gate())
