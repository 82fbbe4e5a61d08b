"""Phrases are kept out of replies of servers that cannot do it themselves, and that is told."""

from __future__ import annotations

import pytest
from core_table import Table
from scripted import SSE, Line, Request, ScriptedServer, as_openai, text_chunk

from tui.core.avoiding import MOST_IN_ALL

pytest.importorskip("llama_cpp")


async def test_a_real_server_goes_round_the_phrase(table: Table, llama_server: tuple[str, object]) -> None:
    await table.use_server(llama_server[0])
    chat = await table.new_chat()
    values = {"seed": 3, "temperature": 0.8, "max_tokens": 40}
    await table.call("samplers.set", chat=chat, values=values)
    plain, done = await table.say(chat, "Tell me of the sea.")
    assert done["error"] is None
    text = (await table.node(chat, plain))["revisions"][-1]["text"]
    word = next(w for w in text.split()[3:] if w.isalpha() and len(w) > 2)
    other = await table.new_chat()
    await table.call("samplers.set", chat=other, values={**values, "banned_strings": [word]})
    node, done = await table.say(other, "Tell me of the sea.")
    assert done["error"] is None
    kept = (await table.node(other, node))["revisions"][-1]["text"]
    assert word.lower() not in kept.lower()
    assert kept.startswith(text[:text.index(word)].rstrip())
    assert "banned_strings" not in done["dropped"]
    assert any("must not come" in n["id"] for n in done["notices"])


class Stubborn:
    """Says the same again and again; `requests` are the prompts that it was given."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.requests: list[dict[str, object]] = []

    async def __call__(self, request: Request, line: Line) -> None:
        self.requests.append(request.json)
        await line.send(SSE)
        for word in self.words:
            await line.send(text_chunk(word))
        await line.send(text_chunk("", "stop") + b"data: [DONE]\n\n")


async def test_one_that_says_nothing_else_is_let_through_and_that_is_told(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    server = Stubborn([" a shiver", " ran down", " her spine"])
    as_openai(scripted_server, owner="sglang", context=4096)
    scripted_server.on("POST /v1/completions", server)
    await table.use_server(scripted_server.url, template="alpaca")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"banned_strings": ["Ran Down"], "max_tokens": 100})
    node, done = await table.say(chat, "Well?")
    assert done["error"] is None
    assert (await table.node(chat, node))["revisions"][-1]["text"].endswith("ran down her spine")
    assert len(server.requests) == MOST_IN_ALL + 1
    assert len({str(r.get("seed")) + str(r.get("temperature")) for r in server.requests}) > 2
    assert "again and again" in str(done["notices"])
