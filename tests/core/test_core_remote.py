"""Turns on servers: the real llama-server with the starter model, and a scripted one for its bad days."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from core_table import Speaker, Table, speaks
from scripted import SSE, ScriptedServer, answer, chat_chunk, play, text_chunk

from tui.domain.errors import BackendError
from tui.domain.operations import node_from_json
from tui.wire.ids import new_id

LlamaServer = tuple[str, "subprocess.Popen[bytes]"]


async def test_a_real_server_tells_its_window_and_template_and_reuses_its_cache(
    table: Table, llama_server: LlamaServer
) -> None:
    await table.use_server(llama_server[0], kind="llamacpp")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 24})
    first, one = await table.say(chat, "Good evening!")
    _, two = await table.say(chat, "What do you serve?")
    assert (one["error"], two["error"]) == (None, None)
    assert one["context"] == 1024
    assert one["template"] == "chatml"
    assert two["reused"] >= one["prompt_tokens"] - 4
    record = node_from_json(await table.node(chat, first)).revision.generation
    assert record["backend"] == "llamacpp"
    assert record["template_found_by"] not in ("pinned", "profile", "chat")
    assert record["prompt_tokens"] + record["completion_tokens"] <= 1024


async def test_a_real_server_is_stopped_and_goes_on_from_there(table: Table, llama_server: LlamaServer) -> None:
    await table.use_server(llama_server[0], kind="llamacpp")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 300, "logit_bias": {"<|im_end|>": -100}})
    reply = await table.ask(chat, "Tell me a long story.")
    await table.until(lambda e: e["type"] == "delta" and e["node"] == reply)
    await table.call("turn.stop", chat=chat)
    cut = node_from_json(await table.node(chat, reply))
    assert cut.revision.finish in ("cut", "stop", "length")
    table.heard.clear()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 12})
    await table.call("turn.continue", chat=chat, node=reply, revision=new_id())
    assert (await table.done(reply))["error"] is None
    longer = node_from_json(await table.node(chat, reply))
    assert longer.text.startswith(cut.text.rstrip())
    assert len(longer.text) > len(cut.text.rstrip())


async def test_a_chat_moves_from_the_embedded_model_to_a_server_in_the_middle(
    table: Table, llama_server: LlamaServer
) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 8})
    _, here = await table.say(chat, "Hello!")
    await table.use_server(llama_server[0], kind="llamacpp")
    reply, there = await table.say(chat, "And now?")
    assert (here["error"], there["error"]) == (None, None)
    assert node_from_json(await table.node(chat, reply)).revision.generation["backend"] == "llamacpp"


async def test_a_server_that_vanishes_leaves_what_came_and_another_goes_on(
    table: Table, scripted_server: ScriptedServer
) -> None:
    second = Speaker(" the river.")
    second.go_on.set()
    speaks(scripted_server, Speaker("Down by", cut=True), second)
    server = scripted_server.routes["POST /v1/chat/completions"][0]
    assert isinstance(server, Speaker)
    server.go_on.set()
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply, done = await table.say(chat, "Where?")
    assert done["finish"] == "cut"
    assert done["error"] is not None
    assert node_from_json(await table.node(chat, reply)).revision.finish == "cut"
    table.heard.clear()
    await table.call("turn.continue", chat=chat, node=reply, revision=new_id())
    assert (await table.done(reply))["error"] is None
    assert node_from_json(await table.node(chat, reply)).text == "Down by the river."
    asked = scripted_server.asked("/v1/chat/completions")[-1].json["messages"]
    assert asked[-2] == {"role": "assistant", "content": "Down by"}    # it goes on by words
    assert asked[-1]["role"] == "user"
    await table.settled(chat)


async def test_a_server_that_is_gone_and_comes_back_is_asked_anew(
    table: Table, scripted_server: ScriptedServer
) -> None:
    one, two = Speaker("Here."), Speaker("Back.")
    one.go_on.set()
    two.go_on.set()
    speaks(scripted_server, one, two)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    assert (await table.say(chat, "One"))[1]["error"] is None
    port = scripted_server.port
    await scripted_server.stop()
    _, gone = await table.say(chat, "Two")
    assert gone["error"]["details"]["kind"] == "unreachable"
    assert (await table.call("connection.get"))["state"] == "error"
    again = ScriptedServer()
    speaks(again, two)
    again.on("GET /v1/models", answer({"object": "list", "data": [{"id": "another", "object": "model"}]}))
    await again.start(port)
    try:
        _, back = await table.say(chat, "Three")
        assert back["error"] is None
        assert back["model"] == "another"
    finally:
        await again.stop()
    await scripted_server.start()                          # for its own end


async def test_a_key_that_nobody_has_is_named_and_works_once_handed_over(
    table: Table, scripted_server: ScriptedServer
) -> None:
    speaker = Speaker("Yes.")
    speaker.go_on.set()
    speaks(scripted_server, speaker)
    await table.use_server(scripted_server.url, key_env="TAVERN_KEY_OF_TESTS")
    assert table.core.wanted_variables() == ["TAVERN_KEY_OF_TESTS"]
    chat = await table.new_chat()
    _, done = await table.say(chat, "Hello?")
    assert done["error"]["details"]["kind"] == "key_missing"
    assert done["error"]["what"]["args"]["name"] == "TAVERN_KEY_OF_TESTS"
    for secret in ("first-key", "second-key"):
        table.core.environment({"TAVERN_KEY_OF_TESTS": secret})
        _, done = await table.say(chat, "Hello?")
        assert done["error"] is None
        assert scripted_server.requests[-1].headers["authorization"] == f"Bearer {secret}"
    assert "second-key" not in str(table.core.status()) + str(table.heard)


async def test_thoughts_alone_are_no_answer_and_are_kept_apart_from_the_text(
    table: Table, scripted_server: ScriptedServer
) -> None:
    end = chat_chunk("", "stop") + b"data: [DONE]\n\n"
    thought = chat_chunk("", None, reasoning_content="Hm, ") + chat_chunk("", None, reasoning_content="let me see.")
    scripted_server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "m", "object": "model"}]}))
    scripted_server.on(
        "POST /v1/chat/completions", play(SSE, thought, chat_chunk("Good evening."), end), play(SSE, thought, end),
    )
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply, done = await table.say(chat, "Hi!")
    assert done["error"] is None
    node = node_from_json(await table.node(chat, reply))
    assert (node.text, node.revision.reasoning) == ("Good evening.", "Hm, let me see.")
    pieces = [e for e in table.heard if e["type"] == "delta" and e.get("reasoning")]
    assert [p["reasoning_offset"] for p in pieces] == [4]
    _, silent = await table.say(chat, "And?")
    assert silent["error"] is not None


async def test_broken_characters_from_a_server_are_the_same_in_memory_and_on_disk(
    table: Table, scripted_server: ScriptedServer
) -> None:
    def raw(escaped: str) -> bytes:
        return b'data: {"choices":[{"index":0,"delta":{"content":"' + escaped.encode() + b'"}}]}\n\n'

    end = chat_chunk("", "stop") + b"data: [DONE]\n\n"
    scripted_server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "m", "object": "model"}]}))
    scripted_server.on(
        "POST /v1/chat/completions",
        play(SSE, raw("a \\ud83d"), 0.05, raw("\\ude00 b \\ud83d"), raw(" \\u0000\\u001b[2J c"), end),
    )
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply, _ = await table.say(chat, "Hi!")
    text = node_from_json(await table.node(chat, reply)).text
    text.encode()
    assert text.startswith("a \U0001f600 b \ufffd")
    assert table.shown(reply) == text
    await table.settled(chat)


async def test_a_slow_reply_is_on_disk_within_a_second(table: Table, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "m", "object": "model"}]}))
    scripted_server.on("POST /v1/chat/completions", play(SSE, chat_chunk("One "), 0.2, chat_chunk("two"), 30))
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply = await table.ask(chat, "Count.")
    await table.growth(reply, "two")
    async with asyncio.timeout(1.0):
        while (await table.core.store.load_chat(chat)).nodes[reply].text != "One two":
            await asyncio.sleep(0.02)
    await table.call("turn.stop", chat=chat)


def forget_marks(table: Table) -> None:
    """Give every format a copy that is recognised by nothing."""
    folder = table.core.library.folders["templates"].own
    folder.mkdir(parents=True, exist_ok=True)
    for item in table.core.library.items("templates"):
        lines = item.text().splitlines()
        start = next((n for n, line in enumerate(lines) if line.startswith("detect:")), len(lines))
        end = next((n for n in range(start + 1, len(lines)) if lines[n][:1] not in (" ", "#", "")), len(lines))
        (folder / f"{item.id}.yaml").write_text("\n".join([*lines[:start], *lines[end:]]) + "\n", "utf-8")


async def test_a_format_that_nobody_has_is_read_off_the_models_own_template(
    table: Table, llama_server: LlamaServer
) -> None:
    await table.use_server(llama_server[0], kind="llamacpp")
    forget_marks(table)
    chat = await table.new_chat()
    reply, done = await table.say(chat, "Hello!")
    assert (done["error"], done["template"]) == (None, "derived")
    record = node_from_json(await table.node(chat, reply)).revision.generation
    assert record["template_found_by"] == "derived"
    told = (await table.call("connection.get"))["template"]
    assert (told["found_by"], told["findings"]) == ("derived", [])
    assert any(e["type"] == "notice" and e["notice"] == told["why"] for e in table.heard)
    text = (await table.call("prompt.show", chat=chat))["text"]
    assert text.startswith("<|im_start|>system\n")
    assert text.endswith("<|im_start|>assistant\n")


async def test_a_format_that_is_not_known_is_asked_for_and_the_answer_is_kept(
    table: Table, scripted_server: ScriptedServer
) -> None:
    scripted_server.on("GET /v1/models", answer({"data": [{"id": "nameless"}]}))
    scripted_server.on("POST /v1/completions", play(SSE, text_chunk("Hello."), text_chunk("", "stop")))
    await table.use_server(scripted_server.url, kind="openai", mode="text", template="auto")
    chat = await table.new_chat()
    _, done = await table.say(chat, "Hello!")
    assert done["error"]["details"]["kind"] == "template_unknown"
    assert (await table.call("connection.get"))["ask_template"]
    await table.call("templates.pin", template="chatml")
    _, done = await table.say(chat, "Hello!")
    assert (done["error"], done["template"]) == (None, "chatml")
    with pytest.raises(BackendError):
        await table.call("connection.probe", url="http://127.0.0.1:9")
