"""The AI Horde: what volunteers' workers offer, and requests to them. Facts after its API's description (v2).

It knows neither streams nor tokens: a request is left there, asked after, and its text comes whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from typing import TYPE_CHECKING, Any

from tui.backends import failures
from tui.backends.facts import Facts, Get, line, objects
from tui.backends.frames import string, whole, window
from tui.backends.http import Answer, Http
from tui.backends.models import Roster, ServerModel
from tui.backends.sampling import Translation
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import Notice, notice

if TYPE_CHECKING:
    from tui.backends.calls import Target

MOST_WORKERS = 4000
SHORTEST_REPLY, SMALLEST_WINDOW = 16, 80
"""What the Horde takes at least (tokens)."""
_JOB = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Offer:
    """One model: how many workers serve it, how much waits for it, and how long that takes (seconds)."""

    name: str
    workers: int
    queued: int
    eta: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What the workers that may take a request allow: tokens of prompt and reply together, and of the reply."""

    workers: int
    context: int | None
    reply: int | None


def chosen_models(text: str) -> tuple[str, ...]:
    """The models of an endpoint, which may name several between commas; none means any."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def offers(answer: Answer) -> list[Offer]:
    """The models that are served now, those with most workers first."""
    found = [
        Offer(name, whole(entry.get("count")) or 0, whole(entry.get("queued")) or 0, whole(entry.get("eta")) or 0)
        for entry in objects(answer.data) if (name := line(entry.get("name")))
    ]
    return sorted(found, key=lambda offer: (-offer.workers, offer.eta, offer.name.lower()))


def limits(answer: Answer, models: Sequence[str]) -> Limits:
    """What every worker that serves one of `models` can do: the least of all of them. Where any model will do, what
    half of the workers can."""
    wanted = set(models)
    able = [w for w in objects(answer.data, MOST_WORKERS) if _serves(w, wanted)]
    take = min if wanted else median_low
    contexts = [n for w in able if (n := window(w.get("max_context_length")))]
    replies = [n for w in able if (n := window(w.get("max_length")))]
    return Limits(len(able), take(contexts) if contexts else None, take(replies) if replies else None)


def _serves(worker: Mapping[str, Any], wanted: set[str]) -> bool:
    away = worker.get("online") is False or worker.get("maintenance_mode") is True or worker.get("paused") is True
    models = worker.get("models")
    names = {name for name in models if isinstance(name, str)} if isinstance(models, list) else set()
    return not away and (not wanted or bool(wanted & names))


async def names(get: Get, http: Http) -> tuple[str, ...]:
    """The models that are served now. Raises BackendError."""
    return tuple(offer.name for offer in offers(await get("/api/v2/status/models?type=text")))


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """What is served, within which limits, and what the key is worth."""
    served = offers(await get("/api/v2/status/models?type=text"))
    models = chosen_models(endpoint.model)
    found = limits(await get("/api/v2/workers?type=text"), models)
    known = [offer for offer in served if offer.name in models] or served
    told = [_privacy()]
    kudos = None
    if http.key_given:
        user = await get("/api/v2/find_user")
        if user.status in {401, 403, 404}:
            raise failures.needs_key(http.address.shown, True, failures.server_words(user.data))
        kudos = _kudos(user.field("kudos"))
        if kudos is not None:
            told.append(notice("This key has {kudos} kudos.", kudos=kudos))
    else:
        told.append(notice("Without a key, the Horde serves others first. A key is free: register with the AI Horde."))
    if models and not found.workers:
        told.append(notice("No worker of the Horde serves {model} now.", model=line(endpoint.model)))
    return {
        "model": line(endpoint.model), "context_length": found.context, "text_completion": True,
        "chat_completion": False, "prefill": True, "notices": tuple(told),
        "details": {
            "workers": found.workers, "max_length": found.reply, "kudos": kudos,
            "eta": min((offer.eta for offer in known), default=None),
            "queued": sum(offer.queued for offer in known),
        },
    }


def _privacy() -> Notice:
    return notice("The Horde gives each prompt to a volunteer's machine, whose owner could read it.")


def body(
    prompt: str, target: Target, translation: Translation, limit_key: str = "max_length",
) -> tuple[dict[str, Any], Translation]:
    """A request for one text, and what became of its samplers: a reply longer than the workers write is cut down."""
    params = dict(translation.fields)
    most, asked = whole(target.capabilities.details.get("max_length")), whole(params.get(limit_key))
    if most and asked and asked > most:
        params[limit_key] = max(SHORTEST_REPLY, most)
        translation = replace(translation, clamped={**translation.clamped, "max_tokens": float(params[limit_key])})
    if target.capabilities.context_length:
        params["max_context_length"] = max(SMALLEST_WINDOW, target.capabilities.context_length)
    out: dict[str, Any] = {"prompt": prompt, "params": params | {"n": 1}}
    if models := chosen_models(target.endpoint.model):
        out["models"] = list(models)
    return out, translation


@dataclass(frozen=True, slots=True)
class Progress:
    """How a request stands. `text` is None until there is one."""

    done: bool
    faulted: bool
    possible: bool
    writing: bool
    position: int
    seconds: int
    text: str | None
    model: str
    worker: str
    kudos: float | None
    censored: bool
    seed: int | None


def progress(data: Mapping[str, Any]) -> Progress:
    """Read an answer of /generate/text/status."""
    made = next(iter(objects(data.get("generations"))), {})
    metadata = objects(made.get("gen_metadata"))
    return Progress(
        done=data.get("done") is True, faulted=data.get("faulted") is True,
        possible=data.get("is_possible") is not False, writing=bool(whole(data.get("processing"))),
        position=whole(data.get("queue_position")) or 0, seconds=whole(data.get("wait_time")) or 0,
        text=made["text"] if isinstance(made.get("text"), str) else None,
        model=line(made.get("model")), worker=line(made.get("worker_name"), 60), kudos=_kudos(data.get("kudos")),
        censored=made.get("state") == "censored" or any(m.get("type") == "censorship" for m in metadata),
        seed=whole(made.get("seed")),
    )


def job(answer: Answer) -> str:
    """The name of a request that was taken, "" where there is none."""
    told = string(answer.field("id"))
    return told if _JOB.fullmatch(told) else ""


def remarks(answer: Answer) -> list[str]:
    """What the Horde has to say to a request that it takes."""
    said = [line(answer.field("message"), 200)]
    said += [line(warning.get("message"), 200) for warning in objects(answer.field("warnings"), 5)]
    return [words for words in said if words]


def standing(now: Progress, address: str) -> Notice:
    """Where a request that is not done stands, in a sentence."""
    if now.writing:
        return notice("A worker of {address} is writing; about {seconds} s to go.", address=address,
                      seconds=now.seconds)
    return notice("Place {position} in the queue of {address}; about {seconds} s to go.", address=address,
                  position=now.position, seconds=now.seconds)


def made_by(now: Progress) -> Notice:
    """Who wrote it and what it cost."""
    if now.kudos is None:
        return notice("Written by {model} on the worker {worker}.", model=now.model or "?", worker=now.worker or "?")
    return notice("Written by {model} on the worker {worker} for {kudos} kudos.", model=now.model or "?",
                  worker=now.worker or "?", kudos=now.kudos)


def refused(answer: Answer, address: str, key_given: bool) -> BackendError:
    """Why the Horde does not take a request. Its kinds of error are told by `rc`."""
    said, kind = failures.server_words(answer.data), string(answer.field("rc"))
    if "kudos" in kind.lower():
        return BackendError(
            notice("{address} wants more kudos for this request than there are: “{said}”.", address=address, said=said),
            notice("Shorten the reply or the context, or earn kudos with a worker of your own."),
            kind="kudos", retryable=False, status=answer.status)
    if answer.status == 403 and "key" not in kind.lower():
        return BackendError(
            notice("{address} rejects the request ({status}): “{said}”.", address=address, status=403, said=said),
            notice("Change the setting that it names, or the kind of server."),
            kind="status", retryable=False, status=403)
    return failures.from_status(answer.status, answer.data, answer.text, address, key_given)


def impossible(address: str, target_models: Iterable[str]) -> BackendError:
    some = ", ".join(target_models)
    what = (
        notice("No worker of {address} can take this request: none serves {models} with so long a context and reply.",
               address=address, models=line(some))
        if some else notice("No worker of {address} can take this request: its context or reply is too long.",
                            address=address)
    )
    return BackendError(what, notice("Choose another model, or lower the context_length and the length of the reply."),
                        kind="impossible", retryable=False)


def failed(address: str) -> BackendError:
    return BackendError(
        notice("{address} gave this request up: several workers failed at it.", address=address),
        notice("Try again, or choose another model."), kind="faulted", retryable=True)


def expired(address: str) -> BackendError:
    return BackendError(
        notice("{address} no longer knows this request: it waits 20 minutes for a worker, and forgets.",
               address=address),
        notice("Choose a model that more workers serve, or come back with a key that has kudos."),
        kind="expired", retryable=True)


def censored(address: str) -> BackendError:
    return BackendError(
        notice("The worker of {address} withheld the text: its filter took it for what must not be written.",
               address=address),
        notice("Change the scene, or choose another model."), kind="censored", retryable=False)


def _kudos(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value), 1) if abs(value) < 1e12 else None


async def models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """What volunteers serve now, with the context that all of a model's workers have. Raises BackendError."""
    served = await http.ask(f"{http.address.root}/api/v2/status/models?type=text")
    if not served.ok:
        raise refused(served, http.address.shown, http.key_given)
    workers = await http.ask(f"{http.address.root}/api/v2/workers?type=text")
    return tuple(
        ServerModel(o.name, "loaded", limits(workers, (o.name,)).context,
                    {"workers": o.workers, "queued": o.queued, "eta": o.eta})
        for o in offers(served))


ROSTER = Roster(models, named=True)
