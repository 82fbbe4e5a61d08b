"""What a server of a known kind tells of itself: model, version, context, template, tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from tui.backends import failures, familiar, horde, koboldcpp, llamaserver, lmstudio, ollama, tabby, textgen
from tui.backends.dialects import Dialect
from tui.backends.facts import MODELS_LIMIT, NAME_LIMIT, Facts, Get, base_name, line
from tui.backends.families import cache_class
from tui.backends.frames import whole, window
from tui.backends.http import Http
from tui.backends.knobs import lacking
from tui.backends.tables import TABLES
from tui.backends.tokens import ROUTES, can_count
from tui.domain.backend import Capabilities
from tui.domain.cleantext import clean_line
from tui.domain.endpoint import Endpoint
from tui.domain.notice import Notice, notice


async def describe(get: Get, http: Http, dialect: Dialect, endpoint: Endpoint) -> tuple[Capabilities, tuple[str, ...]]:
    """Capabilities and the list of models. Raises BackendError when the server cannot be used."""
    models, facts = await _models(get, http, dialect, endpoint.model)
    facts |= await _READERS.get(dialect.name, _nothing)(get, http, endpoint)
    if dialect.name in ROUTES and "exact_tokens" not in facts:
        facts["exact_tokens"] = await can_count(http, dialect.name)
    found = str(facts.get("model") or "")
    facts["model"] = clean_line(endpoint.model, NAME_LIMIT) or found or (
        models[0] if models and not dialect.any_model else "")
    facts["details"] = {"server": dialect.label, **_manners(dialect, endpoint), **facts.get("details", {})}
    facts["cache"] = cache_class(dialect.cache, found or facts["model"], whole_windows=dialect.whole_windows)
    if not endpoint.model and not (dialect.serves_one or dialect.public or dialect.any_model):
        facts["details"]["send_model"] = facts["model"]
    table = lacking(TABLES.choose(dialect.name, http.address.host), facts["details"].get("lacks", ())).narrowed(
        str(facts.get("version", "")), str(facts["details"].get("loader", "")))
    facts = {"samplers": table.known, "logprobs": table.logprobs} | facts
    capabilities = Capabilities(dialect.name, **(_mode(dialect, endpoint) | facts))
    return _with_notices(capabilities, dialect, endpoint, http, models), models


def _manners(dialect: Dialect, endpoint: Endpoint) -> Facts:
    """How a reply is stopped there, how a started one is gone on with, and where thoughts stand."""
    text = _mode(dialect, endpoint)["text_completion"]
    return {
        "abort": {"koboldcpp": "close and call", "horde": "cancel"}.get(dialect.name, "close"),
        "prefill": "text" if text else dialect.prefill or "words",
        "reasoning": "tags" if text else "fields and tags",
    }


def _mode(dialect: Dialect, endpoint: Endpoint) -> Facts:
    text = dialect.text is not None if endpoint.mode == "auto" else endpoint.mode == "text"
    return {
        "text_completion": text, "chat_completion": not text,
        "prefill": text or bool(dialect.prefill),
        "warm": text and dialect.name == "llamacpp",
    }


def _with_notices(
    found: Capabilities, dialect: Dialect, endpoint: Endpoint, http: Http, models: tuple[str, ...],
) -> Capabilities:
    notices: list[Notice] = list(found.notices)
    length = endpoint.context_length or found.context_length
    most = found.trained_context if dialect.sets_window else found.context_length
    if endpoint.context_length and most and endpoint.context_length > most:
        length = most
        notices.append(notice(
            "The context of {set} tokens set for this connection is more than the server has; its {window} are used.",
            set=endpoint.context_length, window=length))
    if length is None:
        notices.append(notice(
            "{server} does not tell its context length; a cautious guess is used. The profile's context_length can "
            "set it.",
            server=dialect.label))
    if endpoint.mode == "text" and dialect.text is None:
        notices.append(notice("{server} may wrap a text prompt in a template of its own; chat mode is safer.",
                              server=dialect.label))
    if endpoint.model and models and not {endpoint.model, f"{endpoint.model}:latest"} & {*models} \
            and not (dialect.serves_one or dialect.any_model):
        notices.append(notice("{server} does not list the model {model}.", server=dialect.label, model=found.model))
    if http.key_given and not http.address.secure and not http.address.private:
        notices.append(notice("The key travels unencrypted to {address}.", address=http.address.shown))
    blind = found.images and found.text_completion and dialect.text == "openai"
    if blind:
        notices.append(notice("{server} takes pictures only in chats: set the profile's mode to chat to show it any.",
                              server=dialect.label))
    return replace(found, images=found.images and not blind, context_length=length, notices=tuple(notices))


async def _models(get: Get, http: Http, dialect: Dialect, chosen: str) -> tuple[tuple[str, ...], Facts]:
    """Names from the OpenAI-like list, and the window where an entry tells it."""
    if dialect.name == "horde":
        return await horde.names(get, http), {}
    if dialect.name == "koboldcpp":
        return (), {}
    answer = await get(f"{dialect.api(http.address)}/models")
    data = answer.field("data")
    if answer.status in {401, 403}:
        raise failures.needs_key(http.address.shown, http.key_given, failures.server_words(answer.data))
    entries = [e for e in data if isinstance(e, dict)][:MODELS_LIMIT] if isinstance(data, list) else []
    names = tuple(n for e in entries if (n := line(e.get("id"), NAME_LIMIT)))
    used = next((e for e in entries if e.get("id") == chosen), None if dialect.public or not entries else entries[0])
    return names, {"context_length": length} if used and (length := _window(used)) else {}


def _window(entry: dict[str, Any]) -> int | None:
    meta = entry.get("meta")
    sources = (entry.get("max_model_len"), meta.get("n_ctx") if isinstance(meta, dict) else None,
               entry.get("loaded_context_length"), entry.get("context_length"), entry.get("max_context_length"))
    return next((n for s in sources if (n := window(s))), None)


async def _nothing(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    return {}


async def _llama_cpp_python(get: Get, http: Http, endpoint: Endpoint) -> Facts:
    """It tells neither context nor template. Its count of nothing is the count of BOS."""
    answer = await http.ask(f"{http.address.root}/extras/tokenize/count", {"input": ""})
    count = whole(answer.field("count"))
    title = (await get("/openapi.json")).field("info")
    version = title.get("version") if isinstance(title, dict) else ""
    models = (await get("/v1/models")).field("data")
    name = models[0].get("id") if isinstance(models, list) and models and isinstance(models[0], dict) else ""
    return {
        "model": base_name(name), "version": line(version, 60), "exact_tokens": count is not None,
        "adds_bos": count != 0,
    }


_READERS: dict[str, Callable[[Get, Http, Endpoint], Awaitable[Facts]]] = {
    "llamacpp": llamaserver.describe, "llama_cpp_python": _llama_cpp_python, "koboldcpp": koboldcpp.describe,
    "tabby": tabby.describe, "horde": horde.describe, "textgen": textgen.describe, "ollama": ollama.describe,
    "lmstudio": lmstudio.describe,
    "vllm": familiar.vllm, "aphrodite": familiar.vllm,
    "sglang": familiar.sglang, "openrouter": familiar.openrouter, "mistral": familiar.mistral,
    "openai": familiar.service, "deepseek": familiar.service,
}
