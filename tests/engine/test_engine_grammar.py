"""Replies obey a grammar or a schema; grammars that mean harm are sentences, and the worker lives on."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from engine_help import ask, chat, reply

from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine

SAMPLERS = Samplers(seed=7, temperature=0.9)
NUMBER = 'root ::= "Номер " [1-9] [0-9]{1,3} ", " ("да" | "нет") "."'
SCHEMA = {
    "type": "object", "required": ["mood", "age", "words"], "additionalProperties": False,
    "properties": {
        "mood": {"enum": ["calm", "merry"]}, "age": {"type": "integer"},
        "words": {"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 1, "maxItems": 2},
    },
}
NASTY = {
    "no root": 'reply ::= "a"', "left recursion": 'root ::= root "a" | "a"', "unbalanced": 'root ::= ("a"',
    "unknown rule": "root ::= nowhere", "huge repetition": 'root ::= "a"{1,100000}', "nul": 'root ::= "a\0"',
    "nested repetitions": 'root ::= ((("a"{1,400}){1,400}){1,400}){1,400}', "deep": "root ::= " + "(" * 5000 + '"a"',
    "long": 'root ::= "' + "a" * 100_000 + '"', "bare words": "you must say yes", "escapes": r'root ::= "\x" "\u12"',
    "hidden left recursion": 'root ::= b "x"\nb ::= c\nc ::= b | "y"',
}


async def test_a_reply_obeys_a_grammar(engine: EmbeddedEngine) -> None:
    request = ask(chat("Сколько?"), samplers=replace(SAMPLERS, grammar=NUMBER))
    texts = set()
    for seed in range(6):
        text, finish = await reply(engine, replace(request, samplers=replace(request.samplers, seed=seed)))
        assert re.fullmatch(r"Номер [1-9][0-9]{1,3}, (да|нет)\.", text), text
        assert finish.reason == "stop"
        texts.add(text)
    assert len(texts) > 1
    assert await reply(engine, request) is not None
    assert (await reply(engine, request))[0] == (await reply(engine, request))[0]


@pytest.mark.parametrize("temperature", [0.0, 1.2])
async def test_a_reply_obeys_a_schema(engine: EmbeddedEngine, temperature: float) -> None:
    samplers = replace(SAMPLERS, temperature=temperature, json_schema=json.dumps(SCHEMA), dry_multiplier=0.8)
    text, finish = await reply(engine, ask(chat("Describe Mira."), samplers=samplers, max_tokens=200))
    found = json.loads(text)
    assert finish.reason == "stop"
    assert found["mood"] in ("calm", "merry")
    assert isinstance(found["age"], int)
    assert 1 <= len(found["words"]) <= 2
    assert all(len(word) <= 8 for word in found["words"])


async def test_stop_strings_bans_and_tokens_work_beside_it(engine: EmbeddedEngine) -> None:
    grammar = 'root ::= ("red" | "green" | "blue") " end" [a-z]{1,20}'
    samplers = replace(SAMPLERS, grammar=grammar, banned_strings=("red",), logprobs=2)
    for seed in range(4):
        request = ask(chat("Which?"), samplers=replace(samplers, seed=seed), stop=(" end",))
        text, finish = await reply(engine, request)
        assert text in ("green", "blue")
        assert finish.stop_string == " end"


@pytest.mark.parametrize("name", NASTY)
async def test_a_grammar_that_means_harm_is_a_sentence(engine: EmbeddedEngine, name: str) -> None:
    request = ask(chat("Hello!"), samplers=replace(SAMPLERS, grammar=NASTY[name]), max_tokens=8)
    await engine.load()
    before = engine.pid
    _, finish = await reply(engine, request)
    if finish.error is not None:
        assert finish.error.details["field"] == "grammar"
        assert len(str(finish.error)) < 300
    else:
        assert name in ("escapes",)
    text, finish = await reply(engine, ask(chat("Hello!"), samplers=SAMPLERS))
    assert text
    assert engine.pid == before


@pytest.mark.parametrize("schema", ["[1]", "{", '{"$ref": "https://nowhere.invalid/x"}', '{"type": "nonsense"}',
                                    "[" * 9000, json.dumps({"type": "string", "pattern": "(" * 50})])
async def test_a_schema_that_is_none_is_a_sentence(engine: EmbeddedEngine, schema: str) -> None:
    _, finish = await reply(engine, ask(chat("Hello!"), samplers=replace(SAMPLERS, json_schema=schema), max_tokens=8))
    assert finish.error is not None
    assert finish.error.details["field"] in ("json_schema", "grammar")


async def test_both_at_once_are_refused(engine: EmbeddedEngine) -> None:
    samplers = replace(SAMPLERS, grammar=NUMBER, json_schema="{}")
    _, finish = await reply(engine, ask(chat("Hello!"), samplers=samplers))
    assert finish.error is not None
    assert "not both" in str(finish.error)


async def test_a_grammar_with_nothing_left_ends_the_reply_and_says_so(engine: EmbeddedEngine) -> None:
    samplers = replace(SAMPLERS, grammar='root ::= "yes"', ignore_eos=True)
    text, finish = await reply(engine, ask(chat("Well?"), samplers=samplers))
    assert text == "yes"
    assert finish.reason == "stop"
    assert any("nothing more" in notice.id for notice in finish.notices)
    assert (await reply(engine, ask(chat("Well?"), samplers=SAMPLERS)))[0]
