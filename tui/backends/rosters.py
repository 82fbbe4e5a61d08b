"""Each kind of server's way of listing, loading and unloading its models."""

from __future__ import annotations

import asyncio

from tui.backends import failures, horde, koboldcpp, llamaserver, lmstudio, ollama, tabby, textgen
from tui.backends.dialects import Dialect
from tui.backends.familiar import roster_of
from tui.backends.http import Http
from tui.backends.models import LOAD_SECONDS, OnStatus, Roster, ServerModel
from tui.domain.endpoint import Endpoint

_OWN: dict[str, Roster] = {
    "llamacpp": llamaserver.ROSTER, "tabby": tabby.ROSTER, "ollama": ollama.ROSTER, "lmstudio": lmstudio.ROSTER,
    "koboldcpp": koboldcpp.ROSTER, "textgen": textgen.ROSTER, "horde": horde.ROSTER,
}


def roster(dialect: Dialect) -> Roster:
    """What can be done about the models of a server of this kind."""
    return _OWN.get(dialect.name) or roster_of(dialect.name)


async def list_models(http: Http, dialect: Dialect, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """The models there. Raises BackendError."""
    return await roster(dialect).models(http, endpoint)


async def load_model(http: Http, dialect: Dialect, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Have `name` ready for requests: loaded where the server does that when asked. Raises BackendError."""
    ways = roster(dialect)
    if ways.load is None and not ways.named:
        raise failures.cannot_load(dialect.label)
    if ways.load is not None:
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                await ways.load(http, endpoint, name, on_status)
        except TimeoutError as error:
            raise failures.not_reached(error, http.address.shown) from None


async def unload_model(http: Http, dialect: Dialect, endpoint: Endpoint, name: str) -> None:
    """Have `name` taken out of memory. Raises BackendError."""
    unload = roster(dialect).unload
    if unload is None:
        raise failures.cannot_load(dialect.label)
    await unload(http, endpoint, name)
