"""text-generation-webui: what it tells of itself."""

from __future__ import annotations

from tui.backends.facts import Facts, Get, line
from tui.backends.http import Http
from tui.domain.endpoint import Endpoint


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model; it does not tell its context."""
    return {"model": line((await get("/v1/internal/model/info")).field("model_name"))}
