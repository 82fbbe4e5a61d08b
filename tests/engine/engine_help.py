"""Prompts and requests for the starter model, and the text of a reply."""

from __future__ import annotations

from tui.domain.backend import CompletionRequest, Event, Finish, Piece, Text
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine


def chat(*turns: str, system: str = "You are Mira. You talk with Alex.") -> tuple[Piece, ...]:
    """A ChatML prompt of user and assistant turns in alternation, opened for the reply."""
    pieces = [Piece("<|im_start|>system\n", True), Piece(system), Piece("<|im_end|>\n", True)]
    for number, turn in enumerate(turns):
        role = "assistant" if number % 2 else "user"
        pieces += [Piece(f"<|im_start|>{role}\n", True), Piece(turn), Piece("<|im_end|>\n", True)]
    return (*pieces, Piece("<|im_start|>assistant\n", True))


def ask(pieces: tuple[Piece, ...], **more: object) -> CompletionRequest:
    options = {"id": "r1", "samplers": Samplers(seed=7), "max_tokens": 60, **more}
    return CompletionRequest(pieces=pieces, **options)  # type: ignore[arg-type]


async def collect(engine: EmbeddedEngine, request: CompletionRequest) -> list[Event]:
    return [event async for event in engine.complete(request)]


async def reply(engine: EmbeddedEngine, request: CompletionRequest) -> tuple[str, Finish]:
    """The whole text and how it ended; a reply has exactly one Finish, its last event."""
    events = await collect(engine, request)
    assert [type(event) for event in events].count(Finish) == 1
    finish = events[-1]
    assert isinstance(finish, Finish)
    return "".join(event.text for event in events if isinstance(event, Text)), finish
