"""Guidance leads away from another prompt, and leaves the memory as a plain reply would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_help import ask, chat, reply

from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine

GREEDY = Samplers(temperature=0, min_p=0)
PROMPT = chat("Who are you?", system="You are Mira, the merry keeper of a tavern.")
OTHER = chat("Who are you?", system="You are a silent grey stone in the rain.")


async def test_a_scale_of_one_changes_nothing_and_a_higher_one_does(engine: EmbeddedEngine) -> None:
    plain, _ = await reply(engine, ask(PROMPT, samplers=GREEDY))
    same, finish = await reply(engine, ask(PROMPT, samplers=GREEDY, negative=OTHER))
    assert (same, finish.dropped) == (plain, ())
    request = ask(PROMPT, samplers=replace(GREEDY, guidance_scale=3.0), negative=OTHER)
    guided, finish = await reply(engine, request)
    assert finish.error is None
    assert "guidance_scale" not in finish.dropped
    assert guided.strip()
    assert guided != plain
    assert (await reply(engine, request))[0] == guided


async def test_the_other_prompt_alone_at_a_scale_of_nothing(engine: EmbeddedEngine) -> None:
    """The formula at 0 is the other prompt's own reply: both are really mixed, token by token."""
    negative, _ = await reply(engine, ask(OTHER, samplers=GREEDY, max_tokens=16))
    mixed, _ = await reply(
        engine, ask(PROMPT, samplers=replace(GREEDY, guidance_scale=0.0), negative=OTHER, max_tokens=16))
    assert mixed == negative
    same, _ = await reply(
        engine, ask(PROMPT, samplers=replace(GREEDY, guidance_scale=5.0), negative=PROMPT, max_tokens=16))
    plain, _ = await reply(engine, ask(PROMPT, samplers=GREEDY, max_tokens=16))
    assert same == plain


async def test_the_next_turn_has_it_all_in_memory(engine: EmbeddedEngine) -> None:
    text, finish = await reply(
        engine, ask(PROMPT, samplers=replace(GREEDY, guidance_scale=2.0), negative=OTHER, max_tokens=20))
    later = chat("Who are you?", text, "And then?", system="You are Mira, the merry keeper of a tavern.")
    _, last = await reply(engine, ask(later, samplers=GREEDY, max_tokens=4))
    read = (finish.usage.prompt_tokens or 0) + (finish.usage.completion_tokens or 0)
    assert (last.usage.cached_tokens or 0) >= read - 8
    plain, _ = await reply(engine, ask(PROMPT, samplers=GREEDY))
    assert plain == (await reply(engine, ask(PROMPT, samplers=GREEDY)))[0]


@pytest.mark.parametrize("negative", [(), chat("word " * 2000)])
async def test_without_another_prompt_that_fits_it_is_left_out_and_said(
    engine: EmbeddedEngine, negative: tuple[object, ...]
) -> None:
    request = ask(PROMPT, samplers=replace(GREEDY, guidance_scale=2.0), negative=negative, max_tokens=8)
    text, finish = await reply(engine, request)
    assert text
    assert "guidance_scale" in finish.dropped
