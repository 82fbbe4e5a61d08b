"""Phrases that must not come do not, whatever tokens they are made of; the reply goes on another way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_help import ask, chat, collect, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.backend import Finish, Text, Tokens
from tui.domain.samplers import Samplers
from tui.engine.bans import Gate
from tui.engine.proxy import EmbeddedEngine

SAMPLERS = Samplers(seed=7, temperature=0.8)
LETTERS = st.text("abA", max_size=6)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(pieces=st.lists(LETTERS, max_size=25), phrases=st.lists(LETTERS.filter(bool), min_size=1, max_size=3))
def test_what_the_gate_lets_out_is_the_text_without_the_phrases(pieces: list[str], phrases: list[str]) -> None:
    gate = Gate(phrases)
    kept: list[str] = []
    shown = ""
    for number, piece in enumerate(pieces):
        kept.append(piece)
        if gone := gate.take(number, piece.encode()):
            assert any(phrase.lower() in "".join(kept).lower() for phrase in phrases)
            del kept[len(kept) - gone:]
        assert not any(phrase.lower() in "".join(kept).lower() for phrase in phrases)
        shown += "".join(one.text for one in gate.free())
        assert "".join(kept).startswith(shown)
    shown += "".join(one.text for one in gate.rest())
    assert shown == "".join(kept)


def test_nothing_of_a_phrase_is_let_out_before_it_is_none() -> None:
    gate = Gate(["Холодный дождь"])
    out = []
    for number, piece in enumerate(["И ", "хол", "од", "но", " там, ХОЛ", "ОДНЫЙ ", "до"]):
        assert not gate.take(number, piece.encode())
        out.append("".join(one.text for one in gate.free()))
    assert out == ["И ", "", "", "холодно", "", "", ""]
    assert gate.take(7, "ждь".encode()) == 4
    assert gate.rest() == []


@pytest.mark.parametrize("line", ["Who are you?", "Кто ты?"])
async def test_words_of_a_reply_are_forbidden_one_after_another(engine: EmbeddedEngine, line: str) -> None:
    request = ask(chat(line), samplers=SAMPLERS)
    text, _ = await reply(engine, request)
    forbidden: tuple[str, ...] = ()
    for _ in range(3):
        words = [word for word in text.split() if len(word) > 3]
        if not words:
            break
        forbidden = (*forbidden, words[0].upper())
        banned = replace(request, samplers=replace(SAMPLERS, banned_strings=forbidden))
        text, finish = await reply(engine, banned)
        assert not any(phrase.lower() in text.lower() for phrase in forbidden)
        assert text.strip()
        assert any("Gone back" in notice.id for notice in finish.notices)
        assert (text, finish.usage.completion_tokens) == (
            (again := await reply(engine, banned))[0], again[1].usage.completion_tokens)
    assert forbidden
    assert (await reply(engine, request))[0] == (await reply(engine, request))[0]


async def test_the_memory_is_that_of_the_reply_afterwards(engine: EmbeddedEngine) -> None:
    request = ask(chat("Who are you?"), samplers=SAMPLERS)
    plain, _ = await reply(engine, request)
    first = next(word for word in plain.split() if len(word) > 3)
    text, finish = await reply(engine, replace(request, samplers=replace(SAMPLERS, banned_strings=(first,))))
    events = await collect(engine, ask(chat("Who are you?", text, "And then?"), samplers=SAMPLERS))
    last = events[-1]
    assert isinstance(last, Finish)
    read = (finish.usage.prompt_tokens or 0) + (finish.usage.completion_tokens or 0)
    assert (last.usage.cached_tokens or 0) >= read - 8
    assert (await reply(engine, request))[0] == plain


async def test_tokens_that_were_taken_back_are_not_told(engine: EmbeddedEngine) -> None:
    plain, _ = await reply(engine, ask(chat("Who are you?"), samplers=SAMPLERS))
    first = next(word for word in plain.split() if len(word) > 3)
    samplers = replace(SAMPLERS, banned_strings=(first,), logprobs=2)
    events = await collect(engine, ask(chat("Who are you?"), samplers=samplers))
    text = "".join(event.text for event in events if isinstance(event, Text))
    tokens = [token for event in events if isinstance(event, Tokens) for token in event.tokens]
    assert "".join(token.text for token in tokens) == text


async def test_what_cannot_be_avoided_is_let_through_and_said(engine: EmbeddedEngine) -> None:
    letters = tuple("abcdefghijklmnopqrstuvwxyz .,'!?")
    text, finish = await reply(
        engine, ask(chat("Who are you?"), samplers=replace(SAMPLERS, banned_strings=letters), max_tokens=12))
    assert any("let through" in notice.id for notice in finish.notices) or not set(text.lower()) & set(letters)
    assert finish.reason in ("stop", "length")
