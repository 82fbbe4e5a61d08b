"""A malicious server seen from the core: one clean sentence for the terminal, and everything else goes on."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attacks import DOCUMENTS, HEADS, STREAMS, endless
from core_table import Table
from dialects import VOICES
from scripted import SSE, STALL, ScriptedServer, answer, as_openai, play

from tui.core.app import Core, CoreConfig
from tui.domain.errors import TraktirError
from tui.domain.operations import node_from_json

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
CHAT = "POST /v1/chat/completions"


@pytest.fixture
async def table(home: Path) -> AsyncIterator[Table]:
    core = await Core.start(CoreConfig())
    try:
        yield Table(core)
    finally:
        await core.close()


def sentence(done: dict[str, Any]) -> str:
    """What a terminal shows of the end of a turn."""
    said = str(TraktirError.from_json(done["error"]))
    assert said.strip()
    assert len(said) <= 420
    assert not OBEYED.search(said)
    return said


@pytest.mark.parametrize("name", ["a header of a gigabyte", "noise", "JSON 100,000 deep", "markup without end"])
async def test_a_turn_with_a_malicious_server_ends_in_one_sentence_and_another_server_goes_on(
    table: Table, scripted_server: ScriptedServer, name: str
) -> None:
    scripted_server.otherwise = (HEADS | DOCUMENTS)[name]
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    _, done = await table.say(chat, "Good evening!")
    assert scripted_server.url in sentence(done)
    scripted_server.otherwise = answer({"detail": "Not Found"}, "404 Not Found")
    as_openai(scripted_server, "Good evening to you.")
    reply, done = await table.say(chat, "And now?")
    assert done["error"] is None
    assert node_from_json(await table.node(chat, reply)).text == "Good evening to you."
    await table.settled(chat)


@pytest.mark.parametrize("name", ["a line without end", "JSON in the place of words", "a chunk size that is none"])
async def test_what_came_before_the_attack_is_in_the_chat(
    table: Table, scripted_server: ScriptedServer, name: str
) -> None:
    as_openai(scripted_server, "")
    deep = play(SSE, b'data: {"choices":[{"delta":{"content":"Once"}}]}\n\n', b"data: " + b"[" * 100_000 + b"\n\n")
    scripted_server.on(CHAT, STREAMS[name][0] if name in STREAMS else deep)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply, done = await table.say(chat, "Good evening!")
    stored = node_from_json(await table.node(chat, reply))
    assert (stored.text, stored.revision.finish, done["finish"]) == ("Once", "cut", "cut")
    assert scripted_server.url in sentence(done)
    await table.settled(chat)


BOMBS = {
    "a loop": "{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}{% endfor %}",
    "a power": "{{ 9**9**9**9 }}",
    "a word": "{{ 'x' * 10**12 }}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a way out": "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages.__init__.__globals__ }}",
    "brackets": "{{ " + "(" * 50_000 + ")" * 50_000 + " }}",
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_template_that_is_a_bomb(table: Table, scripted_server: ScriptedServer, name: str) -> None:
    """It is run where it can be stopped; the turn has a reply all the same, or a sentence; the loop goes on."""
    voice = next(v for v in VOICES if v.name == "llamacpp")
    voice.install(scripted_server)
    props = voice.routes["GET /props"] | {"chat_template": BOMBS[name]}
    scripted_server.on("GET /props", answer(props, Server="llama.cpp"))
    await table.use_server(scripted_server.url, kind="llamacpp", template="auto")
    chat = await table.new_chat()
    _, done = await table.say(chat, "Good evening!")
    assert done["error"] is None or sentence(done)
    assert "subclasses" not in json.dumps(done)
    sent = scripted_server.asked("/completion")
    assert not any("<class" in r.json["prompt"] or "xxxxxxxx" in r.json["prompt"] for r in sent)


async def test_a_server_that_never_answers_is_left_at_once(table: Table, scripted_server: ScriptedServer) -> None:
    """While it is connected to, and while it is waited for: the stop counts, not the server's time limits."""
    as_openai(scripted_server, "Hello.")
    scripted_server.on(CHAT, play(STALL))
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    for attack in (play(STALL), endless(SSE, b":\n")):
        scripted_server.on(CHAT, attack)
        asked = len(scripted_server.asked("/v1/chat/completions"))
        reply = await table.ask(chat, "Good evening!")
        while len(scripted_server.asked("/v1/chat/completions")) == asked:
            await asyncio.sleep(0.005)
        begun = time.monotonic()
        await table.call("turn.stop", chat=chat)
        done = await table.done(reply)
        assert done["error"] is None
        assert time.monotonic() - begun < 20                       # the limits of silence are minutes and hours
        await asyncio.wait_for(scripted_server.hung_up.wait(), 20)
        scripted_server.hung_up.clear()
    await table.settled(chat)


async def test_a_turn_with_ollama_has_the_format_that_its_template_tells_the_marks_of(
    table: Table, scripted_server: ScriptedServer
) -> None:
    """Go's templates are not run; the marks in them are those of one format."""
    voice = next(v for v in VOICES if v.name == "ollama")
    voice.install(scripted_server, voice.reply("Good evening to you."))
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply, done = await table.say(chat, "Good evening!")
    assert done["error"] is None
    assert node_from_json(await table.node(chat, reply)).text == "Good evening to you."
    sent = scripted_server.asked("/api/generate")[-1].json
    assert sent["raw"] is True
    assert sent["prompt"].endswith("<|im_start|>user\nGood evening!<|im_end|>\n<|im_start|>assistant\n")
    assert sent["options"]["num_ctx"] == 2048
    await table.settled(chat)
