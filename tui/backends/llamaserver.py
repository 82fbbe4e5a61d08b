"""llama-server (also inside xllamacpp): what it tells of itself, with one model or as a router of several.

A router is a llama-server that was started without a model: questions by GET name theirs as `?model=`, those with a
body in `model`, and /models tells what is loaded. Facts after llama.cpp's server documentation, October 2026.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tui.backends import failures
from tui.backends.facts import Facts, Get, base_name, line, mapping, objects, template, token
from tui.backends.frames import string, whole, window
from tui.backends.http import Answer, Http
from tui.backends.models import LOAD_SECONDS, ModelState, OnStatus, Roster, ServerModel
from tui.domain.backend import Status
from tui.domain.defuse import plausible
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import notice

POLL_SECONDS = 0.5
"""How often a router is asked whether it has loaded."""
_MARKER_LIMIT = 120
_STATES: Mapping[str, ModelState] = {
    "loaded": "loaded", "sleeping": "loaded", "loading": "loading", "downloading": "loading", "unloaded": "unloaded",
}


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """Model, context for each request, template, tokens, senses. Of a router's model it has these once it is loaded.

    Raises BackendError of the kinds `model_needed` (a router, and no model is chosen) and `model_unloaded`.
    """
    data = mapping((await get("/props")).data)
    chosen = ""
    if data.get("role") == "router":
        chosen = await _chosen(get, http, endpoint)
        data = mapping((await get(f"/props?model={quote(chosen, safe='')}")).data)
        http.model = chosen
    settings, senses = mapping(data.get("default_generation_settings")), mapping(data.get("modalities"))
    bos, eos = token(data.get("bos_token")), token(data.get("eos_token"))
    known = objects((await get("/v1/models")).field("data"))
    entry = next((e for e in known if e.get("id") == chosen), known[0] if known and not chosen else {})
    facts = {
        "model": chosen or base_name(data.get("model_alias") or data.get("model_path")),
        "version": line(data.get("build_info"), 60),
        "context_length": window(settings.get("n_ctx")),
        "trained_context": window(mapping(entry.get("meta")).get("n_ctx_train")),
        "chat_template": template(data.get("chat_template")), "bos_token": bos, "eos_token": eos,
        "special_tokens": tuple(t for t in (bos, eos) if plausible(t)),
        "exact_tokens": True, "adds_bos": await _adds_bos(http), "images": senses.get("vision") is True,
        "switch": bool(chosen),
        "details": {
            "slots": whole(data.get("total_slots")), "media_marker": string(data.get("media_marker"))[:_MARKER_LIMIT],
            **({"send_model": chosen, "router": True} if chosen else {}),
        },
    }
    return {k: v for k, v in facts.items() if v is not None}


async def _chosen(get: Get, http: Http, endpoint: Endpoint) -> str:
    """The model that a router shall use: the endpoint's, or the only one that could be meant."""
    found = _listed(await get("/models"))
    loaded = [m for m in found if m.state == "loaded"]
    name = endpoint.model or next((ms[0].id for ms in (loaded, found) if len(ms) == 1), "")
    if not name:
        raise failures.needs_model(http.address.shown, [m.id for m in found])
    state = next((m.state for m in found if m.id == name), None)
    if state is None:
        raise failures.unknown_model(http.address.shown, name, [m.id for m in found])
    if state != "loaded":
        raise failures.not_loaded(http.address.shown, name)
    return name


async def _adds_bos(http: Http) -> bool:
    """Whether this model's tokenizer puts something before a text."""
    answer = await http.ask(f"{http.address.root}/tokenize", {"content": "", "add_special": True})
    tokens = answer.field("tokens")
    return not isinstance(tokens, list) or bool(tokens)


def _listed(answer: Answer) -> tuple[ServerModel, ...]:
    return tuple(_entry(e) for e in objects(answer.field("data")) if line(e.get("id")))


def _entry(entry: Mapping[str, Any]) -> ServerModel:
    told, meta = mapping(entry.get("status")), mapping(entry.get("meta"))
    state = "loaded" if not told else _STATES.get(string(told.get("value")), "unknown")
    facts = {"size": whole(meta.get("size")), "parameters": whole(meta.get("n_params")),
             "trained_context": window(meta.get("n_ctx_train")), "failed": told.get("failed") is True or None,
             "asleep": told.get("value") == "sleeping" or None}
    return ServerModel(line(entry.get("id")), state, window(meta.get("n_ctx")),
                       {k: v for k, v in facts.items() if v is not None})


async def list_models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """A router's models with their states, or the one that a plain server has."""
    return _listed(await _asked(http, "/models"))


async def load_model(http: Http, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Have a router load `name`, and wait until it has."""
    await _asked(http, "/models/load", {"model": name})
    async with asyncio.timeout(LOAD_SECONDS):
        while True:
            found = next((m for m in await list_models(http, endpoint) if m.id == name), None)
            if found is not None and found.state == "loaded":
                return
            if found is None or found.details.get("failed"):
                raise failures.load_failed(http.address.shown, name, "")
            await on_status(Status(notice("{address} is loading {model}.", address=http.address.shown, model=name)))
            await asyncio.sleep(POLL_SECONDS)


async def unload_model(http: Http, endpoint: Endpoint, name: str) -> None:
    """Have a router take `name` out of its memory."""
    await _asked(http, "/models/unload", {"model": name})


async def _asked(http: Http, path: str, body: Any = None) -> Answer:
    answer = await http.ask(http.address.root + path, body)
    if not answer.ok:
        said = failures.server_words(answer.data)
        if body is not None and "already" in said.lower():
            return answer                                       # as was wished
        raise failures.from_status(answer.status, answer.data, answer.text, http.address.shown, http.key_given)
    return answer


async def rendered(http: Http, messages: Sequence[Mapping[str, Any]]) -> str | None:
    """The prompt that the model's own template makes of `messages`, None where it makes none. Raises BackendError."""
    answer = await http.ask(f"{http.address.root}/apply-template", {"messages": list(messages)})
    prompt = answer.field("prompt")
    return prompt if answer.ok and isinstance(prompt, str) else None


def is_router(error: BackendError) -> bool:
    """Whether an error is about a server's models and not about the server."""
    return error.details.get("kind") in {"model_needed", "model_unloaded", "model_unknown"}


ROSTER = Roster(list_models, load_model, unload_model, named=True)
