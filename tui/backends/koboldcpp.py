"""KoboldCpp: what it tells of itself, and requests in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.backends import failures
from tui.backends.facts import NAME_LIMIT, Facts, Get, line, template
from tui.backends.frames import window
from tui.backends.http import Http
from tui.backends.pictures import koboldcpp_images
from tui.backends.versions import at_least
from tui.domain.backend import CompletionRequest
from tui.domain.endpoint import Endpoint
from tui.domain.notice import Notice, notice

if TYPE_CHECKING:
    from tui.backends.calls import Target

STREAMS_SINCE = "1.40"
"""The first version that streams; with earlier ones the text is asked after."""
PICTURES = (("1.82", 8), ("1.61", 4))
"""How many pictures a request may hold, by the first version that takes so many."""
_SWITCHES = ("vision", "audio", "embeddings", "guidance", "jinja", "admin", "protected", "router")
_NO_STREAM = {404, 405, 501}


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """Model, version, context, template, and what it was started with. Raises BackendError where it wants a
    password."""
    model = await get("/api/v1/model")
    if model.status in {401, 403} or model.field("result") == "koboldcpp/protected-model":
        raise failures.needs_key(http.address.shown, http.key_given, failures.server_words(model.data))
    told = await get("/api/extra/version")
    version = line(told.field("version"), 20)
    props = await get("/props")
    allocated = window((await get("/api/extra/true_max_context_length")).field("value"))
    switches = {name: told.field(name) is True for name in _SWITCHES if isinstance(told.field(name), bool)}
    facts: Facts = {
        "model": line(model.field("result"), NAME_LIMIT + 10).removeprefix("koboldcpp/")[:NAME_LIMIT],
        "version": version,
        "context_length": allocated or window((await get("/api/v1/config/max_context_length")).field("value")),
        "chat_template": template(props.field("chat_template")), "exact_tokens": True,
        "images": bool(switches.get("vision")) and pictures(version) > 0,
        "embeddings": bool(switches.get("embeddings")), "switch": bool(switches.get("admin")),
        "details": switches,
    }
    if must_poll("koboldcpp", version):
        facts["notices"] = (notice(
            "KoboldCpp {version} does not stream; its text is asked after. Since {since} it does.",
            version=version, since=STREAMS_SINCE),)
    return {k: v for k, v in facts.items() if v is not None}


def pictures(version: str) -> int:
    """How many pictures a request to that version may hold."""
    return next((most for since, most in PICTURES if at_least(version, since)), 0)


def body(text: str, request: CompletionRequest, target: Target, fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The body for its native routes. It is told its own window: what it takes for granted otherwise is shorter, and
    it would cut the prompt."""
    out: dict[str, Any] = {
        "prompt": text, "genkey": key, "trim_stop": True, "quiet": True, "use_default_badwordsids": False, **fields,
    }
    if length := target.capabilities.context_length:
        out["max_context_length"] = length
    if target.capabilities.images and (shown := koboldcpp_images(request, pictures(target.capabilities.version))):
        out["images"] = shown
    return out


def must_poll(dialect: str, version: str) -> bool:
    """Whether that server has no stream; a KoboldCpp that tells no version is new enough."""
    return dialect == "koboldcpp" and bool(version) and not at_least(version, STREAMS_SINCE)


def will_be_asked() -> Notice:
    """Said when a stream came all at once."""
    return notice("From now on KoboldCpp is asked after its text every half second instead, so that it can be seen "
                  "growing.")


def without_stream(target: Target, status: Any) -> Target | None:
    """The same server, whose text is asked after, where it refuses to stream; None where that is not it."""
    if target.dialect.name != "koboldcpp" or target.polled or status not in _NO_STREAM:
        return None
    return replace(target, polled=True) if target.capabilities.text_completion else None
