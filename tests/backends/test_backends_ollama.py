"""Ollama's own API, played: it cannot be installed by pip."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted import NDJSON, Line, Request, ScriptedServer, answer, as_koboldcpp, json_line, play
from told import Told, tell

from tui.backends.patience import Limits
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import Capabilities, ChatMessage, Image, Piece, Tokens
from tui.domain.endpoint import Endpoint
from tui.domain.samplers import Samplers

GENERATE, CHAT = "POST /api/generate", "POST /api/chat"
TEMPLATE = '{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}{{ if not $last }}<|im_end|>{{ end }}{{ end }}'
SHOW = {
    "template": TEMPLATE, "parameters": 'stop   "<|im_end|>"\nnum_ctx   6144\ntemperature 0.7',
    "details": {"family": "qwen2", "parameter_size": "7.6B", "quantization_level": "Q4_K_M"},
    "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768, "qwen2.vision": None},
    "capabilities": ["completion", "vision", "thinking"],
}


def reply(text: str = "Good evening.", **end: Any) -> Any:
    key = end.pop("key", "response")
    say = (lambda words: {"response": words}) if key == "response" else (lambda words: {"message": {"content": words}})
    last = {"done": True, "done_reason": "stop", "prompt_eval_count": 40, "eval_count": 5,
            "eval_duration": 100_000_000, **end}
    return play(NDJSON, json_line(say(text[:4]) | {"done": False}), json_line(say(text[4:]) | {"done": False}),
                json_line(say("") | last))


@pytest.fixture
def ollama(scripted_server: ScriptedServer) -> ScriptedServer:
    server = scripted_server
    server.on("GET /api/version", answer({"version": "0.13.5"}))
    server.on("GET /", answer("Ollama is running", content_type="Content-Type: text/plain"))
    server.on("GET /api/tags", answer({"models": [{"name": "other:1b"}, {"name": "mira:latest"}]}))
    cards = [{"id": name, "owned_by": "library"} for name in ("other:1b", "mira:latest")]
    server.on("GET /v1/models", answer({"data": cards}))
    server.on("GET /api/ps", answer({"models": []}))
    server.on("POST /api/show", answer(SHOW))
    server.on(GENERATE, reply())
    server.on(CHAT, reply(key="message"))
    return server


@pytest.fixture
async def backend(ollama: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    backend = RemoteBackend(Endpoint(ollama.url, model="mira"))
    yield backend
    await backend.close()


async def look(server: ScriptedServer, **given: Any) -> Capabilities:
    backend = RemoteBackend(Endpoint(server.url, **given))
    try:
        return await backend.capabilities()
    finally:
        await backend.close()


async def say(server: ScriptedServer, given: dict[str, Any], **changes: Any) -> tuple[Told, dict[str, Any]]:
    backend = RemoteBackend(Endpoint(server.url, **given))
    told = await tell(backend, **changes)
    await backend.close()
    sent: dict[str, Any] = next(r for r in reversed(server.requests) if r.path in ("/api/generate", "/api/chat")).json
    return told, sent


async def test_what_it_tells_of_itself(ollama: ScriptedServer) -> None:
    found = await look(ollama, model="mira")
    assert (found.dialect, found.model, found.version) == ("ollama", "mira", "0.13.5")
    assert (found.context_length, found.trained_context) == (6144, 32768)      # the first by its Modelfile
    assert (found.images, found.logprobs, found.text_completion, found.prefill) == (True, 20, True, True)
    assert found.chat_template == ""                                           # Go's language is not Jinja
    assert {"<|im_start|>", "<|im_end|>"} <= {*found.special_tokens}
    assert found.details["architecture"] == "qwen2"
    assert not any("does not list the model" in str(n) for n in found.notices)
    assert json.loads(ollama.asked("/api/show")[0].body) == {"model": "mira"}


async def test_which_context_is_asked_for_and_that_it_stays_the_same(ollama: ScriptedServer) -> None:
    """A changed num_ctx would load the model anew."""
    loaded = {"models": [{"model": "mira:latest", "context_length": 16384, "size_vram": 5 << 30, "size": 6 << 30}]}
    assert (await look(ollama, model="mira", context_length=9000)).context_length == 9000
    assert (await look(ollama, model="mira", context_length=90000)).context_length == 32768
    ollama.on("GET /api/ps", answer(loaded))
    found = await look(ollama, model="mira")
    assert (found.context_length, found.details["size_vram"], found.details["loaded"]) == (16384, 5 << 30, True)
    backend = RemoteBackend(Endpoint(ollama.url, model="mira"))
    for number, text in enumerate(("short", "long " * 500)):
        await tell(backend, id=str(number), pieces=(Piece(text),), max_tokens=10 + number)
    await backend.close()
    assert {r.json["options"]["num_ctx"] for r in ollama.asked("/api/generate")} == {16384}


async def test_a_guessed_context_is_said(ollama: ScriptedServer) -> None:
    ollama.on("POST /api/show", answer({**SHOW, "parameters": ""}))
    found = await look(ollama, model="mira")
    assert found.context_length == 8192
    assert any("asked for a context of 8192 tokens" in str(n) for n in found.notices)
    small = {"general.architecture": "x", "x.context_length": 2048}
    ollama.on("POST /api/show", answer({"model_info": small}))
    assert (await look(ollama, model="mira")).context_length == 2048


async def test_what_is_loaded_is_taken_where_no_model_is_named(ollama: ScriptedServer) -> None:
    assert (await look(ollama)).model == "other:1b"
    ollama.on("GET /api/ps", answer({"models": [{"name": "mira:latest", "context_length": 4096}]}))
    told, sent = await say(ollama, {})
    assert (told.text, sent["model"]) == ("Good evening.", "mira:latest")


async def test_a_model_for_vectors_is_not_taken_where_no_model_is_named(ollama: ScriptedServer) -> None:
    """Remembering by meaning loads one at the same server, and then it stands first."""
    async def shown(request: Request, line: Line) -> None:
        vectors = request.json["model"] == "embed:latest"
        await answer({"model_info": {}, "capabilities": ["embedding"]} if vectors else SHOW)(request, line)

    ollama.on("POST /api/show", shown)
    ollama.on("GET /api/ps", answer({"models": [{"name": "embed:latest", "context_length": 2048}]}))
    found = await look(ollama)
    assert (found.model, found.context_length, found.embeddings) == ("other:1b", 6144, False)
    assert (await look(ollama, model="embed:latest")).embeddings


async def test_a_reply_by_our_own_prompt(ollama: ScriptedServer) -> None:
    samplers = Samplers(temperature=1.2, min_p=0.1, repetition_penalty=1.1, top_k=40, dry_multiplier=0.8, seed=7)
    told, sent = await say(ollama, {"model": "mira"}, samplers=samplers, stop=("\nYou:",))
    assert (told.text, told.finish.reason, told.finish.seed) == ("Good evening.", "stop", 7)
    assert (told.finish.usage.prompt_tokens, told.finish.usage.completion_tokens) == (40, 5)
    assert told.finish.tokens_per_second == 50.0
    assert sent["prompt"] == "<|im_start|>user\nHi.<|im_end|>\n"
    assert (sent["raw"], sent["truncate"], sent["shift"], sent["stream"]) == (True, False, False, True)
    assert sent["keep_alive"]
    options = sent["options"]
    assert (options["temperature"], options["min_p"], options["repeat_penalty"]) == (1.2, 0.1, 1.1)
    assert (options["num_predict"], options["num_ctx"], options["stop"]) == (50, 6144, ["\nYou:"])
    assert "dry_multiplier" in told.finish.dropped


async def test_its_owner_adds_options(ollama: ScriptedServer) -> None:
    extra = {"options": {"num_gpu": 20, "num_predict": None}, "keep_alive": -1}
    _, sent = await say(ollama, {"model": "mira", "body": extra})
    assert (sent["options"]["num_gpu"], sent["keep_alive"], "num_predict" in sent["options"]) == (20, -1, False)
    assert sent["options"]["num_ctx"] == 6144


async def test_a_chat_with_thoughts(ollama: ScriptedServer) -> None:
    ollama.on(CHAT, play(
        NDJSON, json_line({"message": {"role": "assistant", "content": "", "thinking": "Let me think."}}),
        json_line({"message": {"role": "assistant", "content": "Yes."}}),
        json_line({"message": {"content": ""}, "done": True, "done_reason": "length"})))
    told, sent = await say(ollama, {"model": "mira", "mode": "chat"})
    assert (told.thoughts, told.text, told.finish.reason) == ("Let me think.", "Yes.", "length")
    assert (sent["think"], sent["messages"]) == (True, [{"role": "user", "content": "Hi."}])
    begun = (ChatMessage("user", "Hi."), ChatMessage("assistant", "And so"))
    _, sent = await say(ollama, {"model": "mira", "mode": "chat"}, messages=begun, prefill="And so")
    assert (sent["think"], sent["messages"][-1]["content"]) == (False, "And so")
    ollama.on("POST /api/show", answer({**SHOW, "capabilities": ["completion"], "template": "{{ .Prompt }}"}))
    _, sent = await say(ollama, {"model": "mira", "mode": "chat"})
    assert "think" not in sent
    assert not (await look(ollama, model="mira", mode="chat")).prefill


async def test_pictures_stand_where_the_prompt_names_them(ollama: ScriptedServer) -> None:
    image = Image("a" * 64, "image/png", b"\x89PNG picture")
    pieces = (Piece("See "), Piece("[a lamp]", image=image.id), Piece(" and not [img-0]."))
    _, sent = await say(ollama, {"model": "mira"}, pieces=pieces, images=(image,))
    assert sent["images"] == ["iVBORyBwaWN0dXJl"]
    assert sent["prompt"].startswith("See [img-0] and not ")
    assert sent["prompt"].count("[img-0]") == 1
    ollama.on("POST /api/show", answer({**SHOW, "capabilities": ["completion"]}))
    _, sent = await say(ollama, {"model": "mira"}, pieces=pieces, images=(image,))
    assert (sent["prompt"].startswith("See [a lamp] and not "), "images" in sent) == (True, False)
    ollama.on("POST /api/show", answer(SHOW))
    messages = (ChatMessage("user", "See?", images=(image.id,)),)
    _, sent = await say(ollama, {"model": "mira", "mode": "chat"}, messages=messages, images=(image,))
    assert sent["messages"] == [{"role": "user", "content": "See?", "images": ["iVBORyBwaWN0dXJl"]}]


async def test_tokens_with_their_rivals(ollama: ScriptedServer) -> None:
    def told_of(text: str, logprob: float) -> dict[str, Any]:
        top = [{"token": text, "logprob": logprob}, {"token": "No", "logprob": -2.0}]
        return {"response": text, "logprobs": [{"token": text, "logprob": logprob, "top_logprobs": top}]}

    ollama.on(GENERATE, play(NDJSON, json_line(told_of("Yes", -0.5)), json_line(told_of(".", -0.25)),
                             json_line({"response": "", "done": True, "done_reason": "stop"})))
    told, sent = await say(ollama, {"model": "mira"}, samplers=Samplers(logprobs=2))
    tokens = [t for e in told.events if isinstance(e, Tokens) for t in e.tokens]
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 2)
    assert "logprobs" not in sent["options"]
    assert [(t.text, t.logprob) for t in tokens] == [("Yes", -0.5), (".", -0.25)]
    assert "No" in [rival.text for rival in tokens[0].rivals]


@pytest.mark.parametrize("said", [
    "model 'mira' not found", "llama runner process has terminated: exit status 2", "unexpected EOF",
])
async def test_refusals_and_failures_in_the_stream(ollama: ScriptedServer, said: str) -> None:
    ollama.on(GENERATE, answer({"error": said}, "404 Not Found"))
    told, _ = await say(ollama, {"model": "mira"})
    assert (told.finish.reason, said in told.error) == ("error", True)
    ollama.on(GENERATE, play(NDJSON, json_line({"response": "Once"}), json_line({"error": said})))
    told, _ = await say(ollama, {"model": "mira"})
    assert (told.text, told.finish.reason, told.kind) == ("Once", "error", "in_stream")
    assert said in told.error


async def test_what_does_not_fit_is_an_error_and_not_cut_in_silence(ollama: ScriptedServer) -> None:
    ollama.on(GENERATE, answer({"error": "the input length exceeds the context length"}, "400 Bad Request"))
    told, _ = await say(ollama, {"model": "mira"})
    assert told.kind == "context"


async def test_an_older_version_that_cuts_is_found_out(ollama: ScriptedServer) -> None:
    ollama.on(GENERATE, reply(prompt_eval_count=2048))
    told, _ = await say(ollama, {"model": "mira"}, pieces=(Piece("A lamp by the door. " * 1500),))
    assert any("it read 2048 tokens, but about" in str(n) for n in told.finish.notices)


async def test_a_model_that_loads_is_said(ollama: ScriptedServer) -> None:
    """Its first request is silent for as long as that takes."""
    last = json_line({"response": "Here.", "done": True, "done_reason": "stop"})
    backend = RemoteBackend(Endpoint(ollama.url, model="mira"), limits=Limits(poll=0.01))

    async def slowly(asked: Any, line: Any) -> None:
        asked_before = len(ollama.asked("/api/ps"))
        for _ in range(2000):
            if len(ollama.asked("/api/ps")) > asked_before + 1:
                break
            await play(0.01)(asked, line)
        await play(NDJSON, last)(asked, line)

    ollama.on(GENERATE, slowly)
    told = await tell(backend)
    await backend.close()
    assert told.text == "Here."
    assert told.statuses == [f"{backend.address.shown} is loading mira."]


async def test_a_model_in_the_cloud_is_asked_by_chat(ollama: ScriptedServer) -> None:
    ollama.on("POST /api/show", answer({**SHOW, "remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com"}))
    told, sent = await say(ollama, {"model": "mira"})
    assert (told.text, "messages" in sent) == ("Good evening.", True)


async def test_junk_everywhere_is_survived(ollama: ScriptedServer) -> None:
    junk: tuple[Any, ...] = ([], 7, "x", None, {"models": [7, {"model": 3, "context_length": "many"}]},
                             {"model_info": [], "parameters": 5, "template": {}, "capabilities": [{}], "details": "x"})
    for made_up in junk:
        for route in ("GET /api/ps", "GET /api/tags", "POST /api/show"):
            ollama.on(route, answer(made_up))
        assert (await look(ollama, model="mira")).dialect == "ollama"
    lines = b'"x"\n[]\n{"response": 5}\nnot json\n{"message": []}\n' + json_line(
        {"response": "Yes.", "done": True, "eval_count": -1, "eval_duration": "x", "prompt_eval_count": 1e999})
    ollama.on(GENERATE, play(NDJSON, lines.replace(b"Infinity", b"1e999")))
    told, _ = await say(ollama, {"model": "mira"})
    assert (told.text, told.finish.reason) == ("Yes.", "stop")


async def test_who_is_ollama_and_who_imitates_it(ollama: ScriptedServer) -> None:
    async def kind() -> str:
        return (await probe(Endpoint(ollama.url))).dialect

    assert await kind() == "ollama"
    ollama.on("GET /v1/models", answer({"detail": "Not Found"}, "404 Not Found"))
    assert await kind() == "ollama"                                # by its front page, an old one too
    ollama.on("GET /v1/models", answer({"data": [{"id": "m", "owned_by": "sglang"}]}))
    assert await kind() == "sglang"
    as_koboldcpp(ollama)
    assert await kind() == "koboldcpp"


async def test_a_full_queue_is_waited_for(ollama: ScriptedServer) -> None:
    full = {"error": "server busy, please try again.  maximum pending requests exceeded"}
    ollama.on(GENERATE, answer(full, "503 Service Unavailable", Retry_After="0.02"), reply())
    told, _ = await say(ollama, {"model": "mira"})
    assert (told.text, len(told.statuses)) == ("Good evening.", 1)


async def test_a_model_that_is_not_there_is_named(ollama: ScriptedServer) -> None:
    ollama.on("POST /api/show", answer({"error": "model 'gone' not found"}, "404 Not Found"))
    found = await look(ollama, model="gone")
    assert any("does not list the model gone" in str(n) for n in found.notices)
    ollama.on(GENERATE, answer({"error": "model 'gone' not found"}, "404 Not Found"))
    told, _ = await say(ollama, {"model": "gone"})
    assert "model 'gone' not found" in told.error
