"""Ollama by its own API: what it tells of itself, requests and answers (one JSON object a line).

Its OpenAI-like routes wrap every prompt in a template of the server's and know no `num_ctx`; /api/generate with `raw`
takes a prompt as it is. Facts after Ollama's API reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.backends import failures
from tui.backends.facts import Facts, Get, line, mapping, objects
from tui.backends.frames import Delta, finish_word, string, whole, window
from tui.backends.http import Answer, Http
from tui.backends.models import LOAD_SECONDS, OnStatus, Roster, ServerModel
from tui.backends.pictures import by_id, ollama_images, ollama_prompt
from tui.backends.rivals import listed_tokens
from tui.backends.versions import at_least
from tui.domain.backend import CompletionRequest, Status, Usage
from tui.domain.defuse import defuse, plausible
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import notice

if TYPE_CHECKING:
    from tui.backends.calls import Target

KEEP_ALIVE = "30m"
"""How long a model stays loaded after a reply: a person reads, thinks and writes for longer than Ollama's 5 minutes."""
USUAL_WINDOW = 8192
"""Asked for where nothing is loaded and nobody has said anything (tokens). Ollama's own guess is 4,096 on most
machines, too little for a story."""
UNLOAD_SECONDS = 60.0
LOGPROBS_SINCE, MOST_RIVALS = "0.12.11", 20
_MOST_SHOWN = 12
"""Of so many models it is asked what they can, where none is named."""

#: Markers as templates write them, and keys of a request that stand beside its `options`.
_MARKER = re.compile(r"<[^<>\s{}]{1,60}>|\[/?[A-Z_]{2,30}\]")
_BESIDE_OPTIONS = frozenset({"logprobs", "top_logprobs", "format", "think"})
_WINDOW_SET = re.compile(r"^\s*num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)
_STOP_SET = re.compile(r'^\s*stop\s+"?([^"\n]{1,80})"?\s*$', re.MULTILINE)
_NANO, MOST_SPEED = 1e-9, 1e6


async def describe(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """The model that will be used and what is known of it, the context that is loaded or will be asked for."""
    running = objects((await get("/api/ps")).field("models"))
    version = line((await get("/api/version")).field("version"), 30)
    listed = objects((await get("/api/tags")).field("models"))
    names = [endpoint.model] if endpoint.model else [name for e in (*running, *listed) if (name := _name(e))]
    model, shown = await _first_that_writes(http, tuple(dict.fromkeys(names)))
    facts = _shown(shown) | {
        "version": version, "model": line(model),
        "logprobs": MOST_RIVALS if at_least(version, LOGPROBS_SINCE) else 0,
    }
    facts |= _mode(shown, endpoint)
    used = next((e for e in running if same_model(_name(e), model)), {})
    sizes = {key: whole(used.get(key)) for key in ("size", "size_vram")}
    facts["details"] |= {"loaded": bool(used), **sizes}
    _choose_window(facts, window(used.get("context_length")), string(shown.field("parameters")), endpoint)
    return {k: v for k, v in facts.items() if v not in (None, "")}


async def _first_that_writes(http: Http, names: Sequence[str]) -> tuple[str, Answer]:
    """The first of `names` that is not made for vectors alone, else the first, with what is known of it. One that
    makes vectors is often what was loaded or pulled last."""
    first = "", Answer(0, {}, None, "")
    for name in names[:_MOST_SHOWN]:
        shown = await show(http, name)
        can = shown.field("capabilities")
        if not (isinstance(can, list) and "embedding" in can and "completion" not in can):
            return name, shown
        first = first if first[0] else (name, shown)
    return first


async def show(http: Http, model: str) -> Answer:
    """All that Ollama knows of one model. Raises BackendError when it does not answer."""
    return await http.ask(f"{http.address.root}/api/show", {"model": model})


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model: a name without a tag means `latest`."""
    return bool(one) and _tagged(one) == _tagged(other)


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _name(entry: Mapping[str, Any]) -> str:
    return line(entry.get("model")) or line(entry.get("name"))


def _shown(answer: Answer) -> Facts:
    """What /api/show tells, in fields of Capabilities. Its template is Go's and not Jinja: it only tells the
    markers, by which a format is found."""
    info, about = mapping(answer.field("model_info")), mapping(answer.field("details"))
    architecture = line(info.get("general.architecture"), 60) or line(about.get("family"), 60)
    template, can = string(answer.field("template")), answer.field("capabilities")
    abilities = {word for word in can if isinstance(word, str)} if isinstance(can, list) else set()
    told = [*_MARKER.findall(template[:20_000]), *_STOP_SET.findall(string(answer.field("parameters"))[:20_000])]
    return {
        "trained_context": window(info.get(f"{architecture}.context_length")),
        "special_tokens": tuple(dict.fromkeys(t for t in told if plausible(t)))[:60],
        "images": "vision" in abilities, "embeddings": "embedding" in abilities,
        "details": {
            "architecture": architecture, "thinking": "thinking" in abilities,
            "quantisation": line(about.get("quantization_level"), 20),
            "parameters": line(about.get("parameter_size"), 20),
        },
    }


def _mode(shown: Answer, endpoint: Endpoint) -> Facts:
    """Models in Ollama's cloud take no raw prompt. Whether a chat goes on with a started reply is told by templates
    that know their last message."""
    text = not shown.field("remote_model") if endpoint.mode == "auto" else endpoint.mode == "text"
    prefill = text or "$last" in string(shown.field("template")).lower()
    return {"text_completion": text, "chat_completion": not text, "prefill": prefill}


def _choose_window(facts: Facts, loaded: int | None, parameters: str, endpoint: Endpoint) -> None:
    """The `num_ctx` of every request: what is loaded, what the model's own file sets, or a guess that is said."""
    own = _WINDOW_SET.search(parameters[:20_000])
    length = loaded or (window(int(own[1])) if own else None)
    if length is None and not endpoint.context_length:
        length = min(USUAL_WINDOW, facts.get("trained_context") or USUAL_WINDOW)
        facts["notices"] = (notice(
            "Ollama will be asked for a context of {window} tokens. If the model shall remember more, set the "
            "context_length of the profile.", window=length),)
    facts["context_length"] = length


def text_body(
    request: CompletionRequest, target: Target, markers: Sequence[str], fields: Mapping[str, Any],
) -> dict[str, Any]:
    """The body for /api/generate."""
    named = by_id(request.images) if target.capabilities.images else {}
    prompt, images = ollama_prompt(request.pieces, named, markers)
    body = {"prompt": prompt, "raw": True, **_common(target, fields)}
    return body | {"images": images} if images else body


def chat_body(
    request: CompletionRequest, target: Target, markers: Sequence[str], fields: Mapping[str, Any],
) -> dict[str, Any]:
    """The body for /api/chat. Thoughts come apart from the text where the model has any; before a started reply
    there is no room for them."""
    named = by_id(request.images) if target.capabilities.images else {}
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        pictures = ollama_images(message.images, named)
        messages.append({"role": message.role, "content": defuse(message.content, markers)}
                        | ({"images": pictures} if pictures else {}))
    body = {"messages": messages, **_common(target, fields)}
    if target.capabilities.details.get("thinking"):
        body.setdefault("think", not request.prefill)
    return body


def _common(target: Target, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What both routes take. What does not fit is an error, as nothing else would tell that it was cut off."""
    options = {name: value for name, value in fields.items() if name not in _BESIDE_OPTIONS}
    if target.capabilities.context_length:
        options["num_ctx"] = target.capabilities.context_length
    return {
        "stream": True, "truncate": False, "shift": False, "keep_alive": KEEP_ALIVE, "options": options,
        **{name: value for name, value in fields.items() if name in _BESIDE_OPTIONS},
    }


def read(body: Mapping[str, Any]) -> Delta:
    """One line of an answer of /api/generate or /api/chat."""
    message = mapping(body.get("message"))
    done = body.get("done") is True
    told = whole(body.get("eval_count")), whole(body.get("eval_duration"))
    return Delta(
        text=string(body.get("response")) or string(message.get("content")),
        reasoning=string(body.get("thinking")) or string(message.get("thinking")),
        usage=Usage(whole(body.get("prompt_eval_count")), None, told[0]) if done else None,
        finish=finish_word(body.get("done_reason") or "stop") if done else "",
        done=done,
        tokens=listed_tokens(body.get("logprobs")),
        speed=_speed(*told) if done else None,
        understood=done or "response" in body or bool(message),
    )


def _speed(tokens: int | None, nanoseconds: int | None) -> float | None:
    """Tokens per second, None where that is none or cannot be believed."""
    speed = round(tokens / (nanoseconds * _NANO), 2) if tokens and nanoseconds else 0.0
    return speed if 0 < speed < MOST_SPEED else None


async def still_loading(http: Http, model: str) -> bool:
    """Whether the model that a request waits for is not in memory yet. Raises BackendError."""
    running = (await http.ask(f"{http.address.root}/api/ps")).field("models")
    return isinstance(running, list) and not any(same_model(_name(e), model) for e in objects(running))


async def models(http: Http, endpoint: Endpoint) -> tuple[ServerModel, ...]:
    """What is on disk, and what of it is in memory. Raises BackendError."""
    listed = await http.ask(f"{http.address.root}/api/tags")
    if not listed.ok:
        raise _refused(listed, http)
    running = objects((await http.ask(f"{http.address.root}/api/ps")).field("models"))
    return tuple(_model(entry, running) for entry in objects(listed.field("models")) if _name(entry))


def _model(entry: Mapping[str, Any], running: Sequence[Mapping[str, Any]]) -> ServerModel:
    name, about = _name(entry), mapping(entry.get("details"))
    loaded = next((e for e in running if same_model(_name(e), name)), None)
    details = {
        "size": whole(entry.get("size")), "quantisation": line(about.get("quantization_level"), 20),
        "parameters": line(about.get("parameter_size"), 20), "architecture": line(about.get("family"), 60),
        "size_vram": whole(loaded.get("size_vram")) if loaded else None,
        "expires": line(loaded.get("expires_at"), 40) if loaded else None,
    }
    length = window(loaded.get("context_length")) if loaded else None
    return ServerModel(name, "loaded" if loaded else "unloaded", length,
                       {key: value for key, value in details.items() if value})


async def load(http: Http, endpoint: Endpoint, name: str, on_status: OnStatus) -> None:
    """Have `name` loaded, with the context that requests will ask for, and wait for it. Raises BackendError."""
    await on_status(Status(notice("{address} is loading {model}.", address=http.address.shown, model=line(name))))
    body: dict[str, Any] = {"model": name, "keep_alive": KEEP_ALIVE, "stream": False}
    if endpoint.context_length:
        body["options"] = {"num_ctx": endpoint.context_length}
    await _call_model(http, body, LOAD_SECONDS)


async def unload(http: Http, endpoint: Endpoint, name: str) -> None:
    """Take `name` out of memory. Raises BackendError."""
    await _call_model(http, {"model": name, "keep_alive": 0, "stream": False}, UNLOAD_SECONDS)


async def _call_model(http: Http, body: dict[str, Any], seconds: float) -> None:
    """A request without a prompt, which only loads or unloads."""
    answer = await http.ask(f"{http.address.root}/api/generate", body, seconds=seconds)
    if not answer.ok or answer.field("error"):
        raise _refused(answer, http)


def _refused(answer: Answer, http: Http) -> BackendError:
    status = answer.status if not answer.ok else 500
    return failures.from_status(status, answer.data, answer.text, http.address.shown, http.key_given)


ROSTER = Roster(models, load, unload, named=True)
