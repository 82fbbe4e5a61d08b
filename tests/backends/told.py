"""One request to a server, and all that was told of its reply."""

from __future__ import annotations

from typing import Any

from scripted import (
    Handler,
    ScriptedServer,
)

from tui.backends.remote import RemoteBackend
from tui.domain.backend import (
    ChatMessage,
    CompletionRequest,
    Event,
    Finish,
    Piece,
    Reasoning,
    Status,
    Text,
)
from tui.domain.samplers import Samplers

CHAT = "POST /v1/chat/completions"
PIECES = (Piece("<|im_start|>user\n", markup=True), Piece("Hi."), Piece("<|im_end|>\n", markup=True))


def request(**changes: Any) -> CompletionRequest:
    given: dict[str, Any] = {
        "id": "r1",
        "pieces": PIECES,
        "samplers": Samplers(),
        "max_tokens": 50,
        "messages": (ChatMessage("user", "Hi."),),
        **changes,
    }
    return CompletionRequest(**given)


class Told:
    """All events of one reply, sorted."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        assert [e for e in events if isinstance(e, Finish)] == events[-1:]
        last = events[-1]
        assert isinstance(last, Finish)
        self.finish = last
        self.text = "".join(e.text for e in events if isinstance(e, Text))
        self.thoughts = "".join(e.text for e in events if isinstance(e, Reasoning))
        self.statuses = [str(e.notice) for e in events if isinstance(e, Status)]

    @property
    def error(self) -> str:
        return str(self.finish.error)

    @property
    def kind(self) -> str:
        assert self.finish.error is not None
        return str(self.finish.error.details["kind"])


async def tell(backend: RemoteBackend, **changes: Any) -> Told:
    return Told([e async for e in backend.complete(request(**changes))])


async def told_by(server: ScriptedServer, backend: RemoteBackend, *handlers: Handler, **changes: Any) -> Told:
    server.on(CHAT, *handlers)
    return await tell(backend, **changes)
