"""text-generation-webui: what it tells of itself, and having another model loaded.

Which samplers work depends on its loader, which is told. It does not tell its context. Failures of the loader come as
empty successes.
"""

from __future__ import annotations

from tui.backends import failures
from tui.backends.facts import MODELS_LIMIT, Facts, Get, line
from tui.backends.http import Answer, Http
from tui.backends.models import LOAD_SECONDS, OnStatus, Roster, ServerModel
from tui.domain.backend import Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import notice

_INFO, _LIST = "/v1/internal/model/info", "/v1/internal/model/list"
_LOAD, _UNLOAD = "/v1/internal/model/load", "/v1/internal/model/unload"
_NONE = {"", "None"}
UNLOAD_SECONDS = 60.0


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model and its loader. Raises BackendError where no model is loaded."""
    told = await get(_INFO)
    model, loader = line(told.field("model_name")), line(told.field("loader"), 40)
    facts: Facts = {"model": "" if model in _NONE else model, "details": {"loader": loader} if loader else {}}
    if told.ok and model in _NONE:
        facts["notices"] = (notice("text-generation-webui has no model loaded. Load one there, or from the list of "
                                   "models."),)
    return facts


async def models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """What is in its folder, and which of it is loaded. The list takes the admin key; without it only the loaded one is
    told. Raises BackendError."""
    told = await http.ask(http.address.root + _INFO)
    used, loader = line(told.field("model_name")), line(told.field("loader"), 40)
    listed = (await http.ask(http.address.root + _LIST)).field("model_names")
    names = [line(name) for name in listed[:MODELS_LIMIT]] if isinstance(listed, list) else []
    if used not in _NONE and used not in names:
        names.insert(0, used)
    return tuple(
        ServerModel(name, "loaded" if name == used else "unloaded", None, {"loader": loader} if name == used else {})
        for name in names if name not in _NONE)


async def load(http: Http, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Have `name` loaded, with the endpoint's context length, and wait for it. Raises BackendError."""
    await on_status(Status(notice("{address} is loading {model}.", address=http.address.shown, model=line(name))))
    args = {"ctx_size": endpoint.context_length} if endpoint.context_length else {}
    answer = await http.ask(http.address.root + _LOAD, {"model_name": name, "args": args, "settings": {}},
                            seconds=LOAD_SECONDS)
    _check(answer, http)


async def unload(http: Http, endpoint: Endpoint, name: str) -> None:
    """Take the model out of memory. Raises BackendError."""
    _check(await http.ask(http.address.root + _UNLOAD, {}, seconds=UNLOAD_SECONDS), http)


def _check(answer: Answer, http: Http) -> None:
    """Raise what went wrong. These calls take the admin key."""
    if answer.ok:
        return
    if answer.status in {401, 403}:
        raise BackendError(
            notice("{address} loads models only for its admin key.", address=http.address.shown),
            notice("Give the key that text-generation-webui was started with by --admin-key."),
            kind="key_refused" if http.key_given else "key_needed", retryable=False, status=answer.status)
    raise failures.from_status(answer.status, answer.data, answer.text, http.address.shown, http.key_given)


ROSTER = Roster(models, load, unload)
