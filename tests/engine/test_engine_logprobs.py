"""Tokens with their probabilities, told beside the text that they make."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from engine_help import ask, chat, collect

from tui.domain.backend import Finish, Text, Token, Tokens
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.shown import Writer

pytest.importorskip("numpy")

TELLS = Samplers(seed=7, logprobs=3)


async def told(engine: EmbeddedEngine, request: object) -> tuple[str, list[Token], Finish]:
    events = await collect(engine, request)  # type: ignore[arg-type]
    text = "".join(event.text for event in events if isinstance(event, Text))
    tokens = [token for event in events if isinstance(event, Tokens) for token in event.tokens]
    finish = events[-1]
    assert isinstance(finish, Finish)
    return text, tokens, finish


@pytest.mark.parametrize("line", ["Hello, who are you?", "Привет, кто ты?"])
async def test_the_texts_of_all_tokens_are_the_reply(engine: EmbeddedEngine, line: str) -> None:
    text, tokens, finish = await told(engine, ask(chat(line), samplers=TELLS))
    assert text
    assert "".join(token.text for token in tokens) == text
    assert len(tokens) <= (finish.usage.completion_tokens or 0)
    for token in tokens:
        assert len(token.rivals) == 3
        known = [token.logprob, *(rival.logprob for rival in token.rivals)]
        assert max(known) <= 0
        assert sum(math.exp(p) for p in known) <= 1 + 1e-6
        assert known[1:] == sorted(known[1:], reverse=True)


def test_tokens_inside_a_character_have_what_of_it_is_text() -> None:
    shown: list[str] = []
    tokens: list[list[object]] = []
    writer = Writer(("стоп",), shown.append, tokens.extend)
    data = "да с".encode()
    for piece in (data[:1], data[1:3], data[3:5], data[5:], "ты".encode(), b"\xd1"):
        assert not writer.write(piece, (-1.0, []))
    writer.close()
    assert "".join(shown) == "да сты"
    assert [token[0] for token in tokens] == ["", "д", "а ", "с", "ты"]


async def test_at_temperature_zero_the_token_is_likelier_than_its_rivals(engine: EmbeddedEngine) -> None:
    _, tokens, _ = await told(engine, ask(chat("Hello!"), samplers=Samplers(
        temperature=0, logprobs=20, repetition_penalty=1, dry_multiplier=0,
    )))
    assert tokens
    assert all(token.logprob >= rival.logprob for token in tokens for rival in token.rivals)


async def test_tokens_cut_away_with_a_stop_string_are_not_told(engine: EmbeddedEngine) -> None:
    whole, _, _ = await told(engine, ask(chat("Hello, who are you?"), samplers=TELLS))
    stop = whole[len(whole) // 2:len(whole) // 2 + 6]
    text, tokens, finish = await told(engine, ask(chat("Hello, who are you?"), samplers=TELLS, stop=(stop,)))
    joined = "".join(token.text for token in tokens)
    assert finish.stop_string == stop
    assert text == whole[:whole.index(stop)]
    assert joined.startswith(text)
    assert len(joined) - len(tokens[-1].text) < len(text)


async def test_nothing_is_told_unasked_and_the_reply_is_the_same(engine: EmbeddedEngine) -> None:
    asked, _, _ = await told(engine, ask(chat("Hello!"), samplers=TELLS))
    plain, tokens, _ = await told(engine, ask(chat("Hello!"), samplers=replace(TELLS, logprobs=0)))
    assert plain == asked
    assert not tokens
    assert (await engine.capabilities()).logprobs == 20
