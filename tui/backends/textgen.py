"""text-generation-webui: what it tells of itself."""

from __future__ import annotations

from tui.backends.facts import Facts, Get, line
from tui.backends.http import Http
from tui.domain.endpoint import Endpoint


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model and what has loaded it, on which its samplers depend; it does not tell its context."""
    told = await get("/v1/internal/model/info")
    return {"model": line(told.field("model_name")), "details": {"loader": line(told.field("loader"), 40)}}
