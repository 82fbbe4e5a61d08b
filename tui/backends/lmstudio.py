"""LM Studio: what it tells of itself and of the models that it has, by its own API (v1, and v0 of older versions).

It answers 200 to routes that it does not know: only the shape of an answer counts. What happens to a prompt that is
too long is set in the program and told nowhere. Facts after its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.backends import failures
from tui.backends.facts import Facts, Get, line, mapping, objects
from tui.backends.frames import whole, window
from tui.backends.http import Answer, Http
from tui.backends.models import LOAD_SECONDS, OnStatus, Roster, ServerModel
from tui.domain.backend import Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import notice

MODELS, MODELS_BEFORE = "/api/v1/models", "/api/v0/models"
UNLOAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A model. `instances` are the names under which it is loaded, `context` what the first has, `most` (tokens) what
    it was trained for. `standing` is loaded, loading or unloaded."""

    key: str
    kind: str
    standing: str
    instances: tuple[str, ...]
    context: int | None
    most: int | None
    vision: bool
    architecture: str
    quantisation: str
    size: int | None

    @property
    def writes(self) -> bool:
        """Whether it is no model for vectors; v0 calls those otherwise than v1."""
        return self.kind not in ("embedding", "embeddings")

    def goes_by(self, name: str) -> bool:
        return name == self.key or name in self.instances


def entries(v1: Answer, v0: Answer | None = None) -> tuple[Listed, ...]:
    """The models of a list in either version's shape."""
    found = tuple(_newer(e) for e in objects(v1.field("models")) if line(e.get("key")))
    if found or v0 is None:
        return found
    return tuple(_older(e) for e in objects(v0.field("data")) if line(e.get("id")) and "state" in e)


def _newer(entry: Mapping[str, Any]) -> Listed:
    loaded = objects(entry.get("loaded_instances"), 20)
    instances = tuple(name for e in loaded if (name := line(e.get("id"))))
    quantisation = entry.get("quantization")
    named = quantisation.get("name") if isinstance(quantisation, dict) else quantisation
    state = "loaded" if instances else "unloaded"
    return Listed(
        line(entry.get("key")), line(entry.get("type"), 20), state, instances,
        next((n for e in loaded if (n := window(mapping(e.get("config")).get("context_length")))), None),
        window(entry.get("max_context_length")), mapping(entry.get("capabilities")).get("vision") is True,
        line(entry.get("architecture"), 60), line(named, 20), whole(entry.get("size_bytes")),
    )


def _older(entry: Mapping[str, Any]) -> Listed:
    state = {"loaded": "loaded", "loading": "loading"}.get(line(entry.get("state"), 20), "unloaded")
    name = line(entry.get("id"))
    return Listed(
        name, line(entry.get("type"), 20), state, (name,) if state == "loaded" else (),
        window(entry.get("loaded_context_length")), window(entry.get("max_context_length")),
        entry.get("type") == "vlm", line(entry.get("arch"), 60), line(entry.get("quantization"), 20), None,
    )


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model that is named or loaded, else the first, and with which context. One that is not loaded will be, when
    it is asked."""
    found = [e for e in entries(await get(MODELS), await get(MODELS_BEFORE)) if e.writes]
    used = next((e for e in found if (e.goes_by(endpoint.model) if endpoint.model else e.standing == "loaded")), None)
    if used is None and (endpoint.model or not found):
        return {}
    used = used or found[0]
    facts: Facts = {
        "model": used.instances[0] if used.instances else used.key, "context_length": used.context,
        "trained_context": used.most, "images": used.vision,
        "details": {"architecture": used.architecture, "quantisation": used.quantisation, "state": used.standing},
    }
    if used.standing != "loaded":
        facts["notices"] = (notice(
            "LM Studio will load {model} when it is first asked, with the context that is set there. Load it first to "
            "see how long that is.", model=used.key),)
    return {k: v for k, v in facts.items() if v not in (None, "")}


async def still_loading(http: Http, model: str) -> bool:
    """Whether the model that a request waits for is not in memory yet. Raises BackendError."""
    used = next((e for e in await _ask(http) if e.goes_by(model)), None)
    return used is not None and used.standing != "loaded"


async def models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """What it has on disk, and which of that is loaded. Raises BackendError."""
    return tuple(_model(e) for e in await _ask(http) if e.writes)


async def load(http: Http, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Have `name` loaded with the endpoint's context length, and wait for it. Raises BackendError."""
    address = http.address.shown
    await on_status(Status(notice("{address} is loading {model}.", address=address, model=line(name))))
    body: dict[str, Any] = {"model": name}
    if endpoint.context_length:
        body["context_length"] = endpoint.context_length
    answer = await http.ask(f"{http.address.root}{MODELS}/load", body, seconds=LOAD_SECONDS)
    _check(answer, http, "instance_id")


async def unload(http: Http, endpoint: Endpoint, name: str) -> None:
    """Take every instance of `name` out of memory. Raises BackendError."""
    used = next((e for e in await _ask(http) if e.goes_by(name)), None)
    for instance in used.instances if used else (name,):
        answer = await http.ask(f"{http.address.root}{MODELS}/unload", {"instance_id": instance},
                                seconds=UNLOAD_SECONDS)
        _check(answer, http, "instance_id")


async def _ask(http: Http) -> tuple[Listed, ...]:
    newer = await http.ask(http.address.root + MODELS)
    if newer.status in {401, 403}:
        raise failures.needs_key(http.address.shown, http.key_given, failures.server_words(newer.data))
    if found := entries(newer):
        return found
    return entries(newer, await http.ask(http.address.root + MODELS_BEFORE))


def _model(entry: Listed) -> ServerModel:
    details = {"architecture": entry.architecture, "quantisation": entry.quantisation, "size": entry.size,
               "images": entry.vision, "trained_context": entry.most}
    standing = entry.standing
    return ServerModel(
        entry.key, "loaded" if standing == "loaded" else "loading" if standing == "loading" else "unloaded",
        entry.context or entry.most, {k: v for k, v in details.items() if v})


def _check(answer: Answer, http: Http, sign: str) -> None:
    """Raise what a call's answer says went wrong; an answer without `sign` is that of a version without this call."""
    address = http.address.shown
    if not answer.ok:
        raise failures.from_status(answer.status, answer.data, answer.text, address, http.key_given)
    if answer.field(sign) is None:
        said = failures.server_words(answer.data) or "-"
        raise BackendError(
            notice("{address} does not load or unload models when asked: “{said}”.", address=address, said=said),
            notice("Use LM Studio 0.4 or later, or load the model in its window."), kind="unsupported", retryable=False)


ROSTER = Roster(models, load, unload, named=True)
