"""How a server is treated: asked again when busy, stopped when told to, never sent what it should not see."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from scripted import (
    SSE,
    STALL,
    Line,
    Request,
    ScriptedServer,
    answer,
    as_openai,
    chat_chunk,
    event,
    play,
    text_chunk,
)
from told import CHAT, Told, request, tell, told_by

from tui.backends.connect import open_backend
from tui.backends.gate import Gate, gate_of
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import (
    ChatMessage,
    Event,
    Piece,
    Status,
    Text,
)
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, BadInput
from tui.domain.samplers import Samplers


async def test_busy_servers_are_asked_again_with_a_countdown(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    told = await told_by(
        scripted_server,
        backend,
        answer({"error": {"message": "slow down"}}, "429 Too Many Requests", Retry_After="1"),
        answer({"detail": {"msg": "Server is busy"}}, "503 Service Unavailable", Retry_After="0"),
        play(SSE, chat_chunk("Here."), chat_chunk("", "stop")),
    )
    assert (told.text, told.finish.reason) == ("Here.", "stop")
    assert any("slow down" in s and "1 of 3" in s for s in told.statuses)


async def test_after_three_tries_the_refusal_is_told(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await told_by(
        scripted_server, backend, answer({"error": "busy"}, "503 Service Unavailable", Retry_After="0")
    )
    assert told.finish.reason == "error"
    assert len(scripted_server.asked("/v1/chat/completions")) == 4


@pytest.mark.parametrize("body", [{"error": {"message": "no", "code": "insufficient_quota"}}, {"error": "in an hour"}])
async def test_hopeless_refusals_are_not_repeated(
    scripted_server: ScriptedServer,
    backend: RemoteBackend,
    body: dict[str, Any],
) -> None:
    told = await told_by(scripted_server, backend, answer(body, "429 Too Many Requests", Retry_After="3600"))
    assert told.finish.reason == "error"
    assert len(scripted_server.asked("/v1/chat/completions")) == 1


async def test_nothing_is_repeated_after_text(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    error = event({"error": {"message": "overloaded", "code": 503}})
    await told_by(
        scripted_server, backend, play(SSE, chat_chunk("Once"), error), play(SSE, chat_chunk("twice", "stop"))
    )
    assert len(scripted_server.asked("/v1/chat/completions")) == 1


async def test_a_countdown_can_be_cut_short(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(CHAT, answer({"error": "busy"}, "503 Service Unavailable", Retry_After="60"))
    events: list[Event] = []
    async with asyncio.timeout(2):
        async for said in backend.complete(request()):
            events.append(said)
            if isinstance(said, Status):
                await backend.abort("r1")
    assert Told(events).finish.reason == "cut"


async def test_a_setting_that_the_server_names_is_left_out(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    refusal = {
        "error": {"message": "Unsupported parameter", "param": "presence_penalty", "type": "invalid_request_error"}
    }
    told = await told_by(
        scripted_server,
        backend,
        answer(refusal, "400 Bad Request"),
        play(SSE, chat_chunk("Fine.", "stop")),
        samplers=Samplers(presence_penalty=0.5),
    )
    assert told.text == "Fine."
    assert "presence_penalty" in told.finish.dropped
    first, second = scripted_server.asked("/v1/chat/completions")
    assert "presence_penalty" in first.json
    assert "presence_penalty" not in second.json


async def test_redirects_are_not_followed(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    moved = answer("", "307 Temporary Redirect", Location="http://evil.example/v1/chat/completions")
    told = await told_by(scripted_server, backend, moved)
    assert told.finish.reason == "error"
    assert "evil.example" in told.error
    assert len(scripted_server.asked("/v1/chat/completions")) == 1


async def test_the_servers_stop_strings_are_watched_here_too(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    told = await told_by(
        scripted_server,
        backend,
        play(SSE, chat_chunk("Yes.\nAl"), chat_chunk("ex: and"), STALL),
        stop=("a", "b", "c", "d", "\nAlex:")[4:],
    )
    assert (told.text, told.finish.reason, told.finish.stop_string) == ("Yes.", "stop", "\nAlex:")


async def test_closing_the_iterator_hangs_up(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(CHAT, play(SSE, chat_chunk("Once"), STALL))
    stream = backend.complete(request())
    assert isinstance(await anext(stream), Text)
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(scripted_server.hung_up.wait(), 2)


async def test_abort_from_another_task(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(CHAT, play(SSE, chat_chunk("Once\n"), STALL))
    events: list[Event] = []
    async with asyncio.timeout(2):
        async for said in backend.complete(request(stop=("\n\n",))):
            events.append(said)
            if isinstance(said, Text):
                await backend.abort("another")
                await backend.abort("r1")
        await scripted_server.hung_up.wait()
    told = Told(events)
    assert (told.text, told.finish.reason, told.finish.error) == ("Once\n", "cut", None)


async def test_one_request_at_a_time(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    under_way = 0
    most = 0

    async def count(_request: object, line: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        await line.send(SSE + chat_chunk("One.", "stop"))

    scripted_server.on(CHAT, count)
    other = RemoteBackend(Endpoint(scripted_server.url + "/v1"))
    told = await asyncio.gather(tell(backend), tell(backend, id="r2"), tell(other, id="r3"))
    await other.close()
    assert [t.text for t in told] == ["One."] * 3
    assert most == 1


async def test_a_key_is_sent_and_never_shown(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, "Hello.")
    scripted_server.on(CHAT, answer({"error": {"message": "Invalid key sk-very-secret"}}, "401 Unauthorized"))
    endpoint = Endpoint(scripted_server.url, api_key="sk-very-secret\n")
    backend = RemoteBackend(endpoint)
    told = await tell(backend)
    await backend.close()
    assert told.kind == "key_refused"
    assert scripted_server.asked("/v1/chat/completions")[0].headers["authorization"] == "Bearer sk-very-secret"
    assert "secret" not in repr(endpoint) + told.error + repr(told.finish) + repr(backend)


def test_a_key_that_no_header_can_carry() -> None:
    with pytest.raises(BadInput, match="key"):
        open_backend(Endpoint("localhost:1", api_key="sk-пароль"))


async def test_text_mode_sends_one_prompt_whose_content_opens_no_turn(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, owner="vllm", context=2048)
    scripted_server.on(
        "POST /v1/completions", play(SSE, text_chunk("Hello."), text_chunk("", "stop"), b"data: [DONE]\n\n")
    )
    backend = RemoteBackend(Endpoint(scripted_server.url, body={"seed": 3, "top_k": None}))
    pieces = (Piece("<|im_start|>user\n", markup=True), Piece("Hi <|im_start|>system"))
    told = await tell(backend, pieces=pieces, bos="<s>")
    await backend.close()
    sent = scripted_server.asked("/v1/completions")[0].json
    assert told.text == "Hello."
    assert sent["prompt"] == "<|im_start|>user\nHi <\u2060|im_start|>system"
    assert sent["seed"] == 3
    assert "top_k" not in sent


async def test_a_started_reply_is_handed_over_in_chat_mode(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, "on.", owner="vllm")
    backend = RemoteBackend(Endpoint(scripted_server.url, mode="chat"))
    assert (await backend.capabilities()).prefill
    messages = (ChatMessage("user", "Hi."), ChatMessage("assistant", "Once up"))
    told = await tell(backend, messages=messages, prefill="Once up")
    await backend.close()
    sent = scripted_server.asked("/v1/chat/completions")[0].json
    assert told.text == "on."
    assert sent["messages"][-1] == {"role": "assistant", "content": "Once up"}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


async def test_a_dead_server_is_told_and_looked_at_anew(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    await tell(backend)
    port = scripted_server.port
    await scripted_server.stop()
    gone = await tell(backend)
    assert (gone.finish.reason, gone.kind) == ("error", "unreachable")
    assert f"Nothing listens at http://127.0.0.1:{port}" in gone.error
    with pytest.raises(BackendError, match="Nothing listens"):
        await backend.capabilities()
    await scripted_server.start(port)
    assert (await tell(backend)).text == "Hello."


async def test_a_server_that_loads_is_waited_for(
    scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.backends.retry.LOADING_WAIT", 0.05)
    as_openai(scripted_server, "Hello.", owner="llamacpp")
    loading = answer({"error": {"message": "Loading model", "code": 503}}, "503 Service Unavailable")
    ready = answer({"default_generation_settings": {"n_ctx": 512}})
    scripted_server.on("GET /props", loading, loading, ready)
    done = event({"content": "Hello.", "stop": True, "stop_type": "eos"})
    scripted_server.on("POST /completion", loading, play(SSE, done))
    backend = RemoteBackend(Endpoint(scripted_server.url))
    told = await tell(backend)
    await backend.close()
    assert (told.text, told.finish.reason) == ("Hello.", "stop")
    assert len([s for s in told.statuses if "still loading" in s]) == 3


async def test_counting_does_not_disturb_a_server_that_does_one_thing_at_a_time(
    scripted_server: ScriptedServer,
) -> None:
    as_openai(scripted_server, owner="me")
    scripted_server.on("POST /extras/tokenize/count", answer({"count": 1}), answer({"count": 1}), answer({"count": 9}))
    scripted_server.on("POST /v1/completions", play(SSE, text_chunk("Once"), 0.2, text_chunk(" more", "stop")))
    backend = RemoteBackend(Endpoint(scripted_server.url))
    await backend.capabilities()
    asked = len(scripted_server.asked("/extras/tokenize/count"))
    async for said in backend.complete(request()):
        if isinstance(said, Text):
            assert (await backend.count_tokens([[Piece("some words to count")]]))[0] > 0
            assert len(scripted_server.asked("/extras/tokenize/count")) == asked
    assert await backend.count_tokens([[Piece("some words to count")]]) == [8]
    await backend.close()


async def test_an_estimate_learns_from_the_servers_figures(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    long = "слово " * 200
    before = (await backend.count_tokens([[Piece(long)]]))[0]
    usage = event({"choices": [], "usage": {"prompt_tokens": before * 2, "completion_tokens": 1}})
    told = play(SSE, chat_chunk("Yes."), chat_chunk("", "stop"), usage, b"data: [DONE]\n\n")
    await told_by(scripted_server, backend, told, messages=(ChatMessage("user", long),))
    after = (await backend.count_tokens([[Piece(long)]]))[0]
    assert before * 1.4 < after <= before * 2


async def test_looking_at_a_server_that_writes_does_not_end_the_reply(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, owner="me")
    scripted_server.on("POST /v1/completions", play(SSE, text_chunk("Once"), 0.2, text_chunk(" more", "stop")))
    backend = RemoteBackend(Endpoint(scripted_server.url))
    texts = []
    async for said in backend.complete(request()):
        if isinstance(said, Text):
            texts.append(said.text)
            asked = len(scripted_server.requests)
            assert (await probe(Endpoint(scripted_server.url))).dialect == "llama_cpp_python"
            assert len(scripted_server.requests) == asked
    await backend.close()
    assert texts == ["Once", " more"]


async def test_markers_that_only_this_model_knows_are_found_by_asking(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, owner="llamacpp")

    async def tokenize(asked: Request, line: Line) -> None:
        marker = r"(<custom>)" if asked.json.get("parse_special") else "(custom)"
        parts = re.split(marker, asked.json["content"])
        await answer({"tokens": [{"id": 1, "piece": part} for part in parts if part]})(asked, line)

    scripted_server.on("GET /props", answer({"default_generation_settings": {"n_ctx": 512}}))
    scripted_server.on("POST /tokenize", tokenize)
    scripted_server.on("POST /completion", play(SSE, event({"content": "Yes.", "stop": True, "stop_type": "eos"})))
    backend = RemoteBackend(Endpoint(scripted_server.url))
    await tell(backend, pieces=(Piece("<custom>", markup=True), Piece("I say <custom> and [sic].")))
    await backend.close()
    sent = scripted_server.asked("/completion")[0].json
    assert sent["prompt"] == "<custom>I say <\u2060custom> and [sic]."


async def test_the_environments_proxy_is_for_others_not_for_this_machine(
    scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_openai(scripted_server, "Hello.")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    backend = RemoteBackend(Endpoint(scripted_server.url))
    assert (await tell(backend)).text == "Hello."
    await backend.close()
    monkeypatch.setenv("http_proxy", scripted_server.url)
    monkeypatch.setenv("no_proxy", "")
    scripted_server.on("GET http://far.example/v1/models", answer({"data": [{"id": "m", "owned_by": "acme"}]}))
    assert (await probe(Endpoint("http://far.example"))).model == "m"


async def test_the_seed_is_known_afterwards(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, "Hello.", owner="vllm")
    backend = RemoteBackend(Endpoint(scripted_server.url))
    drawn = (await tell(backend)).finish.seed
    chosen = (await tell(backend, samplers=Samplers(seed=5))).finish.seed
    await backend.close()
    assert [r.json["seed"] for r in scripted_server.asked("/v1/completions")] == [drawn, 5]
    assert chosen == 5


@pytest.mark.parametrize("steps", range(6))
async def test_abort_at_any_early_moment_ends_the_reply(
    scripted_server: ScriptedServer, backend: RemoteBackend, steps: int
) -> None:
    scripted_server.on(CHAT, play(SSE, STALL))
    reply = asyncio.create_task(tell(backend))
    while not backend._runs:
        await asyncio.sleep(0)
    for _ in range(steps * steps):
        await asyncio.sleep(0)
    await backend.abort("r1")
    await backend.abort("r1")
    told = await asyncio.wait_for(reply, 2)
    assert (told.text, told.finish.reason, told.finish.error) == ("", "cut", None)


def test_a_gate_of_a_loop_that_is_gone_keeps_nobody_out() -> None:
    """The number of a loop that is gone is soon that of another; the gates that it left shut are no one else's."""
    left: list[Gate] = []

    async def leave_shut() -> bool:
        gate = gate_of("http://127.0.0.1:9")
        fresh = not gate.locked()
        await gate.acquire()
        left.append(gate)
        return fresh

    assert all(asyncio.run(leave_shut()) for _ in range(50))
    assert len(set(map(id, left))) == 50
