"""What a server's refusals teach: the same server, described so that the next request goes through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tui.backends import koboldcpp
from tui.backends.calls import Target
from tui.backends.chat import is_started, rules_of
from tui.backends.failures import server_words
from tui.backends.refusals import named_key, thinking_in_the_way
from tui.backends.roles import wanted_rules
from tui.domain.backend import CompletionRequest
from tui.domain.notice import Notice, notice

_NO_PREFILL = re.compile(
    r"\bprefill|prefix.{0,40}(not|un)\s?-?supported|(not|n't) support.{0,60}(assistant|prefix|continue_final|partial)|"
    r"(must|should) end with a user|unexpected.{0,20}(prefix|partial|continue_final)|"
    r"(last|final) (message|turn).{0,60}\bassistant\b", re.IGNORECASE,
)


#: A refusal of pictures: what is said, and with which status.
_NO_PICTURES = re.compile(
    r"\bimages?\b|image_url|\bvision\b|multi-?modal|content.{0,40}must be a string|valid string", re.IGNORECASE)
_BLIND = frozenset({400, 404, 415, 422, 500, 501})


def taught(target: Target, request: CompletionRequest, details: Mapping[str, Any], body: Any) -> Target | None:
    """`target` after a refusal with `details` and `body`; None where it teaches nothing that was not known."""
    status = details.get("status")
    if request.images and target.capabilities.images and status in _BLIND and _NO_PICTURES.search(server_words(body)):
        return _seeing_nothing(target)
    chat = not target.capabilities.text_completion
    if chat and is_started(request) and (other := _handed_over(target, body)) is not None:
        return other
    if chat and status in {400, 422, 500} and (other := _reordered(target, body)) is not None:
        return other
    if (polled := koboldcpp.without_stream(target, status)) is not None:
        return polled
    key = named_key(status, body, target.table.wires)
    if not key or key in target.rejected_keys:
        return None
    return replace(target, rejected_keys=target.rejected_keys | {key},
                   unknown_samplers=target.unknown_samplers | target.table.named(key))


def _seeing_nothing(target: Target) -> Target:
    return replace(target, capabilities=replace(target.capabilities, images=False))


def _handed_over(target: Target, body: Any) -> Target | None:
    """Another way to hand a started reply over: thoughts switched off, its template run first, or asking in words."""
    if thinking_in_the_way(body) and not target.unthinking:
        return replace(target, unthinking=True)
    if not target.hands_over or not (_NO_PREFILL.search(server_words(body)) or thinking_in_the_way(body)):
        return None
    if target.dialect.name == "llamacpp" and not target.rendered:
        return replace(target, rendered=True)
    return replace(target, no_prefill=True)


def _reordered(target: Target, body: Any) -> Target | None:
    known = rules_of(target)
    wanted = known | wanted_rules(server_words(body))
    return replace(target, rules=wanted) if wanted != known else None


def carried_over(old: Target | None, new: Target) -> Target:
    """`new` with what was learnt of the same model at the same kind of server before."""
    if old is None or (old.dialect.name, old.capabilities.model) != (new.dialect.name, new.capabilities.model):
        return new
    if not old.capabilities.images:
        new = _seeing_nothing(new)
    return replace(
        new, rejected_keys=old.rejected_keys, unknown_samplers=old.unknown_samplers, unthinking=old.unthinking,
        rules=old.rules, no_prefill=old.no_prefill, rendered=old.rendered, polled=old.polled or new.polled)


def lesson(old: Target, new: Target) -> Notice | None:
    """What a person should know of what was learnt."""
    address = new.address.shown
    if old.capabilities.images and not new.capabilities.images:
        return notice("{address} takes no pictures for this model; it was sent the words alone.", address=address)
    if new.rules != old.rules:
        return notice("{address} takes messages only in a certain order of roles; they were rearranged for it.",
                      address=address)
    if new.no_prefill and not old.no_prefill:
        return asked_in_words(address)
    return None


def asked_in_words(address: str) -> Notice:
    return notice("{address} cannot go on with a started reply; the model was asked to in words, and may repeat or "
                  "begin anew.", address=address)
