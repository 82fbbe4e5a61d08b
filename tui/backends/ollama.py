"""Ollama: what it tells of itself."""

from __future__ import annotations

from tui.backends.facts import Facts, Get, line, objects
from tui.backends.frames import window
from tui.backends.http import Http
from tui.domain.endpoint import Endpoint


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The version, and the context of what is loaded."""
    loaded = next(iter(objects((await get("/api/ps")).field("models"))), {})
    facts: Facts = {
        "version": line((await get("/api/version")).field("version"), 30),
        "context_length": window(loaded.get("context_length")),
    }
    return {k: v for k, v in facts.items() if v}
