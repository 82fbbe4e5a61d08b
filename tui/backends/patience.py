"""How long a stream is waited for, and how much of it is taken: pure, on a clock of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

IDLE_SECONDS = 300.0
"""How long a stream may be silent once the reply has begun; comments count as a sign of life, half a line does not."""
FIRST_SECONDS = 7200.0
"""How long the first word may take: a phone reads a long prompt for an hour. Progress begins it anew."""
BARREN_SECONDS = 1800.0
"""How long signs of life alone are enough once the reply has begun."""
AFTERMATH_SECONDS = 5.0
"""How long to wait for usage figures and the closing mark after the last word."""
POLL_SECONDS = 2.5
"""How often a server is asked how a request stands; the AI Horde allows one question a second."""
MAX_BYTES, BYTES_PER_TOKEN = 16 << 20, 16 << 10
"""What a whole stream may hold: frames with probabilities and timings take some kilobytes a token."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, as the constants above."""

    idle: float = IDLE_SECONDS
    first: float = FIRST_SECONDS
    barren: float = BARREN_SECONDS
    aftermath: float = AFTERMATH_SECONDS
    poll: float = POLL_SECONDS


class Patience:
    """With one stream. `clock` gives seconds."""

    def __init__(self, limits: Limits, max_tokens: int, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._asked = self._life = self._word = clock()
        self._complete: float | None = None
        self._allowed = MAX_BYTES + max(0, max_tokens) * BYTES_PER_TOKEN

    def spend(self, size: int) -> bool:
        """Take note of bytes that arrived; False when it is enough."""
        self._allowed -= size
        return self._allowed >= 0

    def lived(self) -> None:
        """A whole line came."""
        self._life = self._clock()

    def spoke(self) -> None:
        """Something of use came: a word, a thought, progress."""
        self._life = self._word = self._clock()

    def completed(self) -> None:
        """The server named the end."""
        self._complete = self._clock() if self._complete is None else self._complete

    def deadline(self, begun: bool) -> float:
        """When to give up, on that clock. `begun`: something of the model has come."""
        if self._complete is not None:
            return self._complete + self._limits.aftermath
        if not begun:
            return self._word + self._limits.first
        return min(self._life + self._limits.idle, self._word + self._limits.barren)

    def waited(self) -> float:
        """Seconds since something of use came."""
        return self._clock() - self._word
