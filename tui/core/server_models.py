"""The calls of the API about the models that a server has: listing them, loading, unloading, changing over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.core.connection import Connection
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.domain.backend import Status
from tui.domain.errors import BadInput
from tui.domain.notice import notice

if TYPE_CHECKING:
    from tui.backends.models import ServerModel


class ServerModels:
    """`connection.models`, `connection.load_model`, `connection.unload_model`."""

    def __init__(self, connection: Connection, events: EventHub) -> None:
        self._connection = connection
        self._events = events
        self._loading = asyncio.Lock()

    def handlers(self) -> dict[str, Handler]:
        return {
            "connection.models": self.models, "connection.load_model": self.load_model,
            "connection.unload_model": self.unload_model,
        }

    async def models(self, profile: str = "", character: str = "") -> dict[str, Any]:
        """The models of a profile's server with their states, the one in use marked. Raises BackendError, BadInput."""
        chosen = self._chosen(profile, character)
        server = await self._connection.server(chosen)
        found = await server.models()
        used = str(self._connection.describe(chosen).get("model") or server.endpoint.model)
        return {"models": [{**m.to_json(), "used": m.id == used} for m in found],
                "profile": self._connection.profile_of(chosen).id}

    async def load_model(self, model: str, profile: str = "", character: str = "") -> dict[str, Any]:
        """Have a model of the server answer from now on; any part of its name that only it has will do. How far it is
        comes as events of the type `server_model`."""
        chosen = self._chosen(profile, character)
        async with self._loading:
            server = await self._connection.server(chosen)
            name = _meant(model, await server.models())

            async def tell(status: Status) -> None:
                self._events.emit("server_model", model=name, notice=status.notice.to_json(), fraction=status.fraction)

            await server.load_model(name, tell)
            self._connection.choose_model(chosen, name if server.endpoint.model == name else "")
        return {"model": name, "connection": self._connection.describe(chosen)}

    async def unload_model(self, model: str = "", profile: str = "", character: str = "") -> dict[str, Any]:
        """Have a model, or the one in use, taken out of the server's memory."""
        chosen = self._chosen(profile, character)
        async with self._loading:
            server = await self._connection.server(chosen)
            await server.unload_model(_meant(model, await server.models()) if model else "")
            self._connection.look_anew(chosen)
        return {"connection": self._connection.describe(chosen)}

    def _chosen(self, profile: str, character: str) -> str:
        return self._connection.chosen({"profile": profile, "character": character})


def _meant(given: str, models: Sequence[ServerModel]) -> str:
    """The model by its name, or by a part that only it has; a name that is not listed stays. Raises BadInput."""
    wanted = given.strip()
    names = [m.id for m in models]
    if not wanted:
        raise BadInput(notice("A model needs a name."), field="model")
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.casefold() in name.casefold()]
    if len(found) > 1:
        raise BadInput(notice("{name} could be {names}.", name=wanted[:80], names=", ".join(found[:6])), field="model")
    return found[0] if found else wanted
