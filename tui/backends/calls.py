"""Requests written out for each wire: pure functions from a CompletionRequest to a Call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tui.backends import horde, koboldcpp, ollama
from tui.backends.address import Address
from tui.backends.chat import is_started, messages_for, prefill_fields
from tui.backends.dialects import Dialect
from tui.backends.exchange import Call
from tui.backends.knobs import Table, lacking
from tui.backends.pictures import by_id, llamacpp_prompt
from tui.backends.refusals import NEWER_LIMIT
from tui.backends.roles import ANY_ORDER, RoleRules
from tui.backends.sampling import Translation, translate
from tui.backends.tables import TABLES
from tui.domain.backend import Capabilities, CompletionRequest, Piece
from tui.domain.defuse import defuse
from tui.domain.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Target:
    """What stands behind an endpoint, as far as writing a request needs it."""

    endpoint: Endpoint
    address: Address
    dialect: Dialect
    capabilities: Capabilities
    unknown_samplers: frozenset[str] = frozenset()
    rejected_keys: frozenset[str] = frozenset()
    polled: bool = False                          # is asked after its text: a stream does not come through
    unthinking: bool = False                      # continues a reply only where the template opens no thoughts
    rules: RoleRules = ANY_ORDER                  # of the order of roles, learnt from what it refused
    rendered: bool = False                        # continues a reply only where its template was run before
    no_prefill: bool = False                      # has refused a started reply

    @property
    def hands_over(self) -> bool:
        """Whether a started reply can be handed over."""
        return self.capabilities.prefill and not self.no_prefill

    @property
    def table(self) -> Table:
        """What is known of the samplers there."""
        lacks = self.capabilities.details.get("lacks", ())
        return lacking(TABLES.choose(self.dialect.name, self.address.host), lacks)

    @property
    def api(self) -> str:
        """Where the OpenAI-like routes hang."""
        return self.dialect.api(self.address)


def prompt_text(pieces: Iterable[Piece], special: Iterable[str]) -> str:
    """The prompt as one string in which only markup can be read as special tokens."""
    special = tuple(special)
    return "".join(p.text if p.markup else defuse(p.text, special) for p in pieces)


def write_call(
    request: CompletionRequest, target: Target, special: Iterable[str] = (), key: str = "",
) -> tuple[Call, Translation]:
    """The call for `request`, and what became of its samplers. `special` adds marker strings to those of the
    capabilities; `key` is what KoboldCpp shall call this request, to abort it by."""
    capabilities, dialect = target.capabilities, target.dialect
    markers = (*capabilities.special_tokens, *special)
    translation = translate(
        target.table, request.samplers, request.max_tokens, (*request.stop, *request.samplers.stop),
        capabilities.context_length, target.unknown_samplers, chat=not capabilities.text_completion,
        version=capabilities.version, loader=str(capabilities.details.get("loader", "")),
        negative="".join(piece.text for piece in request.negative),
    )
    wire = (dialect.text if capabilities.text_completion else dialect.chat) or "openai"
    if wire == "ollama":
        call = _ollama(request, target, markers, translation)
    elif wire == "horde":
        body, translation = horde.body(prompt_text(request.pieces, markers), target, translation)
        call = Call(f"{target.address.root}/api/v2/generate/text/async", body, "horde")
    elif wire == "koboldcpp":
        call = _koboldcpp(request, target, markers, translation, key)
    elif capabilities.text_completion:
        bos = "" if capabilities.adds_bos else request.bos
        text: Any = bos + prompt_text(request.pieces, markers)
        if wire == "llamacpp" and request.images and capabilities.images:
            marker = str(capabilities.details.get("media_marker", ""))
            text = llamacpp_prompt(request.pieces, by_id(request.images), marker, markers, bos)
        call = _TEXT[wire](target, text, translation)
    else:
        call = _chat(request, target, markers, translation, key)
    body = _with_extras(_with_extras(call.body, dialect.body), target.endpoint.body)
    if "max_tokens" in target.rejected_keys and "max_tokens" in body:
        body[NEWER_LIMIT] = body["max_tokens"]
    for key in target.rejected_keys - _NEEDED:
        body.pop(key, None)
    return Call(call.url, body, call.wire), translation


_NEEDED = {"prompt", "messages", "model", "stream"}


def _with_extras(body: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with keys that its owner adds, or leaves out by None; those of an object there join that object."""
    out = dict(body)
    for key, value in extras.items():
        old = out.get(key)
        out[key] = _with_extras(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return {key: value for key, value in out.items() if value is not None}


def _openai_text(target: Target, text: Any, translation: Translation) -> Call:
    body = {"prompt": text, "stream": True, **_model(target), **_usage(target.dialect), **translation.fields}
    return Call(f"{target.api}/completions", body, "openai")


def _llamacpp_text(target: Target, text: Any, translation: Translation) -> Call:
    body = {
        "prompt": text, "stream": True, "cache_prompt": True, "return_progress": True, **_model(target),
        **translation.fields,
    }
    return Call(f"{target.address.root}/completion", body, "llamacpp")


def _koboldcpp(
    request: CompletionRequest, target: Target, markers: tuple[str, ...], translation: Translation, key: str,
) -> Call:
    text = ("" if target.capabilities.adds_bos else request.bos) + prompt_text(request.pieces, markers)
    body = koboldcpp.body(text, request, target, translation.fields, key)
    root = target.address.root
    if target.polled:
        return Call(f"{root}/api/v1/generate", body, "koboldcpp_poll")
    return Call(f"{root}/api/extra/generate/stream", body, "koboldcpp")


_TEXT = {"openai": _openai_text, "llamacpp": _llamacpp_text}


def _ollama(
    request: CompletionRequest, target: Target, markers: tuple[str, ...], translation: Translation,
) -> Call:
    text = target.capabilities.text_completion
    write, route = (ollama.text_body, "generate") if text else (ollama.chat_body, "chat")
    body = {**_model(target), **write(request, target, markers, translation.fields)}
    return Call(f"{target.address.root}/api/{route}", body, "ollama")


def _chat(
    request: CompletionRequest, target: Target, markers: tuple[str, ...], translation: Translation, key: str,
) -> Call:
    messages = messages_for(request, target, markers)
    table = target.table
    renamed = {table.limit: "max_tokens", table.stop: "stop"}
    fields = {renamed.get(name, name): value for name, value in translation.fields.items()}
    if target.dialect.name == "llamacpp":
        fields["return_progress"] = True
    if target.dialect.name == "koboldcpp":
        fields["genkey"] = key
    if target.address.host == "api.openai.com":
        fields["max_completion_tokens"] = fields.pop("max_tokens")
    body: dict[str, Any] = {"messages": messages, "stream": True, **_model(target), **_usage(target.dialect), **fields}
    body |= prefill_fields(request, target)
    return Call(f"{_chat_api(request, target)}/chat/completions", body, "openai")


def rendered_call(request: CompletionRequest, target: Target, prompt: str, special: Iterable[str]) -> Call:
    """The call for a chat whose `prompt` the server's own template has made, up to the started reply."""
    markers = (*target.capabilities.special_tokens, *special)
    plain = replace(target, capabilities=replace(target.capabilities, text_completion=True))
    call, translation = write_call(request, plain, special)
    text = prompt + defuse(request.messages[-1].content, markers)
    return replace(call, body={**call.body, **_llamacpp_text(target, text, translation).body})


def _chat_api(request: CompletionRequest, target: Target) -> str:
    """DeepSeek takes a started reply only at its address for trials."""
    if target.dialect.name == "deepseek" and target.hands_over and is_started(request):
        return f"{target.address.root}/beta"
    return target.api


def _model(target: Target) -> Mapping[str, Any]:
    """The model's name, where one was chosen or the server has more than its own."""
    name = target.endpoint.model or str(target.capabilities.details.get("send_model", ""))
    return {"model": name} if name else {}


def _usage(dialect: Dialect) -> Mapping[str, Any]:
    return {"stream_options": {"include_usage": True}} if dialect.ask_usage else {}
