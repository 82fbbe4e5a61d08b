"""TabbyAPI: what it tells of itself, and its models. Loading and unloading want the key of its administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tui.backends import failures
from tui.backends.bounded import parse_json
from tui.backends.facts import Facts, Get, line, mapping, objects, template
from tui.backends.frames import string, whole, window
from tui.backends.http import Answer, Http
from tui.backends.models import OnStatus, Roster, ServerModel
from tui.backends.patience import MAX_BYTES
from tui.backends.sse import EventParser, TooLong
from tui.domain.backend import Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import notice


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model that is loaded, its context and template, and which key was given."""
    answer = await get("/v1/model")
    if not answer.ok and "loaded" in answer.text.lower():
        if endpoint.model:
            raise failures.not_loaded(http.address.shown, endpoint.model)
        listed = await get("/v1/model/list")
        raise failures.needs_model(http.address.shown, [line(e.get("id")) for e in objects(listed.field("data"))])
    name, parameters = line(answer.field("id")), mapping(answer.field("parameters"))
    permission = string((await get("/v1/auth/permission")).field("permission"))
    facts = {
        "model": name, "context_length": window(parameters.get("max_seq_len")),
        "chat_template": template(parameters.get("prompt_template_content")),
        "images": parameters.get("use_vision") is True, "switch": permission == "admin",
        "details": {key: value for key, value in {
            "loader": line(parameters.get("backend"), 40), "permission": permission[:20],
            "cache_tokens": whole(parameters.get("cache_size")), "cache_type": line(parameters.get("cache_mode"), 20),
        }.items() if value},
    }
    return {k: v for k, v in facts.items() if v}


async def list_models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """The models in its folder, where the key allows to see them, and the one that is loaded."""
    current = await http.ask(f"{http.address.root}/v1/model")
    loaded = line(current.field("id")) if current.ok else ""
    listed = objects((await http.ask(f"{http.address.root}/v1/model/list")).field("data"))
    names = [name for entry in listed if (name := line(entry.get("id")))]
    length = window(mapping(current.field("parameters")).get("max_seq_len"))
    found = [ServerModel(loaded, "loaded", length)] if loaded else []
    return (*found, *(ServerModel(name, "unloaded") for name in names if name != loaded))


async def load_model(http: Http, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Load `name` in the place of what is loaded, telling how far it is."""
    size = {"max_seq_len": endpoint.context_length} if endpoint.context_length else {}
    async with http.stream(f"{http.address.root}/v1/model/load", {"model_name": name, **size}) as response:
        if not 200 <= response.status_code < 300:
            raise _refused(http, await http.error_answer(response))
        await _follow(http, response, name, on_status)


async def _follow(http: Http, response: httpx.Response, name: str, on_status: OnStatus) -> None:
    parser, left, done = EventParser(), MAX_BYTES, False
    try:
        async for chunk in response.aiter_raw():
            left -= len(chunk)
            for event in (*parser.feed(chunk),):
                done |= await _step(http, mapping(parse_json(event.data)), name, on_status)
            if left < 0:
                raise failures.too_big(http.address.shown)
        for event in parser.close():
            done |= await _step(http, mapping(parse_json(event.data)), name, on_status)
    except TooLong:
        raise failures.too_big(http.address.shown) from None
    if not done:
        raise failures.load_failed(http.address.shown, name, "")


async def _step(http: Http, told: Mapping[str, Any], name: str, on_status: OnStatus) -> bool:
    """One word on its progress; True when all is loaded. The draft model's parts come first."""
    if told.get("error"):
        raise failures.load_failed(http.address.shown, name, failures.server_words(http.redaction.data(dict(told))))
    part, parts = whole(told.get("module")) or 0, whole(told.get("modules")) or 0
    if parts:
        await on_status(Status(
            notice("{address} is loading {model}.", address=http.address.shown, model=name), min(1.0, part / parts)))
    return told.get("status") == "finished" and told.get("model_type", "model") in {"model", "vision"}


async def unload_model(http: Http, endpoint: Endpoint, name: str) -> None:
    """Take the model out of memory; it has but one."""
    answer = await http.ask(f"{http.address.root}/v1/model/unload", {})
    if not answer.ok:
        raise _refused(http, answer)


def _refused(http: Http, answer: Answer) -> BackendError:
    if answer.status in {401, 403}:
        return failures.needs_admin(http.address.shown, failures.server_words(answer.data))
    return failures.from_status(answer.status, answer.data, answer.text, http.address.shown, http.key_given)


ROSTER = Roster(list_models, load_model, unload_model)
