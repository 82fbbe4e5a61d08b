"""Public services and what they want of a chat: orders of roles, started replies, samplers by model, thoughts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dialects import VOICES, Voice
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import SSE, ScriptedServer, answer, chat_chunk, event, play
from told import CHAT, request, tell

from tui.backends.address import parse_address
from tui.backends.calls import Target, write_call
from tui.backends.describe import describe
from tui.backends.echo import Echo
from tui.backends.http import Answer, Http
from tui.backends.remote import RemoteBackend
from tui.backends.roles import ALTERNATING, DUMMY, GO_ON, RoleRules, arranged, wanted_rules
from tui.backends.services import dialect_at
from tui.backends.windows import known_model
from tui.domain.backend import Capabilities, ChatMessage, Image
from tui.domain.endpoint import Endpoint
from tui.domain.samplers import Samplers

STARTED = (ChatMessage("user", "Hi."), ChatMessage("assistant", "And so"))
ROLES = st.lists(
    st.tuples(st.sampled_from(["system", "user", "assistant"]), st.sampled_from(["a", "b", ""])), max_size=8)


def voice_of(name: str) -> Voice:
    return next(v for v in VOICES if v.name == name)


def messages(*roles: str) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(role, str(at)) for at, role in enumerate(roles))


def told_as(found: tuple[ChatMessage, ...]) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in found]


@pytest.mark.parametrize(
    ("given_url", "root", "api", "label"),
    [
        ("api.openai.com", "https://api.openai.com", "https://api.openai.com/v1", "OpenAI"),
        ("api.groq.com", "https://api.groq.com", "https://api.groq.com/openai/v1", "Groq"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai", "https://api.groq.com/openai/v1", "Groq"),
        ("generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com",
         "https://generativelanguage.googleapis.com/v1beta/openai", "Google Gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "https://generativelanguage.googleapis.com",
         "https://generativelanguage.googleapis.com/v1beta/openai", "Google Gemini"),
        ("nano-gpt.com", "https://nano-gpt.com", "https://nano-gpt.com/api/v1", "NanoGPT"),
        ("api.x.ai/v1", "https://api.x.ai", "https://api.x.ai/v1", "xAI"),
    ],
)
def test_services_are_known_by_their_hosts(given_url: str, root: str, api: str, label: str) -> None:
    address = parse_address(given_url)
    assert (address.root, address.api, dialect_at("openai", address.host).label) == (root, api, label)


def target_at(host: str, model: str, *, kind: str = "openai", **known: Any) -> Target:
    address = parse_address(host)
    dialect = dialect_at(kind, address.host)
    facts = {"text_completion": False, "chat_completion": True, "prefill": bool(dialect.prefill), **known}
    return Target(Endpoint(host, model=model), address, dialect, Capabilities(dialect.name, **facts))


def body_for(target: Target, **changes: Any) -> tuple[str, dict[str, Any]]:
    call, _ = write_call(request(**changes), target)
    return call.url, dict(call.body)


def test_each_service_goes_on_with_a_started_reply_in_its_own_way() -> None:
    def sent(host: str, kind: str = "openai") -> tuple[str, list[dict[str, Any]]]:
        url, body = body_for(target_at(host, "m", kind=kind), messages=STARTED, prefill="And so")
        return url, body["messages"]

    start = {"role": "assistant", "content": "And so"}
    assert sent("api.moonshot.ai")[1][-1] == {**start, "partial": True}
    assert sent("api.groq.com")[1][-1] == start
    assert sent("api.mistral.ai", "mistral")[1][-1] == {**start, "prefix": True}
    assert sent("api.deepseek.com", "deepseek") == (
        "https://api.deepseek.com/beta/chat/completions",
        [{"role": "user", "content": "Hi."}, {**start, "prefix": True}])
    assert sent("api.openai.com")[1][-2:] == [start, {"role": "user", "content": GO_ON}]
    plain, _ = body_for(target_at("api.deepseek.com", "m", kind="deepseek"))
    assert plain == "https://api.deepseek.com/v1/chat/completions"


async def described(host: str, model: str, kind: str = "openai") -> Capabilities:
    async def get(path: str) -> Answer:
        return Answer(200, {}, {"data": [{"id": model}]}, "")

    endpoint = Endpoint(host, model=model)
    address = parse_address(host)
    http = Http(endpoint, address)
    found, _ = await describe(get, http, dialect_at(kind, address.host), endpoint)
    await http.close()
    return found


@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5.2", "gpt-5-mini-2026-01-01"])
async def test_openai_models_that_think_get_no_samplers_but_developers(model: str) -> None:
    known = await described("api.openai.com", model)
    target = Target(Endpoint("api.openai.com", model=model), parse_address("api.openai.com"),
                    dialect_at("openai", "api.openai.com"), known)
    _, body = body_for(target, samplers=Samplers(temperature=1.2, top_p=0.9, stop=("#",)), stop=("\nYou:",),
                       messages=messages("system", "user"))
    assert set(body) == {"model", "messages", "stream", "stream_options", "max_completion_tokens"}
    assert [m["role"] for m in body["messages"]] == ["developer", "user"]
    assert "temperature" not in known.samplers
    assert known.context_length in (200000, 400000)


async def test_other_openai_models_keep_theirs() -> None:
    known = await described("api.openai.com", "gpt-4o-mini")
    assert "temperature" in known.samplers
    assert known.images
    assert (known.context_length, known.details.get("developer")) == (128000, None)


def test_a_file_of_ones_own_tells_of_other_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tui.paths.config_dir", lambda: tmp_path)
    assert known_model("api.openai.com", "gpt-9").context is None
    (tmp_path / "presets" / "services").mkdir(parents=True)
    own = tmp_path / "presets" / "services" / "windows.yaml"
    own.write_text("api.openai.com:\n  gpt-9: {context: 9000000, thinks: true}\n  1: [\n")
    assert known_model("api.openai.com", "gpt-9").context is None      # broken: it tells nothing
    own.write_text("api.openai.com:\n  gpt-9: {context: 9000000, thinks: true}\n  1: 2\n")
    assert known_model("api.openai.com", "gpt-9-mini").thinks
    assert known_model("api.openai.com", "gpt-4o").context == 128000


def card(**more: Any) -> Any:
    return answer({"data": [{"id": "acme/m", "context_length": 9000, **more}]})


async def test_openrouter_sends_what_the_model_takes_and_tells_the_rest(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET /api/v1/models", card(
        supported_parameters=["temperature", "top_k", "max_tokens", "reasoning"],
        architecture={"input_modalities": ["text", "image"]}, pricing={"prompt": "0.1", "completion": "0.2"},
        top_provider={"context_length": 8000, "max_completion_tokens": 500}))
    scripted_server.on("POST /api/v1/chat/completions", play(
        SSE, b": OPENROUTER PROCESSING\n\n",
        event({"choices": [{"delta": {"reasoning_details": [
            {"type": "reasoning.summary", "summary": "Hm"}, {"type": "reasoning.encrypted", "data": "x"}]}}]}),
        event({"choices": [{"delta": {"reasoning": "m.", "reasoning_details": [{"text": "m."}]}}]}),
        chat_chunk("Hello."), chat_chunk("", "stop"),
        event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.0012}}),
        b"data: [DONE]\n\n"))
    backend = RemoteBackend(Endpoint(
        scripted_server.url + "/api/v1", kind="openrouter", model="acme/m", api_key="k",
        body={"provider": {"order": ["acme"]}}, headers={"HTTP-Referer": "https://example.org/me"}))
    samplers = Samplers(temperature=1.3, top_k=40, min_p=0.1, repetition_penalty=1.2)
    picture = Image("p1", "image/png", b"png")
    told = await tell(backend, samplers=samplers, images=(picture,),
                      messages=(ChatMessage("user", "See.", images=("p1",)),))
    known = await backend.capabilities()
    await backend.close()
    sent = scripted_server.asked("/api/v1/chat/completions")[0]
    assert (sent.json["temperature"], sent.json["top_k"], sent.json["provider"]) == (1.3, 40, {"order": ["acme"]})
    assert not {"min_p", "repetition_penalty", "transforms"} & {k for k, v in sent.json.items() if v}
    assert sent.json["messages"][0]["content"][0]["type"] == "image_url"
    assert (sent.headers["x-title"], sent.headers["http-referer"]) == ("Traktir", "https://example.org/me")
    assert {"min_p", "repetition_penalty"} <= set(told.finish.dropped)
    assert (told.text, told.thoughts, told.finish.usage.cost) == ("Hello.", "Hmm.", 0.0012)
    assert (known.context_length, known.images, known.details["price"]["prompt"]) == (8000, True, "0.1")


async def test_mistral_says_the_start_again_and_thinks_in_chunks(scripted_server: ScriptedServer) -> None:
    voice = voice_of("mistral")
    voice.install(scripted_server, play(
        SSE, voice.thinks("Hm."), *(chat_chunk(part) for part in ("An", "d s", "o it", " began.")),
        chat_chunk("", "stop"), b"data: [DONE]\n\n"))
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    told = await tell(backend, messages=STARTED, prefill="And so", samplers=Samplers(seed=7))
    await backend.close()
    sent = scripted_server.asked(voice.path)[0].json
    assert (told.text, told.thoughts, sent["random_seed"]) == (" it began.", "Hm.", 7)


ORDERS = [
    ("llamacpp", "Conversation roles must alternate user/assistant/user/assistant/...",
     ["system", "user", "assistant", "user"]),
    ("vllm", "System message must be at the beginning.", ["system", "user", "assistant", "user"]),
    ("openai", "Developer instruction is not enabled for models/gemma", ["user", "assistant", "user"]),
    ("openai", "System role not supported", ["user", "assistant", "user"]),
]


@pytest.mark.parametrize(("name", "said", "roles"), ORDERS)
async def test_row_27_an_order_of_roles_is_learnt_and_kept(
    scripted_server: ScriptedServer, name: str, said: str, roles: list[str],
) -> None:
    voice = voice_of(name)
    voice.install(scripted_server)
    refusal = answer({"error": {"message": said, "code": 400}}, "400 Bad Request")
    scripted_server.on(CHAT, refusal, voice_of("openai").reply("Yes."))
    backend = RemoteBackend(voice.endpoint(scripted_server.url, mode="chat"))
    given_messages = messages("system", "system", "assistant", "user", "system", "user")
    told = await tell(backend, messages=given_messages)
    again = await tell(backend, id="r2", messages=given_messages)
    await backend.close()
    sent = [[m["role"] for m in r.json["messages"]] for r in scripted_server.asked("/v1/chat/completions")]
    assert (told.text, again.text, len(sent)) == ("Yes.", "Yes.", 3)
    assert sent[0] == [m.role for m in given_messages]
    assert sent[1] == sent[2]
    assert len(sent[1]) < len(sent[0])
    assert [r for r in sent[1] if r == "system"] == [r for r in roles if r == "system"]
    assert any("they were rearranged" in str(n) for n in told.finish.notices)
    assert not any("they were rearranged" in str(n) for n in again.finish.notices)


async def test_row_27_a_refusal_that_teaches_nothing_new_is_told(scripted_server: ScriptedServer) -> None:
    voice = voice_of("vllm")
    voice.install(scripted_server)
    scripted_server.on(CHAT, answer({"error": {"message": "roles must alternate", "code": 400}}, "400 Bad Request"))
    backend = RemoteBackend(voice.endpoint(scripted_server.url, mode="chat"))
    told = await tell(backend, messages=messages("user", "user"))
    await backend.close()
    assert (told.finish.reason, len(scripted_server.asked("/v1/chat/completions"))) == ("error", 2)


async def test_row_27_mistral_gets_its_order_at_once(scripted_server: ScriptedServer) -> None:
    voice = voice_of("mistral")
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    await tell(backend, messages=messages("system", "assistant", "user", "user", "assistant"))
    await backend.close()
    sent = scripted_server.asked(voice.path)[0].json["messages"]
    assert [(m["role"], m["content"]) for m in sent] == [
        ("system", "0"), ("user", DUMMY), ("assistant", "1"), ("user", "2\n\n3"), ("assistant", "4"), ("user", DUMMY)]


async def test_row_24_a_start_that_is_refused_is_asked_for_in_words(scripted_server: ScriptedServer) -> None:
    voice = voice_of("openrouter")
    voice.install(scripted_server)
    said = "This model does not support assistant message prefill. The conversation must end with a user message."
    scripted_server.on(voice.route, answer({"error": {"message": said, "code": 400}}, "400 Bad Request"),
                       voice.reply("And so it was."))
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    told = await tell(backend, messages=STARTED, prefill="And so")
    await backend.close()
    assert (told.text, told.finish.reason) == (" it was.", "stop")
    assert scripted_server.asked(voice.path)[1].json["messages"][-1]["content"] == GO_ON
    assert "was asked to in words" in str(told.finish.notices[-1])


async def test_row_24_a_template_that_refuses_twice_is_run_before(scripted_server: ScriptedServer) -> None:
    voice = voice_of("llamacpp")
    voice.install(scripted_server)
    said = "Assistant response prefill is incompatible with enable_thinking."
    scripted_server.on(CHAT, answer({"error": {"message": said, "code": 400}}, "400 Bad Request"))
    scripted_server.on("POST /apply-template", answer({"prompt": "<u>Hi.</u><a>"}))
    backend = RemoteBackend(voice.endpoint(scripted_server.url, mode="chat"))
    told = await tell(backend, messages=STARTED, prefill="And so")
    await backend.close()
    assert (told.text, told.finish.reason) == ("Hello.", "stop")
    assert scripted_server.asked("/apply-template")[0].json["messages"] == [{"role": "user", "content": "Hi."}]
    assert scripted_server.asked("/completion")[0].json["prompt"] == "<u>Hi.</u><a>And so"


async def test_deepseek_sends_blank_lines_before_an_answer_in_one_piece(scripted_server: ScriptedServer) -> None:
    voice = voice_of("deepseek")
    document = {"choices": [{"message": {"content": "Hello.", "reasoning_content": "Hm."}, "finish_reason": "stop"}]}
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    voice.install(scripted_server, play(head, b"\n\n", 0.01, b"\n", json.dumps(document).encode()))
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    told = await tell(backend)
    await backend.close()
    assert (told.text, told.thoughts, told.finish.reason) == ("Hello.", "Hm.", "stop")


@given(ROLES, st.booleans())
@settings(derandomize=True, max_examples=150)
def test_an_alternating_order_loses_no_word(given_roles: list[tuple[str, str]], started: bool) -> None:
    before = tuple(ChatMessage(role, text) for role, text in given_roles)
    after = arranged(before, ALTERNATING, started)
    roles = [m.role for m in after]
    assert all(a != b for a, b in pairwise(roles))
    assert "system" not in roles[1:]
    assert [r for r in roles if r != "system"][:1] in ([], ["user"])
    words = [m.content for m in before if m.content]
    assert [w for m in after for w in m.content.split("\n\n") if w not in ("", DUMMY)] == words
    assert arranged(after, ALTERNATING, started) == after


def test_neighbours_of_different_speakers_lose_their_names() -> None:
    both = (ChatMessage("user", "a", "Ann"), ChatMessage("user", "b", "Bob"))
    assert arranged(both, RoleRules(alternate=True), False) == (ChatMessage("user", "a\n\nb"),)


@pytest.mark.parametrize("said", ["temperature is too high", "the system is overloaded", "unknown model"])
def test_words_about_something_else_teach_nothing(said: str) -> None:
    assert wanted_rules(said) == RoleRules()


@given(st.text(max_size=8), st.text(max_size=12), st.lists(st.integers(1, 4), max_size=12))
@settings(derandomize=True, max_examples=200)
def test_an_echo_is_taken_off_however_it_is_cut(start: str, rest: str, cuts: list[int]) -> None:
    def through(text: str) -> str:
        echo, out, at = Echo(start), "", 0
        for size in cuts:
            out += echo.feed(text[at:at + size])
            at += size
        return out + echo.feed(text[at:]) + echo.close()

    bare = start.strip()
    if bare and not rest.lstrip().startswith(bare):
        assert through(bare + rest) == rest
    if not bare or not rest.lstrip().startswith(bare):
        assert through(rest) == rest
