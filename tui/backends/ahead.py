"""A prompt read into a server's cache before its reply is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tui.backends import failures
from tui.backends.calls import Target, write_call
from tui.backends.exchange import Call
from tui.backends.frames import Delta, read_event
from tui.backends.http import Breath, Http
from tui.backends.patience import MAX_BYTES
from tui.backends.readers import READERS
from tui.backends.sse import EventParser, TooLong
from tui.domain.backend import CompletionRequest


def ahead_call(request: CompletionRequest, target: Target, special: frozenset[str]) -> Call:
    """The call for `request`, the same to the byte but that nothing is to be written."""
    call, _ = write_call(request, target, special)
    return replace(call, body={**call.body, "n_predict": 0})


async def read_ahead(http: Http, call: Call, tell: Callable[[int], None]) -> None:
    """Send `call` and follow it to its end; `tell` hears how many tokens of the prompt are in the cache. To stop the
    server, cancel. Raises BackendError."""
    try:
        await _follow(http, call, tell)
    except TooLong:
        raise failures.too_big(http.address.shown) from None


async def _follow(http: Http, call: Call, tell: Callable[[int], None]) -> None:
    async with http.stream(call.url, call.body) as response:
        if not 200 <= response.status_code < 300:
            return
        parser, breath, left = EventParser(), Breath(), MAX_BYTES
        async for chunk in response.aiter_raw():
            left -= len(chunk)
            for event in parser.feed(chunk):
                for delta in read_event(event, READERS[call.wire]):
                    if _told(delta, tell):
                        return
                await breath.take()
            await breath.take()
            if left < 0:
                raise failures.too_big(http.address.shown)


def _told(delta: Delta, tell: Callable[[int], None]) -> bool:
    """Pass on what a frame says; True at the end."""
    if delta.progress is not None:
        tell(delta.progress.processed)
    if delta.usage is not None and delta.usage.prompt_tokens is not None:
        tell(delta.usage.prompt_tokens)
    return delta.done
