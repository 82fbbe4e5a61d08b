"""KoboldCpp's native API, played: it cannot be installed by pip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted import SSE, STALL, ScriptedServer, answer, as_koboldcpp, chat_chunk, event, play

from tui.backends.remote import RemoteBackend
from tui.domain.backend import ChatMessage, CompletionRequest, Event, Finish, Piece, Text
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.samplers import Samplers

STREAM = "POST /api/extra/generate/stream"


def request(**changes: Any) -> CompletionRequest:
    given: dict[str, Any] = {
        "id": "r1",
        "pieces": (Piece("You: Hi.\nMira:"),),
        "samplers": Samplers(penalty_range=-1, repetition_penalty=1.1),
        "max_tokens": 50,
        "stop": ("\nYou:",),
        **changes,
    }
    return CompletionRequest(**given)


@pytest.fixture
async def backend(scripted_server: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    as_koboldcpp(scripted_server, " Good evening, traveller.", context=6144)
    backend = RemoteBackend(Endpoint(scripted_server.url + "/api"), idle_seconds=0.5)
    yield backend
    await backend.close()


async def tell(backend: RemoteBackend, **changes: Any) -> tuple[str, Finish]:
    events = [e async for e in backend.complete(request(**changes))]
    finish = events[-1]
    assert isinstance(finish, Finish)
    return "".join(e.text for e in events if isinstance(e, Text)), finish


def frame(token: str, finish: str | None = "null") -> bytes:
    return b"event: message\n" + event({"token": token} | ({"finish_reason": finish} if finish else {}))


async def test_what_it_tells_of_itself(backend: RemoteBackend) -> None:
    found = await backend.capabilities()
    assert (found.dialect, found.model, found.version) == ("koboldcpp", "scripted", "1.99")
    assert (found.context_length, found.exact_tokens, found.text_completion) == (6144, True, True)


async def test_a_reply_with_its_figures(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    text, finish = await tell(backend)
    assert (text, finish.reason, finish.seed) == (" Good evening, traveller.", "stop", 11)
    assert (finish.usage.prompt_tokens, finish.usage.completion_tokens) == (42, 7)
    sent = scripted_server.asked("/api/extra/generate/stream")[0].json
    assert (sent["max_context_length"], sent["max_length"], sent["trim_stop"]) == (6144, 50, True)
    assert (sent["rep_pen"], sent["rep_pen_range"], sent["stop_sequence"]) == (1.1, 6144, ["\nYou:"])
    assert not scripted_server.asked("/api/extra/abort")


async def test_counting_leaves_bos_out(backend: RemoteBackend) -> None:
    assert await backend.count_tokens([[Piece("x" * 40)], [], [Piece("x" * 8), Piece("y" * 8)]]) == [10, 0, 4]


@pytest.mark.parametrize("way", ["abort", "close", "stop string", "stall"])
async def test_every_early_end_aborts_there_by_the_key(
    scripted_server: ScriptedServer,
    backend: RemoteBackend,
    way: str,
) -> None:
    rest = [b": x\n\n", frame("\nYo"), frame("u: and"), STALL] if way == "stop string" else [STALL]
    scripted_server.on(STREAM, play(SSE, frame(" Good"), *rest))
    stream = backend.complete(request())
    said: list[Event] = []
    async with asyncio.timeout(30):
        async for told in stream:
            said.append(told)
            if way == "abort":
                await backend.abort("r1")
            if way == "close":
                break
        await stream.aclose()  # type: ignore[attr-defined]
        while not scripted_server.asked("/api/extra/abort"):
            await asyncio.sleep(0.005)
    key = scripted_server.asked("/api/extra/generate/stream")[0].json["genkey"]
    assert [r.json for r in scripted_server.asked("/api/extra/abort")] == [{"genkey": key}]
    assert said[0] == Text(" Good")
    if isinstance(said[-1], Finish):
        assert said[-1].reason == ("stop" if way == "stop string" else "cut")


async def test_each_request_has_a_key_of_its_own(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    await tell(backend)
    await tell(backend)
    keys = {r.json["genkey"] for r in scripted_server.asked("/api/extra/generate/stream")}
    assert len(keys) == 2


async def test_old_versions_end_by_hanging_up_and_new_ones_do_not(
    scripted_server: ScriptedServer,
    backend: RemoteBackend,
) -> None:
    scripted_server.on(STREAM, play(SSE, frame(" Good", None)), play(SSE, frame(" Good")))
    assert (await tell(backend))[1].reason == "stop"
    assert (await tell(backend))[1].reason == "cut"


async def test_a_full_queue_is_waited_for(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    busy = answer(
        {"detail": {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}},
        "503 Service Unavailable",
        Retry_After="0",
    )
    scripted_server.on(STREAM, busy, play(SSE, frame(" Good"), frame("", "stop")))
    assert (await tell(backend))[0] == " Good"


async def test_a_password_is_asked_for(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on("GET /api/v1/model", answer({"result": "koboldcpp/protected-model"}))
    with pytest.raises(BackendError, match="needs a key"):
        await backend.capabilities()


async def test_chat_by_its_imitation_of_openai(scripted_server: ScriptedServer) -> None:
    as_koboldcpp(scripted_server)
    usage = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
    frames = [chat_chunk("Good", "null"), chat_chunk("", "stop"), event({"choices": [], "usage": usage})]
    scripted_server.on("POST /v1/chat/completions", play(SSE, *frames, b"data: [DONE]"))
    backend = RemoteBackend(Endpoint(scripted_server.url, mode="chat"))
    text, finish = await tell(backend, messages=(ChatMessage("user", "Hi."),))
    await backend.close()
    sent = scripted_server.asked("/v1/chat/completions")[0].json
    assert (text, finish.reason, finish.usage.prompt_tokens) == ("Good", "stop", 42)
    assert (sent["max_tokens"], sent["stop"], sent["rep_pen"]) == (50, ["\nYou:"], 1.1)
