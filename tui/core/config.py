"""Where the core keeps its things, and its store there."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.store import LockInfo, Store


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """Where the core keeps its things; the defaults are the user's own folders."""

    data: Path | None = None
    config: Path | None = None
    socket: str = ""                              # told to others who find the store locked

    @property
    def config_dir(self) -> Path:
        return self.config or paths.config_dir()

    async def open_store(self) -> Store:
        """The store, locked for this process. Raises StoreError."""
        owner = LockInfo(host=socket.gethostname(), pid=os.getpid(), socket=self.socket)
        return await Store.open((self.data or paths.data_dir()) / "traktir.db", owner=owner)
