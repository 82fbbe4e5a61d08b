"""The core as it is served from the first moment on: chats can be read while the rest of it is still being loaded.

Most of the core is about prompts: some hundred modules that nobody needs who opens a terminal and reads where the story
stopped. They are loaded beside the answers, once the first chat is open, or when somebody asks for what needs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui import __version__, collecting
from tui.core.chats import Chats
from tui.core.config import CoreConfig
from tui.core.events import EventHub, Listener
from tui.core.reading import list_chats, open_chat
from tui.domain.errors import StoreError
from tui.store import Store

if TYPE_CHECKING:
    from tui.core.app import Core

#: Seconds after which the rest is loaded though nobody has asked for it, and after a chat was opened: it is drawn then.
_UNASKED, _DRAWN = 1.0, 0.15
_KEY_VARIABLE = re.compile(r"""key_env["']?\s*:\s*["']?([A-Za-z_]\w*)""", re.ASCII)
_LONGEST_PROFILE = 65_536
_log = logging.getLogger(__name__)


class Front:
    """What the server serves: `Core` behind it, as soon as it is there. Make it with `Front.start`."""

    def __init__(self, store: Store, config: Path) -> None:
        self._store = store
        self._config = config
        self._events = EventHub()
        self._chats = Chats(store, self._events)
        self._attached = 0
        self._environment: dict[str, str] = {}
        self._opened: list[str] = []
        self._core: Core | None = None
        self._loading: asyncio.Task[Core] | None = None
        self._later = asyncio.get_running_loop().call_later(_UNASKED, self._load)

    @classmethod
    async def start(cls, config: CoreConfig | None = None) -> Front:
        """Open the store. Raises StoreError."""
        config = config or CoreConfig()
        collecting.put_off()
        return cls(await config.open_store(), config.config_dir)

    @property
    def attached(self) -> int:
        """Clients listening now; the server keeps it."""
        return self._attached

    @attached.setter
    def attached(self, count: int) -> None:
        self._attached = count
        if self._core is not None:
            self._core.attached = count

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Run a method of the API. Raises TraktirError."""
        if self._core is None and method == "chats.list" and _are(params, limit=int):
            return await list_chats(self._store, **params)
        if self._core is None and method == "chats.open" and _are(params, id=str, last=int):
            return await self._open(params["id"], params["last"])
        return await (await self._whole()).call(method, params)

    async def _open(self, chat: str, last: int) -> dict[str, Any]:
        """What `chats.open` answers where no reply can be growing yet."""
        self._opened.append(chat)
        try:
            return await open_chat(self._store, self._chats, chat, last) | {"turn": None, "writing": False, "queued": 0}
        finally:
            self._later.cancel()
            self._later = asyncio.get_running_loop().call_later(_DRAWN, self._load)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self._events.subscribe(listener)

    def busy(self) -> bool:
        """Whether something is being generated."""
        return self._core is not None and self._core.busy()

    def environment(self, values: Mapping[str, str]) -> None:
        """Variables that a client hands over (a key, a device list), kept in memory only."""
        self._environment.update(values)
        if self._core is not None:
            self._core.environment(values)

    def wanted_variables(self) -> list[str]:
        """The variables that profiles name and that nobody has handed over yet; before the profiles are read, those
        that their files seem to name: one too many does no harm."""
        if self._core is not None:
            return self._core.wanted_variables()
        return sorted(_seemingly_named(self._config) - self._environment.keys() - os.environ.keys())

    def status(self) -> dict[str, Any]:
        if self._core is not None:
            return self._core.status()
        return {
            "version": __version__, "writing_in": [], "connection": {},
            "store": {"notices": [n.to_json() for n in self._store.notices]},
        }

    async def close(self) -> None:
        """Store what is being written, marked cut, and let go of everything."""
        self._later.cancel()
        if self._loading is not None:
            await asyncio.wait([self._loading])
        if self._core is not None:
            await self._core.close()
            return
        try:
            await self._chats.close()
        except StoreError as error:
            _log.error("not all could be written: %s", error)
        finally:
            await self._store.close()

    async def _whole(self) -> Core:
        """The core, loaded by now."""
        if self._core is None:
            self._load()
            assert self._loading is not None
            return await asyncio.shield(self._loading)
        return self._core

    def _load(self) -> None:
        """Begin to load, unless that was begun; what failed before is tried again."""
        self._later.cancel()
        if self._core is None and (self._loading is None or self._loading.done()):
            self._loading = asyncio.create_task(self._build())
            self._loading.add_done_callback(_tell_failure)

    async def _build(self) -> Core:
        kind = await asyncio.to_thread(_core_class)   # the loop goes on answering meanwhile
        core = await kind.over(self._store, self._config, self._events, self._chats)
        core.attached = self._attached
        core.environment(self._environment)
        self._core = core
        for chat in self._opened:
            core.warming.soon(chat)
        return core


def _are(params: Mapping[str, Any], **kinds: type) -> bool:
    """Whether these are the parameters, all of them, and each of just that type."""
    return params.keys() == kinds.keys() and all(type(params[name]) is kind for name, kind in kinds.items())


def _seemingly_named(config: Path) -> set[str]:
    found: set[str] = set()
    for file in (config / "presets" / "profiles").glob("*.y*ml"):
        with contextlib.suppress(OSError), file.open(encoding="utf-8", errors="replace") as text:
            found.update(_KEY_VARIABLE.findall(text.read(_LONGEST_PROFILE)))
    return found


def _core_class() -> type[Core]:
    from tui.core.app import Core

    return Core


def _tell_failure(loading: asyncio.Task[Core]) -> None:
    if not loading.cancelled() and (error := loading.exception()) is not None:
        _log.error("the core could not be loaded", exc_info=error)
