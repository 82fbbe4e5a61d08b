"""Servers and services that speak as OpenAI does: what they tell beyond that, each on its own route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.backends import failures
from tui.backends.address import KNOWN_HOSTS
from tui.backends.dialects import DIALECTS
from tui.backends.facts import Facts, Get, base_name, line, mapping, objects
from tui.backends.frames import whole, window
from tui.backends.http import Http
from tui.backends.knobs import Table
from tui.backends.models import ModelState, Roster, ServerModel
from tui.backends.tables import TABLES
from tui.backends.windows import known_model
from tui.domain.endpoint import Endpoint

_LOADED: Mapping[str, ModelState] = {"vllm": "loaded", "aphrodite": "loaded", "sglang": "loaded"}
_NEEDED = frozenset({"max_tokens", "json_schema"})


async def vllm(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """vLLM's or Aphrodite's version."""
    return {"version": line((await get("/version")).field("version"), 30)}


async def sglang(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """Model, version, context and senses by SGLang's own routes, the older ones too."""
    model = await get("/model_info")
    if not model.field("model_path"):
        model = await get("/get_model_info")
    server = await get("/server_info")
    if not isinstance(server.data, dict) or not server.ok:
        server = await get("/get_server_info")
    path = line(model.field("model_path"), 400)
    slots = whole(server.field("max_running_requests"))
    facts = {
        "model": line(server.field("served_model_name")) or base_name(path) or path,
        "version": line(server.field("version"), 30), "context_length": window(server.field("context_length")),
        "images": model.field("has_image_understanding") is True,
        "details": {key: value for key, value in {
            "slots": slots, "memory_tokens": whole(server.field("max_total_num_tokens")),
            "reasoning_parser": line(server.field("reasoning_parser"), 40),
        }.items() if value},
    }
    return {k: v for k, v in facts.items() if v}


async def openrouter(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """What OpenRouter's list tells of the chosen model: which parameters it takes, what it sees, what it costs."""
    entry = await _entry(get, http, endpoint)
    if not entry:
        return {}
    supported = _words(entry.get("supported_parameters"))
    table = TABLES.choose("openrouter", http.address.host)
    provider, price = mapping(entry.get("top_provider")), mapping(entry.get("pricing"))
    facts = {
        "context_length": window(provider.get("context_length")) or window(entry.get("context_length")),
        "images": "image" in _words(mapping(entry.get("architecture")).get("input_modalities")),
        "details": {key: value for key, value in {
            "lacks": not_among(table, supported), "parameters": sorted(supported),
            "most_tokens": whole(provider.get("max_completion_tokens")),
            "price": {key: price[key][:20] for key in ("prompt", "completion") if isinstance(price.get(key), str)},
            "thinking": "reasoning" in supported,
        }.items() if value},
    }
    return {k: v for k, v in facts.items() if v}


async def mistral(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """What the chosen model can, by Mistral's list."""
    can = mapping((await _entry(get, http, endpoint)).get("capabilities"))
    return {"images": can.get("vision") is True, "details": {"thinking": True} if can.get("reasoning") else {}}


async def service(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """A service that tells its models' names and no more: what else is known stands in a file."""
    if http.address.host not in KNOWN_HOSTS:
        return {"images": endpoint.mode != "text"}              # whether it sees, it does not tell: who asks finds out
    known = known_model(http.address.host, endpoint.model)
    facts: Facts = {"images": known.images, "details": {}}
    if known.context:
        facts["context_length"] = known.context
    if known.thinks:
        table = TABLES.choose("openai", http.address.host)
        facts["details"] = {"thinking": True, "lacks": sorted(table.known - _NEEDED), "developer": True}
    return facts


def not_among(table: Table, supported: frozenset[str]) -> list[str]:
    """The samplers of `table` that a model does not take, which tells those that it does."""
    if not supported:
        return []
    return sorted(name for name, knob in table.knobs.items() if knob.wire not in supported and name not in _NEEDED)


async def _entry(get: Get, http: Http, endpoint: Endpoint) -> Mapping[str, Any]:
    listed = objects((await get(f"{http.address.api}/models")).field("data"))
    return next((e for e in listed if e.get("id") == endpoint.model), {})


def _words(told: Any) -> frozenset[str]:
    words = told[:100] if isinstance(told, list) else []
    return frozenset(word[:60] for word in words if isinstance(word, str))


def roster_of(name: str) -> Roster:
    """The list of models that every such server has; `name` is the dialect's."""
    dialect = DIALECTS[name]

    async def models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
        answer = await http.ask(f"{dialect.api(http.address)}/models")
        if not answer.ok:
            raise failures.from_status(answer.status, answer.data, answer.text, http.address.shown, http.key_given)
        return tuple(_model(e, _LOADED.get(name, "unknown"), http.address.host)
                     for e in objects(answer.field("data")) if line(e.get("id")))

    return Roster(models, named=not dialect.serves_one)


def _model(entry: Mapping[str, Any], state: ModelState, host: str) -> ServerModel:
    context = next((n for key in ("max_model_len", "context_length", "max_context_length", "context_window")
                    if (n := window(entry.get(key)))), None)
    details = {"name": line(entry.get("name")), "owner": line(entry.get("owned_by"), 40)}
    return ServerModel(line(entry.get("id")), state, context or known_model(host, line(entry.get("id"))).context,
                       {k: v for k, v in details.items() if v})
