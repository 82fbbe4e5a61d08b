"""Which setting a server complains about, where it names one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tui.backends.failures import server_words

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,40}")
_NEVER = {"prompt", "messages", "model", "stream", "max_tokens", "body"}


def named_key(status: Any, body: Any) -> str:
    """The body key that an answer 400 or 422 names as the culprit (OpenAI's and vLLM's `param`, the last step
    of a validation error's `loc`), "" if none or one that cannot be left out."""
    if status not in {400, 422} or not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    named = error.get("param") if isinstance(error, Mapping) else None
    if named is None:
        named = body.get("param") or _last_step(body.get("detail"))
    key = named if isinstance(named, str) and _KEY.fullmatch(named) else ""
    return "" if key in _NEVER else key


def thinking_in_the_way(body: Any) -> bool:
    """Whether a server refuses to go on with a started reply because its template would open thoughts first."""
    said = server_words(body).lower()
    return "prefill" in said and "thinking" in said


def _last_step(detail: Any) -> Any:
    first = detail[0] if isinstance(detail, list) and detail else None
    loc = first.get("loc") if isinstance(first, Mapping) else None
    steps = [s for s in loc if isinstance(s, str)] if isinstance(loc, list) else []
    return steps[1] if len(steps) > 1 and steps[0] == "body" else steps[-1] if steps else None
