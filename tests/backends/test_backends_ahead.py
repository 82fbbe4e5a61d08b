"""Prompts read ahead: on the real llama-server, and on a slow one that is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from scripted import SSE, STALL, Request, ScriptedServer, answer, event, play

from tui.backends.connect import open_backend
from tui.backends.remote import RemoteBackend
from tui.domain.backend import Backend, CompletionRequest, Finish, Piece
from tui.domain.endpoint import Endpoint
from tui.domain.samplers import Samplers

GREEDY = Samplers(temperature=0.0, min_p=0.0)
LONG = "I keep a small tavern by the sea, and every evening the same guests come. " * 8


def request(text: str, **more: Any) -> CompletionRequest:
    options: dict[str, Any] = {"id": "r1", "samplers": GREEDY, "max_tokens": 4, **more}
    return CompletionRequest(pieces=(Piece("<|im_start|>user\n", True), Piece(text)), **options)


async def told(backend: Backend, wanted: CompletionRequest) -> Finish:
    last = [e async for e in backend.complete(wanted)][-1]
    assert isinstance(last, Finish)
    return last


@pytest.fixture
async def llama_server(xllamacpp_server: str) -> AsyncIterator[Backend]:
    backend = open_backend(Endpoint(xllamacpp_server))
    yield backend
    await backend.close()


async def test_the_real_server_has_the_prompt_then(llama_server: Backend) -> None:
    capabilities = await llama_server.capabilities()
    assert (capabilities.warm, capabilities.cache) == (True, "prefix")
    await told(llama_server, request("Something else before."))
    wanted = request(LONG + "one")
    held = await llama_server.warm(wanted)
    finish = await told(llama_server, wanted)
    assert finish.error is None
    assert held == finish.usage.prompt_tokens
    assert held is not None
    assert finish.usage.cached_tokens == held - 1


async def test_what_is_typed_meanwhile_is_all_that_is_left_to_read(llama_server: Backend) -> None:
    await llama_server.capabilities()
    held = await llama_server.warm(request(LONG + "two"))
    finish = await told(llama_server, request(LONG + "two\nAnd then she asked for the bill."))
    assert held is not None
    assert finish.usage.cached_tokens is not None
    assert finish.usage.cached_tokens >= held - 1


async def test_a_server_that_cannot_is_left_alone(llama_cpp_server: str) -> None:
    backend = open_backend(Endpoint(llama_cpp_server))
    assert not (await backend.capabilities()).warm
    assert await backend.warm(request("Hi!")) is None
    await backend.close()


def _frame(content: str, **more: Any) -> bytes:
    return event({"content": content, "stop": False, **more})


def _reading(processed: int) -> bytes:
    return _frame("", prompt_progress={"total": 1000, "cache": 0, "processed": processed, "time_ms": 1})


@pytest.fixture
async def slow(scripted_server: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    """A llama-server that never comes to the end of what it reads ahead."""
    end = event({"content": "", "stop": True, "stop_type": "eos", "tokens_evaluated": 1000, "tokens_predicted": 1})

    async def complete(asked: Request, line: Any) -> None:
        ahead = asked.json["n_predict"] == 0
        await play(SSE, *((_reading(300), STALL) if ahead else (_frame("Hello."), end)))(asked, line)

    scripted_server.on("GET /props", answer({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}))
    scripted_server.on("POST /tokenize", answer({"tokens": [1, 2]}))
    scripted_server.on("POST /completion", complete)
    backend = RemoteBackend(Endpoint(scripted_server.url))
    await backend.capabilities()
    yield backend
    await backend.close()


async def _begun(server: ScriptedServer, count: int) -> None:
    async with asyncio.timeout(5):
        while len(server.asked("/completion")) < count:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)


async def test_a_reply_does_not_wait_for_it(scripted_server: ScriptedServer, slow: RemoteBackend) -> None:
    reading = asyncio.create_task(slow.warm(request("Hi!", id="w")))
    await _begun(scripted_server, 1)
    async with asyncio.timeout(2):
        finish = await told(slow, request("Hi!"))
    assert finish.error is None
    assert scripted_server.hung_up.is_set()
    assert await reading == 300
    ahead, asked = (r.json for r in scripted_server.asked("/completion"))
    assert ahead["prompt"] == asked["prompt"]
    assert (ahead["n_predict"], ahead["cache_prompt"], asked["cache_prompt"]) == (0, True, True)


async def test_another_connection_to_the_same_server_does_not_wait_either(
    scripted_server: ScriptedServer, slow: RemoteBackend,
) -> None:
    reading = asyncio.create_task(slow.warm(request("Hi!", id="w")))
    await _begun(scripted_server, 1)
    other = RemoteBackend(Endpoint(scripted_server.url))
    async with asyncio.timeout(2):
        assert (await told(other, request("Hi!"))).error is None
    assert await reading == 300
    await other.close()


async def test_the_newer_reading_takes_the_place_of_the_older(
    scripted_server: ScriptedServer, slow: RemoteBackend,
) -> None:
    first = asyncio.create_task(slow.warm(request("Hi!", id="w1")))
    await _begun(scripted_server, 1)
    second = asyncio.create_task(slow.warm(request("Hi! How", id="w2")))
    await _begun(scripted_server, 2)
    assert first.done()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    async with asyncio.timeout(2):
        assert (await told(slow, request("Hi! How are you?"))).error is None


async def test_nothing_is_read_ahead_beside_a_reply(scripted_server: ScriptedServer, slow: RemoteBackend) -> None:
    replying = slow.complete(replace(request("Hi!"), id="r2"))
    async for _ in replying:
        assert await slow.warm(request("Hi! How", id="w")) is None
        break
    await replying.aclose()  # type: ignore[attr-defined]
    assert len(scripted_server.asked("/completion")) == 1


async def test_a_refusal_is_not_told(scripted_server: ScriptedServer, slow: RemoteBackend) -> None:
    scripted_server.on("POST /completion", answer({"error": {"message": "no"}}, "500 Internal Server Error"))
    assert await slow.warm(request("Hi!", id="w")) == 0
    await scripted_server.stop()
    assert await slow.warm(request("Hi!", id="w")) == 0
    await scripted_server.start()
