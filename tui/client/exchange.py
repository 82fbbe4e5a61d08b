"""HTTP as the client needs it: a request with its answer, and an answer without end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

#: Seconds to get through to a core, and to hand it a request.
CONNECT_S, WRITE_S = 10.0, 60.0


class Broken(Exception):
    """The connection ended before the answer did; the core may have heard the request."""


class Unreachable(Broken):
    """Nobody listens there: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`pieces` is the body as it arrives; it raises Broken where it is cut off, or silent for too long."""

    status: int
    pieces: AsyncIterator[bytes]

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces])


class Exchange(Protocol):
    """One core, reached over a Unix socket (`local`) or over TCP (`remote`)."""

    def ask(
        self, verb: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, silence_s: float
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request; the answer can be read inside the block. A pause of `silence_s` in it counts as its end.

        Raises Unreachable or Broken.
        """
        ...

    async def close(self) -> None: ...
