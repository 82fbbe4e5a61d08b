"""KoboldCpp: what it tells of itself."""

from __future__ import annotations

from tui.backends import failures
from tui.backends.facts import NAME_LIMIT, Facts, Get, line, template
from tui.backends.frames import window
from tui.backends.http import Http
from tui.domain.endpoint import Endpoint


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """Model, version, context and template. Raises BackendError where it wants a password."""
    model = await get("/api/v1/model")
    if model.status in {401, 403} or model.field("result") == "koboldcpp/protected-model":
        raise failures.needs_key(http.address.shown, http.key_given, failures.server_words(model.data))
    props = await get("/props")
    allocated = window((await get("/api/extra/true_max_context_length")).field("value"))
    facts: Facts = {
        "model": line(model.field("result"), NAME_LIMIT + 10).removeprefix("koboldcpp/")[:NAME_LIMIT],
        "version": line((await get("/api/extra/version")).field("version"), 20),
        "context_length": allocated or window((await get("/api/v1/config/max_context_length")).field("value")),
        "chat_template": template(props.field("chat_template")), "exact_tokens": True,
    }
    return {k: v for k, v in facts.items() if v is not None}
