"""Where a core is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """A Unix socket, or a URL (`http://host:port`) with a token."""

    socket: Path | None = None
    url: str | None = None
    token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.socket) if self.socket else str(self.url)
