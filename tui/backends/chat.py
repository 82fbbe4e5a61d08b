"""Bodies of chat completions: messages in the order that the server takes, and a started reply as it wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.backends.pictures import by_id, openai_content
from tui.backends.roles import GO_ON, RoleRules, arranged
from tui.domain.backend import ChatMessage, CompletionRequest
from tui.domain.defuse import defuse

if TYPE_CHECKING:
    from tui.backends.calls import Target

#: Body keys by which a server goes on with the last message, and the key in that message by which others do.
_IN_BODY: Mapping[str, Mapping[str, Any]] = {
    "flags": {"continue_final_message": True, "add_generation_prompt": False}, "continue": {"continue_": True},
}
_IN_MESSAGE: Mapping[str, Mapping[str, Any]] = {"prefix": {"prefix": True}, "partial": {"partial": True}}


def is_started(request: CompletionRequest) -> bool:
    """Whether the last message is the beginning of the reply."""
    return bool(request.prefill and request.messages and request.messages[-1].role == "assistant")


def rules_of(target: Target) -> RoleRules:
    """The order of roles that is wanted there, as far as it is known."""
    own = RoleRules(developer=target.capabilities.details.get("developer") is True)
    return target.dialect.roles | target.rules | own


def messages_for(request: CompletionRequest, target: Target, markers: Sequence[str]) -> list[dict[str, Any]]:
    """The messages as they are sent. A started reply that cannot be handed over is followed by words that ask to go
    on with it."""
    started, can = is_started(request), target.hands_over
    given = tuple(request.messages)
    if started and not can:
        given = (*given, ChatMessage("user", GO_ON))
    named = by_id(request.images) if target.capabilities.images else {}
    found = [
        {"role": m.role, "content": openai_content(defuse(m.content, markers), m.images, named)}
        for m in arranged(given, rules_of(target), started and can)
    ]
    if started and can:
        found[-1] |= _IN_MESSAGE.get(target.dialect.prefill, {})
    return found


def prefill_fields(request: CompletionRequest, target: Target) -> Mapping[str, Any]:
    """Body keys that go with a started reply."""
    if not is_started(request) or not target.hands_over:
        return {}
    thinking = {"chat_template_kwargs": {"enable_thinking": False}} if target.unthinking else {}
    return {**_IN_BODY.get(target.dialect.prefill, {}), **thinking}


def echo_of(request: CompletionRequest, target: Target) -> str:
    """What the server may say again before it goes on: the started reply, where that is how it answers."""
    if target.capabilities.text_completion or not is_started(request):
        return ""
    return request.messages[-1].content if target.dialect.echoes or not target.hands_over else ""
