"""Backends that were opened: kept while a profile names them and somebody uses them, closed when neither is so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tui import paths
from tui.core import kept_states
from tui.core.counting import Shelf, TokenCounts
from tui.domain.backend import Backend, Capabilities, Finish, Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.engine.settings import EngineSettings

StatusListener = Callable[[Status], None]


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A GGUF file and how it is to be loaded."""

    path: Path
    settings: EngineSettings


@dataclass
class Place:
    """One backend that was opened, and what is known of it. `users` counts the jobs under way."""

    backend: Backend
    made_of: Endpoint | EmbeddedModel
    counts: TokenCounts = field(default_factory=TokenCounts)
    capabilities: Capabilities | None = None
    state: str = "idle"                           # idle, loading, ready, error
    error: TraktirError | None = None
    used: float = field(default_factory=time.monotonic)
    users: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def embedded(self) -> bool:
        return isinstance(self.made_of, EmbeddedModel)

    @property
    def address(self) -> str:
        return str(self.made_of.path) if isinstance(self.made_of, EmbeddedModel) else self.made_of.url

    @property
    def in_memory(self) -> bool:
        """Whether an embedded model is loaded; a server is asked when it is used."""
        return bool(getattr(self.backend, "loaded", True))

    @property
    def unloadable(self) -> bool:
        return self.embedded and (self.in_memory or self.state == "loading")

    def forget(self) -> None:
        """What was known of it may not hold any more."""
        self.state, self.capabilities, self.counts = "idle", None, TokenCounts()


class Places:
    """Opens backends when they are first needed; an embedded model gives way to another. `quota` tells how many bytes
    of what models have read may lie on disk; `say` hears what an engine has for the person."""

    def __init__(
        self, environment: Mapping[str, str], on_change: Callable[[], None], shelf: Shelf | None = None,
        quota: Callable[[], int] = lambda: 0, say: Callable[[Notice], None] = lambda said: None,
    ) -> None:
        self._quota, self._say = quota, say
        self._environment = environment
        self._shelf = shelf
        self._on_change = on_change
        self._places: dict[str, Place] = {}
        self._retired: list[Place] = []
        self._loading = asyncio.Lock()            # one model at a time; servers do not wait for it

    def get(self, key: str) -> Place | None:
        return self._places.get(key)

    async def opened(self, key: str, made_of: Endpoint | EmbeddedModel) -> Place:
        """The place `key`, not asked for anything yet. Raises BadInput."""
        if isinstance(made_of, Endpoint):
            await asyncio.to_thread(import_module, "tui.backends.connect")
        return self._place(key, made_of)

    async def ready(
        self, key: str, made_of: Endpoint | EmbeddedModel, on_status: StatusListener | None
    ) -> Place:
        """The place `key`, opened as `made_of` says. Raises BackendError, BadInput."""
        if isinstance(made_of, Endpoint):         # what speaks HTTP takes a while to load
            await asyncio.to_thread(import_module, "tui.backends.connect")
        place = self._place(key, made_of)
        place.used = time.monotonic()             # lest it be taken for idle while it loads
        async with self._loading if place.embedded else place.opening:
            await self._give_way(place, on_status)
            if place.capabilities is None or not place.in_memory:
                await self._open(place, on_status)
        return place

    def take(self, place: Place) -> None:
        """A job begins there: until it is released it is neither closed nor unloaded."""
        place.users += 1
        place.free.clear()

    async def release(self, place: Place) -> None:
        place.users -= 1
        place.used = time.monotonic()
        if place.users == 0:
            place.free.set()
            await self._close_retired()

    async def keep_only(self, keys: set[str]) -> None:
        """Close the places that no profile names any more, once their work is done."""
        for key in [k for k in self._places if k not in keys]:
            self._retire(key)
        await self._close_retired()

    async def unload(self) -> bool:
        """Take embedded models out of memory. Returns whether there was one. Raises Refused while one is at work."""
        loaded = [p for p in self._places.values() if p.unloadable]
        if any(p.users for p in loaded):
            raise Refused(
                notice("The model is at work and cannot be unloaded now."), notice("Stop the reply first."), busy=True
            )
        for place in loaded:
            await self._unload(place)
        if loaded:
            self._on_change()
        return bool(loaded)

    async def unload_idle(self, seconds: float) -> None:
        """Unload when nothing was asked for longer than `seconds`."""
        places = list(self._places.values())
        latest = max((p.used for p in places), default=0.0)
        if not any(p.users for p in places) and time.monotonic() - latest > seconds:
            await self.unload()

    async def forget(self, conversation: str) -> None:
        """Let models in memory go of a conversation, or ("") of all."""
        for place in self._places.values():
            forget = getattr(place.backend, "forget", None)
            if forget is not None and place.in_memory:
                await forget(conversation)

    def judge(self, place: Place, finish: Finish) -> None:
        """Take in how a reply ended: a server that is gone is asked anew what it is."""
        error = finish.error
        if error is not None and error.details.get("kind") == "unreachable" and not place.embedded:
            place.forget()
            place.state, place.error = "error", error
            self._on_change()

    async def close(self) -> None:
        places = [*self._places.values(), *self._retired]
        await asyncio.gather(*(p.backend.close() for p in places), return_exceptions=True)
        await asyncio.gather(*(p.counts.settle() for p in places))
        self._places.clear()
        self._retired.clear()

    def _place(self, key: str, made_of: Endpoint | EmbeddedModel) -> Place:
        place = self._places.get(key)
        if place is None and isinstance(made_of, EmbeddedModel):
            place = self._rescaled(key, made_of)
        if place is not None and place.made_of != made_of:
            self._retire(key)                     # the key to the server changed, say
            place = None
        if place is None:
            place = self._places[key] = Place(self._backend(made_of), made_of)
        return place

    def _rescaled(self, key: str, made_of: EmbeddedModel) -> Place | None:
        """The place of the same model with other scales of its adapters, now with these: nothing is loaded again."""
        for name, place in self._places.items():
            if not isinstance(place.made_of, EmbeddedModel) or place.users or place.made_of.path != made_of.path:
                continue
            rescale = getattr(place.backend, "rescale", None)
            if rescale is not None and rescale(made_of.settings):
                place.made_of, place.capabilities = made_of, None
                self._places[key] = self._places.pop(name)
                return place
        return None

    def _backend(self, made_of: Endpoint | EmbeddedModel) -> Backend:
        if isinstance(made_of, Endpoint):
            from tui.backends.connect import open_backend

            return open_backend(made_of)
        from tui.engine import available
        from tui.engine.proxy import EmbeddedEngine

        if (problem := available()) is not None:
            raise BackendError(problem, kind="engine_missing")
        return EmbeddedEngine(
            made_of.path, settings=made_of.settings, state_dir=paths.data_dir() / "engine",
            log_path=paths.log_dir() / "engine.log", env=self._environment,
            kept_dir=kept_states.folder(), kept_quota=self._quota, on_said=self._say,
        )

    async def _open(self, place: Place, on_status: StatusListener | None) -> None:
        place.state, place.error = "loading", None
        self._on_change()
        try:
            loader = getattr(place.backend, "load", None)
            if loader is not None:
                await loader(on_status)
            place.capabilities = await place.backend.capabilities()
            if self._shelf is not None:
                place.counts = await TokenCounts.open(self._shelf, place.capabilities, place.address)
            place.state = "ready"
        except TraktirError as error:
            place.state, place.error, place.capabilities = "error", error, None
            raise
        except asyncio.CancelledError:
            place.state = "idle"
            raise
        finally:
            self._on_change()

    async def _give_way(self, wanted: Place, on_status: StatusListener | None) -> None:
        """Two embedded models at once would need the memory of both: wait for the other's work, then unload it."""
        if not wanted.embedded:
            return
        for place in [*self._places.values(), *self._retired]:
            if place is wanted or not place.unloadable:
                continue
            if place.users and on_status is not None:
                on_status(Status(notice("Waiting for the other model to finish its reply.")))
            while place.users:
                await place.free.wait()
            await self._unload(place)

    async def _unload(self, place: Place) -> None:
        unload = getattr(place.backend, "unload", None)
        if unload is not None:
            await unload()
        place.forget()

    def _retire(self, key: str) -> None:
        self._retired.append(self._places.pop(key))

    async def _close_retired(self) -> None:
        gone = [p for p in self._retired if not p.users]
        self._retired = [p for p in self._retired if p.users]
        await asyncio.gather(*(p.backend.close() for p in gone), return_exceptions=True)
