"""Requests written out for each wire: pure functions from a CompletionRequest to a Call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tui.backends.address import Address
from tui.backends.dialects import Dialect
from tui.backends.exchange import Call
from tui.backends.sampling import Translation, translate
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
    unthinking: bool = False                      # continues a reply only where the template opens no thoughts

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
        dialect.table, request.samplers, request.max_tokens, (*request.stop, *request.samplers.stop),
        capabilities.context_length, target.unknown_samplers,
    )
    if capabilities.text_completion:
        wire = dialect.text or "openai"
        text = ("" if capabilities.adds_bos else request.bos) + prompt_text(request.pieces, markers)
        call = _TEXT[wire](target, text, translation, key)
    else:
        call = _chat(request, target, markers, translation, key)
    body = {k: v for k, v in {**call.body, **dialect.body, **target.endpoint.body}.items() if v is not None}
    for key in target.rejected_keys - _NEEDED:
        body.pop(key, None)
    return Call(call.url, body, call.wire), translation


_NEEDED = {"prompt", "messages", "model", "stream"}


def _openai_text(target: Target, text: str, translation: Translation, _key: str) -> Call:
    body = {"prompt": text, "stream": True, **_model(target), **_usage(target.dialect), **translation.fields}
    return Call(f"{target.api}/completions", body, "openai")


def _llamacpp_text(target: Target, text: str, translation: Translation, _key: str) -> Call:
    body = {
        "prompt": text, "stream": True, "cache_prompt": True, "return_progress": True, **_model(target),
        **translation.fields,
    }
    return Call(f"{target.address.root}/completion", body, "llamacpp")


def _koboldcpp_text(target: Target, text: str, translation: Translation, key: str) -> Call:
    body: dict[str, Any] = {
        "prompt": text, "genkey": key, "trim_stop": True, "quiet": True, "use_default_badwordsids": False,
        **translation.fields,
    }
    if window := target.capabilities.context_length:
        body["max_context_length"] = window
    return Call(f"{target.address.root}/api/extra/generate/stream", body, "koboldcpp")


_TEXT = {"openai": _openai_text, "llamacpp": _llamacpp_text, "koboldcpp": _koboldcpp_text}


def _chat(
    request: CompletionRequest, target: Target, markers: tuple[str, ...], translation: Translation, key: str,
) -> Call:
    messages = [{"role": m.role, "content": defuse(m.content, markers)} for m in request.messages]
    table = target.dialect.table
    renamed = {table.limit: "max_tokens", table.stop: "stop"}
    fields = {renamed.get(name, name): value for name, value in translation.fields.items()}
    if target.dialect.name == "llamacpp":
        fields["return_progress"] = True
    if target.dialect.name == "koboldcpp":
        fields["genkey"] = key
    if target.address.host == "api.openai.com":
        fields["max_completion_tokens"] = fields.pop("max_tokens")
    body: dict[str, Any] = {"messages": messages, "stream": True, **_model(target), **_usage(target.dialect), **fields}
    if request.prefill and messages and messages[-1]["role"] == "assistant":
        body |= target.dialect.continue_chat or {}
        if target.unthinking:
            body["chat_template_kwargs"] = {"enable_thinking": False}
    return Call(f"{target.api}/chat/completions", body, "openai")


def _model(target: Target) -> Mapping[str, Any]:
    """The model's name, where one was chosen or the server has more than its own."""
    name = target.endpoint.model or str(target.capabilities.details.get("send_model", ""))
    return {"model": name} if name else {}


def _usage(dialect: Dialect) -> Mapping[str, Any]:
    return {"stream_options": {"include_usage": True}} if dialect.ask_usage else {}
