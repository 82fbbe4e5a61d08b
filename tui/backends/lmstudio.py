"""LM Studio: what it tells of itself."""

from __future__ import annotations

from tui.backends.facts import Facts, Get, line, objects
from tui.backends.frames import window
from tui.backends.http import Http
from tui.domain.endpoint import Endpoint


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model that is loaded, and with which context."""
    loaded = [e for e in objects((await get("/api/v0/models")).field("data")) if e.get("state") == "loaded"]
    if not loaded:
        return {}
    facts = {"model": line(loaded[0].get("id")), "context_length": window(loaded[0].get("loaded_context_length"))}
    return {k: v for k, v in facts.items() if v}
