"""One request at a time for each server, whoever in this process asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from tui.backends.probe import ProbeResult


class Gate(asyncio.Lock):
    """Held while a server generates. `found` is what that server is, for those who must not disturb it now."""

    found: ProbeResult | None = None


_GATES: WeakValueDictionary[tuple[int, str], Gate] = WeakValueDictionary()


def gate_of(root: str) -> Gate:
    """The gate of the server at `root`, the same for everybody in this event loop as long as somebody holds it."""
    return _GATES.setdefault((id(asyncio.get_running_loop()), root), Gate())
