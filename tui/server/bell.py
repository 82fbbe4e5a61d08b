"""Waking everybody who waits for something, at the cost of one future each: no task, no turn of the loop in between."""

from __future__ import annotations

import asyncio


class Bell:
    """Rings for those who wait at that moment; who comes later waits for the next time."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[bool]] = set()

    def ring(self) -> None:
        """Wake all who wait. Must be called on their event loop."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            _settle(future, True)

    async def wait(self, timeout_s: float) -> bool:
        """Whether it rang within `timeout_s` seconds."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(timeout_s, _settle, future, False)
        self._waiting.add(future)
        try:
            return await future
        finally:
            timer.cancel()
            self._waiting.discard(future)


def _settle(future: asyncio.Future[bool], rang: bool) -> None:
    if not future.done():
        future.set_result(rang)
