"""What KoboldCpp tells of a reply's tokens only when the reply is over: its stream carries none of it."""

from __future__ import annotations

from tui.backends.calls import Target
from tui.backends.http import Http
from tui.backends.rivals import RawToken, listed_tokens, openai_tokens
from tui.domain.errors import BackendError

_SECONDS = 2.0
_LARGEST = 1 << 21


async def late_tokens(http: Http, target: Target, key: str, wanted: int) -> tuple[RawToken, ...]:
    """The tokens of the reply that was called `key`, () where none were asked for or none are told. To be asked before
    the server takes another request."""
    if target.dialect.name != "koboldcpp" or not wanted or not target.capabilities.text_completion:
        return ()
    try:
        told = await http.ask(f"{http.address.root}/api/extra/last_logprobs", {"genkey": key}, seconds=_SECONDS,
                              limit=_LARGEST)
    except BackendError:
        return ()
    found = told.field("logprobs")
    return listed_tokens(found) if isinstance(found, list) else openai_tokens({"logprobs": found})
