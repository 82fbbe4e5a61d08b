"""KoboldCpp: what it tells of itself, and requests in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.backends import failures
from tui.backends.facts import MODELS_LIMIT, NAME_LIMIT, Facts, Get, line, template
from tui.backends.frames import window
from tui.backends.http import Http
from tui.backends.models import LOAD_SECONDS, OnStatus, Roster, ServerModel
from tui.backends.pictures import koboldcpp_images
from tui.backends.versions import at_least
from tui.domain.backend import CompletionRequest, Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import Notice, notice

if TYPE_CHECKING:
    from tui.backends.calls import Target

STREAMS_SINCE = "1.40"
"""The first version that streams; with earlier ones the text is asked after."""
PICTURES = (("1.82", 8), ("1.61", 4))
"""How many pictures a request may hold, by the first version that takes so many."""
UNLOAD, UNLOAD_SECONDS, RELOAD_PAUSE, MOST_UNCHANGED = "unload_model", 60.0, 1.0, 60
_NO_MODELS = frozenset({UNLOAD, "initial_model"})
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


async def models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """The model that is there, and the configurations and models that an administrator may load in its place: none
    where it was started without --admin or wants another password. Raises BackendError."""
    now = (await _present(http)).removeprefix("koboldcpp/")
    used = ServerModel(now, "unloaded" if now == "inactive" else "loaded", window(
        (await http.ask(f"{http.address.root}/api/extra/true_max_context_length")).field("value")))
    listed = await http.ask(f"{http.address.root}/api/admin/list_options")
    names = [line(name) for name in listed.data[:MODELS_LIMIT]] if isinstance(listed.data, list) else []
    others = [ServerModel(name, "unloaded") for name in names if name and name not in _NO_MODELS | {now}]
    return (used, *others) if now else tuple(others)


async def load(http: Http, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Have it started again with the configuration or model `name`, and wait until it is there. Raises
    BackendError."""
    await on_status(Status(notice("{address} is loading {model}.", address=http.address.shown, model=line(name))))
    before = await _present(http)
    await _reload(http, name)
    await _wait_for_change(http, before, LOAD_SECONDS)


async def unload(http: Http, endpoint: Endpoint, name: str) -> None:
    """Have it go on without a model. Raises BackendError."""
    before = await _present(http)
    await _reload(http, UNLOAD)
    await _wait_for_change(http, before, UNLOAD_SECONDS)


async def _present(http: Http) -> str:
    return line((await http.ask(f"{http.address.root}/api/v1/model")).field("result"))


async def _reload(http: Http, name: str) -> None:
    answer = await http.ask(f"{http.address.root}/api/admin/reload_config", {"filename": name}, seconds=30.0)
    address = http.address.shown
    if answer.status in {401, 403}:
        raise failures.needs_key(address, http.key_given, failures.server_words(answer.data))
    if not answer.ok or answer.field("success") is not True:
        raise BackendError(
            notice("{address} does not load another model: “{said}”.", address=address,
                   said=failures.server_words(answer.data) or "-"),
            notice("Start KoboldCpp with --admin and --admindir, and give its admin password as the key of this "
                   "connection."), kind="unsupported", retryable=False)


async def _wait_for_change(http: Http, before: str, seconds: float) -> None:
    """It answers for a moment longer, goes away and comes back: over when it has been away, names another model, or
    has shown for long that nothing changes."""
    away, unchanged = False, 0
    try:
        async with asyncio.timeout(seconds):
            while unchanged < MOST_UNCHANGED:
                await asyncio.sleep(RELOAD_PAUSE)
                try:
                    now = await _present(http)
                except BackendError:
                    away = True
                    continue
                if now and (away or now != before):
                    return
                unchanged += 1
    except TimeoutError as error:
        raise failures.not_reached(error, http.address.shown) from None


ROSTER = Roster(models, load, unload)
