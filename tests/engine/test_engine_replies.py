"""Replies of a real llama.cpp on the starter model: what is said, how it ends, what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_help import ask, chat, collect, reply

from tui.domain.backend import Finish, Piece, Progress, Status, Text
from tui.domain.errors import EngineError
from tui.domain.samplers import Samplers
from tui.engine.bindings import Model
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings


async def test_the_starter_answers_and_says_what_it_cost(engine: EmbeddedEngine) -> None:
    events = await collect(engine, ask(chat("Hi! How are you?")))
    text = "".join(event.text for event in events if isinstance(event, Text))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "stop"
    assert len(text.split()) >= 2
    assert "<|im_end|>" not in text
    assert finish.usage.prompt_tokens
    assert finish.usage.completion_tokens
    assert finish.ttft_ms
    assert finish.ttft_ms > 0
    assert finish.tokens_per_second
    assert finish.tokens_per_second > 0


async def test_loading_is_reported_before_the_first_word(engine: EmbeddedEngine) -> None:
    events = await collect(engine, ask(chat("Hi!")))
    first_text = next(n for n, event in enumerate(events) if isinstance(event, Text))
    statuses = [event for event in events[:first_text] if isinstance(event, Status)]
    fractions = [status.fraction for status in statuses if status.fraction is not None]
    assert fractions[0] == 0.0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


async def test_a_seed_makes_the_same_reply_again_reused_prompt_or_not(engine: EmbeddedEngine) -> None:
    request = ask(chat("Do you have any pets?"), samplers=Samplers(temperature=1.2, seed=1234))
    first, fresh = await reply(engine, request)
    again, reused = await reply(engine, request)
    assert fresh.usage.cached_tokens == 0
    assert reused.usage.cached_tokens
    assert reused.usage.cached_tokens > 0
    assert first == again


async def test_the_seed_that_was_drawn_is_told_and_repeats_the_reply(engine: EmbeddedEngine) -> None:
    pieces = chat("What do you like to do?")
    first, finish = await reply(engine, ask(pieces, samplers=Samplers(temperature=1.5, seed=-1)))
    assert finish.seed is not None
    assert finish.seed >= 0
    again, _ = await reply(engine, ask(pieces, samplers=Samplers(temperature=1.5, seed=finish.seed)))
    assert first == again


async def test_temperature_zero_is_the_same_for_every_seed(engine: EmbeddedEngine) -> None:
    pieces = chat("Tell me about yourself.")
    replies = {
        (await reply(engine, ask(pieces, samplers=Samplers(temperature=0, seed=seed, xtc_probability=1.0))))[0]
        for seed in (1, 2, 3)
    }
    assert len(replies) == 1


async def test_a_swipe_reads_one_token_and_a_new_turn_reads_what_is_new(engine: EmbeddedEngine) -> None:
    turns = ["Hi! How are you?"]
    _, first = await reply(engine, ask(chat(*turns)))
    _, swipe = await reply(engine, ask(chat(*turns), samplers=Samplers(seed=8)))
    assert swipe.usage.cached_tokens == (first.usage.prompt_tokens or 0) - 1
    longer = chat(*turns, "I am fine.", "Good to hear.")
    shared = len(chat(*turns)) - 1
    prefix = (await engine.count_tokens([(*chat(*turns)[:shared], Piece("<|im_start|>assistant\n", True))]))[0]
    _, turn = await reply(engine, ask(longer))
    assert turn.usage.cached_tokens is not None
    assert prefix <= turn.usage.cached_tokens < (turn.usage.prompt_tokens or 0)


async def test_progress_counts_up_to_the_whole_prompt(make_engine: Callable[..., EmbeddedEngine]) -> None:
    engine = make_engine(settings=EngineSettings(n_batch=16))
    events = await collect(engine, ask(chat("word " * 100), max_tokens=1))
    marks = [event for event in events if isinstance(event, Progress)]
    assert len(marks) > 4
    assert [m.processed for m in marks] == sorted(m.processed for m in marks)
    assert marks[-1].processed == marks[-1].total


async def test_reading_ahead_makes_no_text_and_the_next_request_reuses_it(engine: EmbeddedEngine) -> None:
    text, finish = await reply(engine, ask(chat("Hi!"), max_tokens=0))
    assert (text, finish.reason) == ("", "length")
    _, finish = await reply(engine, ask(chat("Hi!")))
    assert finish.usage.cached_tokens == (finish.usage.prompt_tokens or 0) - 1


async def test_max_tokens_ends_a_reply_by_length(engine: EmbeddedEngine) -> None:
    _, finish = await reply(engine, ask(chat("Tell me a long story."), max_tokens=3))
    assert finish.reason == "length"
    assert finish.usage.completion_tokens == 3


async def test_a_full_window_ends_the_reply_and_says_so(make_engine: Callable[..., EmbeddedEngine]) -> None:
    engine = make_engine(settings=EngineSettings(n_ctx=256))
    never = Samplers(seed=1, logit_bias={"<|im_end|>": -100, "<|endoftext|>": -100})
    events = await collect(engine, ask(chat("Tell me a long story."), samplers=never, max_tokens=2000))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "length"
    window = (await engine.capabilities()).context_length
    assert (finish.usage.prompt_tokens or 0) + (finish.usage.completion_tokens or 0) == (window or 0) + 1
    assert any(isinstance(event, Status) and "full" in str(event.notice) for event in events)


async def test_a_prompt_over_the_window_is_refused_with_both_numbers(engine: EmbeddedEngine) -> None:
    _, finish = await reply(engine, ask(chat("word " * 1200)))
    assert finish.reason == "error"
    assert isinstance(finish.error, EngineError)
    assert finish.error.details["window"] == 1024
    assert finish.error.details["tokens"] > 1024
    text, finish = await reply(engine, ask(chat("Hi!")))
    assert text
    assert finish.reason == "stop"


async def test_an_empty_prompt_is_only_the_beginning_of_a_text(engine: EmbeddedEngine) -> None:
    _, finish = await reply(engine, ask((), max_tokens=2))
    assert finish.usage.prompt_tokens == 1


async def test_a_stop_string_over_several_tokens_is_cut_off_whole(engine: EmbeddedEngine) -> None:
    greedy = Samplers(temperature=0)
    whole, _ = await reply(engine, ask(chat("Hi! How are you?"), samplers=greedy))
    middle = len(whole) // 2
    stop = whole[middle - 4:middle + 4]
    events = await collect(engine, ask(chat("Hi! How are you?"), samplers=greedy, stop=(stop, "never this")))
    shown = "".join(event.text for event in events if isinstance(event, Text))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert shown == whole[:whole.index(stop)]
    assert (finish.reason, finish.stop_string) == ("stop", stop)


async def test_what_only_began_like_a_stop_string_is_given_out_at_the_end(engine: EmbeddedEngine) -> None:
    greedy = Samplers(temperature=0)
    whole, _ = await reply(engine, ask(chat("Hi! How are you?"), samplers=greedy))
    shown, finish = await reply(engine, ask(chat("Hi! How are you?"), samplers=greedy, stop=(whole[-6:] + "…",)))
    assert shown == whole
    assert finish.stop_string == ""


async def test_characters_of_several_tokens_come_whole(
    engine: EmbeddedEngine, library: Any, starter: Path,
) -> None:
    """A bias makes the model say the two bytes of one letter in turn; its two tokens become one character."""
    model = Model.load(starter, vocab_only=True)
    assert model is not None
    first, second = model.vocab.tokenize("Ж")
    model.free()
    forced = Samplers(
        temperature=0, logit_bias={f"#{first}": 1000.0, f"#{second}": 990.0}, frequency_penalty=20.0, penalty_range=-1,
    )
    events = await collect(engine, ask(chat("Say it."), samplers=forced, max_tokens=8))
    assert [event.text for event in events if isinstance(event, Text)] == ["Ж"] * 4
    events = await collect(engine, ask(chat("Say it."), samplers=forced, max_tokens=7))
    assert [event.text for event in events if isinstance(event, Text)] == ["Ж"] * 3


async def test_bytes_that_are_no_character_are_marked(engine: EmbeddedEngine, library: Any, starter: Path) -> None:
    model = Model.load(starter, vocab_only=True)
    assert model is not None
    first, _ = model.vocab.tokenize("Ж")
    model.free()
    forced = Samplers(temperature=0, logit_bias={f"#{first}": 1000.0})
    text, _ = await reply(engine, ask(chat("Say it."), samplers=forced, max_tokens=3))
    assert text == "\ufffd\ufffd"


@pytest.mark.parametrize("order", [("temperature",), ("top_k", "temperature"), ()])
async def test_a_link_that_is_not_in_the_order_is_off(engine: EmbeddedEngine, order: tuple[str, ...]) -> None:
    """top_k 1 leaves nothing to chance where it is in the chain; elsewhere seeds differ."""
    replies = set()
    for seed in range(4):
        samplers = Samplers(temperature=1.5, top_k=1, min_p=0.0, seed=seed, order=order)
        replies.add((await reply(engine, ask(chat("What is new?"), samplers=samplers)))[0])
    assert (len(replies) == 1) is ("top_k" in order)


async def test_every_sampler_can_be_on_at_once(engine: EmbeddedEngine) -> None:
    everything = Samplers(
        temperature=0.9, top_k=40, top_p=0.95, min_p=0.02, top_n_sigma=2.0, repetition_penalty=1.1,
        frequency_penalty=0.1, presence_penalty=0.1, penalty_range=-1, dry_multiplier=0.8, dry_range=-1,
        xtc_probability=0.5, xtc_threshold=0.1, seed=5, logit_bias={" the": -1.0, "#42": 1.0},
    )
    text, finish = await reply(engine, ask(chat("Hi!"), samplers=everything))
    assert text
    assert (finish.reason, finish.error) == ("stop", None)


async def test_a_forbidden_token_is_not_said(engine: EmbeddedEngine) -> None:
    greedy = Samplers(temperature=0)
    whole, _ = await reply(engine, ask(chat("Hi! How are you?"), samplers=greedy))
    word = whole.split()[0].strip(",.!?")
    without = Samplers(temperature=0, logit_bias={word: -100})
    text, _ = await reply(engine, ask(chat("Hi! How are you?"), samplers=without))
    assert not text.startswith(word)


#: Makes the model say 7, or 9 where something speaks against 7.
_SEVEN_OR_NINE = {"7": 1000.0, "9": 980.0}


@pytest.mark.parametrize(("reach", "said"), [(-1, "9"), (64, "9"), (3, "7"), (0, "7")])
async def test_penalties_see_as_much_of_the_prompt_as_their_range(
    engine: EmbeddedEngine, reach: int, said: str,
) -> None:
    samplers = Samplers(temperature=0, presence_penalty=50.0, penalty_range=reach, logit_bias=_SEVEN_OR_NINE)
    text, _ = await reply(engine, ask((Piece("7 is what I said before."),), samplers=samplers, max_tokens=1))
    assert text == said


@pytest.mark.parametrize(("breakers", "said"), [(("\n",), "9"), (("#",), "7")])
async def test_dry_breaks_a_sequence_that_the_prompt_repeats(
    engine: EmbeddedEngine, breakers: tuple[str, ...], said: str,
) -> None:
    samplers = Samplers(
        temperature=0, dry_multiplier=5.0, dry_sequence_breakers=breakers, logit_bias=_SEVEN_OR_NINE,
    )
    text, _ = await reply(engine, ask((Piece("1#2#3#7 1#2#3#"),), samplers=samplers, max_tokens=1))
    assert text == said


async def test_counts_are_those_of_the_prompt_less_bos(engine: EmbeddedEngine) -> None:
    prompts = [chat("Hi!"), chat("Привет! Как дела?"), chat("a" * 300)]
    counts = await engine.count_tokens(prompts)
    for pieces, count in zip(prompts, counts, strict=True):
        _, finish = await reply(engine, ask(pieces, max_tokens=0))
        assert finish.usage.prompt_tokens == count + 1


@pytest.mark.parametrize("bos", ["", "<|endoftext|>", "<s>"])
async def test_bos_is_there_once(engine: EmbeddedEngine, bos: str) -> None:
    bare = (Piece("Hi!"),)
    _, finish = await reply(engine, ask(bare, max_tokens=0, bos=bos))
    count = (await engine.count_tokens([bare]))[0]
    assert finish.usage.prompt_tokens == count + 1
    _, finish = await reply(engine, ask((Piece("<|endoftext|>", True), *bare), max_tokens=0, bos=bos))
    assert finish.usage.prompt_tokens == count + 1


async def test_two_requests_at_once_are_both_answered_in_turn(engine: EmbeddedEngine) -> None:
    one = asyncio.create_task(reply(engine, ask(chat("Hi!"), id="one")))
    two = asyncio.create_task(reply(engine, ask(chat("Bye!"), id="two")))
    counting = asyncio.create_task(engine.count_tokens([chat("Hi!")]))
    for text, finish in await asyncio.gather(one, two):
        assert text
        assert finish.reason in {"stop", "length"}
    assert (await counting)[0] > 5


async def test_what_it_tells_of_the_model(engine: EmbeddedEngine) -> None:
    told = await engine.capabilities()
    assert (told.dialect, told.model) == ("embedded", "Traktir Starter")
    assert (told.context_length, told.trained_context) == (1024, 1024)
    assert told.exact_tokens
    assert told.adds_bos
    assert (told.bos_token, told.eos_token) == ("<|endoftext|>", "<|im_end|>")
    assert {"<|im_start|>", "<|im_end|>"} <= set(told.special_tokens)
    assert "im_start" in told.chat_template
    assert told.details["quantisation"] == "F16"


async def test_a_stop_string_that_is_a_control_token_ends_the_reply(engine: EmbeddedEngine) -> None:
    forced = Samplers(temperature=0, logit_bias={"<|im_start|>": 100.0})
    text, finish = await reply(engine, ask(chat("Hi!"), samplers=forced, stop=("<|im_start|>",), max_tokens=5))
    assert (text, finish.reason, finish.stop_string) == ("", "stop", "<|im_start|>")
