"""Beam search finds replies that are likelier than what the likeliest token each time leads to."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from engine_help import ask, chat, collect, reply

from tui.domain.backend import CompletionRequest, Finish, Tokens
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine

GREEDY = Samplers(temperature=0, min_p=0)
LINES = ("Who are you?", "Tell me about the storm.", "Привет! Что нового?")


async def mean(engine: EmbeddedEngine, request: CompletionRequest, text: str) -> float:
    """The mean logarithm of probability of `text` as the reply, token by token: each in its turn made to come."""
    grammar = 'root ::= "' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    forced = replace(request, samplers=replace(GREEDY, grammar=grammar, logprobs=1), max_tokens=200, stop=())
    tokens = [t for e in await collect(engine, forced) if isinstance(e, Tokens) for t in e.tokens]
    assert "".join(token.text for token in tokens) == text
    return sum(token.logprob for token in tokens) / len(tokens)


@pytest.mark.parametrize("line", LINES)
async def test_the_reply_is_at_least_as_likely(engine: EmbeddedEngine, line: str) -> None:
    request = ask(chat(line), samplers=GREEDY, max_tokens=10)
    greedy, _ = await reply(engine, request)
    found, finish = await reply(engine, replace(request, samplers=replace(GREEDY, beams=4)))
    assert finish.error is None
    assert found.strip()
    assert "beams" not in finish.dropped
    assert await mean(engine, request, found) >= await mean(engine, request, greedy) - 0.05
    assert (await reply(engine, replace(request, samplers=replace(GREEDY, beams=4))))[0] == found


async def test_one_way_is_the_likeliest_token_each_time(engine: EmbeddedEngine) -> None:
    request = ask(chat(LINES[0]), samplers=GREEDY, max_tokens=20)
    assert (await reply(engine, replace(request, samplers=replace(GREEDY, beams=1))))[0] == (
        await reply(engine, request))[0]


async def test_stop_strings_end_it_and_are_not_shown(engine: EmbeddedEngine) -> None:
    request = ask(chat(LINES[0]), samplers=replace(GREEDY, beams=3), max_tokens=30)
    text, _ = await reply(engine, request)
    stop = text.split()[1]
    cut, finish = await reply(engine, replace(request, stop=(stop,)))
    assert stop not in cut
    assert finish.reason in ("stop", "length")


async def test_the_memory_is_that_of_the_reply_afterwards(engine: EmbeddedEngine) -> None:
    request = ask(chat(LINES[0]), samplers=replace(GREEDY, beams=4), max_tokens=20)
    text, finish = await reply(engine, request)
    _, last = await reply(engine, ask(chat(LINES[0], text, "And then?"), samplers=GREEDY, max_tokens=4))
    read = (finish.usage.prompt_tokens or 0) + (finish.usage.completion_tokens or 0)
    assert (last.usage.cached_tokens or 0) >= read - 8
    plain, _ = await reply(engine, ask(chat(LINES[1]), samplers=GREEDY))
    await reply(engine, request)
    assert (await reply(engine, ask(chat(LINES[1]), samplers=GREEDY)))[0] == plain


async def test_more_ways_than_can_be_held_are_clamped(engine: EmbeddedEngine) -> None:
    _, finish = await reply(engine, ask(chat(LINES[0]), samplers=replace(GREEDY, beams=16), max_tokens=6))
    assert finish.error is None
    assert finish.clamped["beams"] < 16


async def test_it_is_stopped_in_the_middle(engine: EmbeddedEngine) -> None:
    request = ask(chat(LINES[1]), samplers=replace(GREEDY, beams=8), max_tokens=400)
    await engine.load()
    stopping = asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(engine.abort(request.id)))
    finish = (await collect(engine, request))[-1]
    stopping.cancel()
    assert isinstance(finish, Finish)
    assert finish.reason in ("cut", "stop", "length")
    assert (await reply(engine, ask(chat(LINES[0]), samplers=GREEDY, id="r2")))[0]
