"""Which setting a server complains about, where it names one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tui.backends.failures import server_words

_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]{1,40})(?:[.\[].{0,60})?", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,40}")
_NEVER = {"prompt", "messages", "model", "stream", "body"}
_SAID_LIMIT = 2000
NEWER_LIMIT = "max_completion_tokens"
"""What OpenAI's models that think, and what stands before them, call `max_tokens`."""


def named_key(status: Any, body: Any, sent: Collection[str] = ()) -> str:
    """The body key that an answer 400 or 422 names as the culprit, "" if none or one that cannot be left out.

    OpenAI and vLLM name it in `param`, validation errors in the last step of `loc` (Mistral, text-generation-webui);
    others (SGLang, llama-server) only in their sentence: there it counts if it is the only one of the keys `sent`.
    """
    if status not in {400, 422} or not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    named = error.get("param") if isinstance(error, Mapping) else None
    if named is None:
        named = body.get("param") or _last_step(body.get("detail"))
    found = _KEY.fullmatch(named) if isinstance(named, str) else None
    key = found[1] if found else _only_key_said(server_words(body), sent)
    if key == "max_tokens":
        return key if NEWER_LIMIT in server_words(body)[:_SAID_LIMIT] else ""
    return "" if key in _NEVER else key


def _only_key_said(said: str, sent: Collection[str]) -> str:
    """The one word of a sentence that is a key of the request."""
    words = set(_WORD.findall(said[:_SAID_LIMIT]))
    found = words & (set(sent) - _NEVER)
    if "max_tokens" in found and NEWER_LIMIT in words:
        return "max_tokens"
    return found.pop() if len(found) == 1 else ""


def thinking_in_the_way(body: Any) -> bool:
    """Whether a server refuses to go on with a started reply because its template would open thoughts first."""
    said = server_words(body).lower()
    return "prefill" in said and "thinking" in said


def _last_step(detail: Any) -> Any:
    first = detail[0] if isinstance(detail, list) and detail else None
    loc = first.get("loc") if isinstance(first, Mapping) else None
    steps = [s for s in loc if isinstance(s, str)] if isinstance(loc, list) else []
    return steps[1] if len(steps) > 1 and steps[0] == "body" else steps[-1] if steps else None
