"""Who answers at an address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import STALL, ScriptedServer, answer, as_koboldcpp, as_openai, play

from tui.backends.address import parse_address
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, BadInput

PROPS = {
    "default_generation_settings": {"n_ctx": 2048},
    "model_alias": "/m/Nice.Model.gguf",
    "chat_template": "{{x}}\0",
}


def models(owner: str, **more: Any) -> Any:
    return answer({"object": "list", "data": [{"id": "m1", "owned_by": owner, **more}]})


@pytest.mark.parametrize(
    ("given", "root", "api"),
    [
        ("localhost:5001", "http://localhost:5001", "http://localhost:5001/v1"),
        ("http://localhost:5001/api/v1/", "http://localhost:5001", "http://localhost:5001/api/v1"),
        ("192.168.1.5:8080/v1/chat/completions", "http://192.168.1.5:8080", "http://192.168.1.5:8080/v1"),
        ("[::1]:8080", "http://[::1]:8080", "http://[::1]:8080/v1"),
        ("openrouter.ai", "https://openrouter.ai", "https://openrouter.ai/api/v1"),
        ("https://example.org/llm/v1", "https://example.org/llm", "https://example.org/llm/v1"),
        ("https://example.org/llm", "https://example.org/llm", "https://example.org/llm/v1"),
        ("pi.local", "http://pi.local", "http://pi.local/v1"),
    ],
)
def test_addresses_as_people_type_them(given: str, root: str, api: str) -> None:
    address = parse_address(given)
    assert (address.root, address.api) == (root, api)


@pytest.mark.parametrize("given", ["", "  ", "ftp://x", "http://", "http://a b", "http://x:99999", "http://[x", "a\nb"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(BadInput):
        parse_address(given)


def test_a_password_in_the_address_is_not_shown() -> None:
    assert parse_address("https://me:secret@example.org/v1").shown == "https://example.org"


async def test_koboldcpp_and_those_who_imitate_it(scripted_server: ScriptedServer) -> None:
    as_koboldcpp(scripted_server)
    assert (await probe(Endpoint(scripted_server.url))).dialect == "koboldcpp"
    scripted_server.on("GET /api/v1/model", answer({"result": "tabbyAPI/m"}))
    assert (await probe(Endpoint(scripted_server.url))).dialect == "tabby"
    scripted_server.on("GET /api/v1/model", answer({"result": "aphrodite/m"}))
    assert (await probe(Endpoint(scripted_server.url))).dialect == "aphrodite"
    scripted_server.on("GET /api/v1/model", answer({"result": "m"}))
    scripted_server.on("GET /.well-known/serviceinfo", answer({"software": {"name": "TabbyAPI"}}))
    assert (await probe(Endpoint(scripted_server.url))).dialect == "tabby"


async def test_llama_server_by_its_properties(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET /props", answer(PROPS, Server="llama.cpp"))
    scripted_server.on("GET /v1/models", models("llamacpp", meta={"n_ctx": 2048, "n_ctx_train": 8192}))
    scripted_server.on("POST /tokenize", answer({"tokens": []}))
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.model, found.context_length) == ("llamacpp", "Nice.Model", 2048)
    assert found.chat_template == "{{x}}"
    assert (found.capabilities.trained_context, found.capabilities.adds_bos) == (8192, False)


@pytest.mark.parametrize(
    ("owner", "dialect", "mode"),
    [
        ("vllm", "vllm", "text"),
        ("me", "llama_cpp_python", "text"),
        ("sglang", "sglang", "text"),
        ("acme", "openai", "chat"),
    ],
)
async def test_by_the_owner_of_the_models(scripted_server: ScriptedServer, owner: str, dialect: str, mode: str) -> None:
    scripted_server.on("GET /v1/models", models(owner, max_model_len=3072))
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.model, found.context_length) == (dialect, "m1", 3072)
    assert found.capabilities.text_completion == (mode == "text") != found.capabilities.chat_completion
    json.dumps(found.to_json())


async def test_text_generation_webui_and_lm_studio(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET /v1/models", models("organization_owner"))
    scripted_server.on(
        "GET /api/v0/models", answer({"data": [{"id": "big", "state": "loaded", "loaded_context_length": 512}]})
    )
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.model, found.context_length) == ("lmstudio", "big", 512)
    scripted_server.on("GET /v1/models", models("user"))
    scripted_server.on(
        "GET /v1/internal/model/info", answer({"model_name": "own", "loader": "llama.cpp", "lora_names": []})
    )
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.model, found.context_length) == ("textgen", "own", None)
    assert any("does not tell its context" in str(n) for n in found.capabilities.notices)


async def test_answering_200_to_everything_proves_nothing(scripted_server: ScriptedServer) -> None:
    for path in (
        "/api/extra/version",
        "/props",
        "/.well-known/serviceinfo",
        "/v1/models",
        "/models",
        "/api/version",
        "/v1/internal/model/info",
        "/",
    ):
        scripted_server.on(f"GET {path}", answer({"error": "Unexpected endpoint"}))
    with pytest.raises(BackendError, match="not as a language model's server"):
        await probe(Endpoint(scripted_server.url))


async def test_wrong_shapes_everywhere_are_survived(scripted_server: ScriptedServer) -> None:
    for junk in ([], "x", 7, {"data": [7, {"id": ["x"]}]}, {"result": {}, "software": [], "data": {}}, "[" * 100_000):
        for path in ("/api/extra/version", "/props", "/.well-known/serviceinfo", "/v1/models", "/api/version"):
            scripted_server.on(f"GET {path}", answer(junk))
        try:
            found = await probe(Endpoint(scripted_server.url))
            assert found.dialect == "openai"
        except BackendError:
            pass


async def test_names_from_strangers_are_cleaned(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, model="\x1b]0;evil\x07mo\u202edel" + "x" * 500)
    found = await probe(Endpoint(scripted_server.url))
    assert found.model.startswith("mo<U+202E>del")
    assert len(found.model) <= 120


async def test_a_loading_server_says_so(scripted_server: ScriptedServer) -> None:
    loading = answer(
        {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, "503 Service Unavailable"
    )
    scripted_server.on("GET /props", loading)
    found = await probe(Endpoint(scripted_server.url))
    assert found.dialect == "llamacpp"
    assert "still loading" in str(found.problem)


async def test_a_key_is_missing_or_wrong(scripted_server: ScriptedServer) -> None:
    refusal = {"error": {"message": "Invalid API Key", "type": "authentication_error", "code": 401}}
    scripted_server.on("GET /props", answer(refusal, "401 Unauthorized", Server="llama.cpp"))
    scripted_server.on("GET /v1/models", answer(refusal, "401 Unauthorized"))
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.auth) == ("llamacpp", "needed")
    found = await probe(Endpoint(scripted_server.url, api_key="wrong"))
    assert found.auth == "refused"
    assert "wrong" not in json.dumps(found.to_json())
    scripted_server.on("GET /props", answer({}, "404 Not Found"))
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.auth) == ("openai", "needed")
    with pytest.raises(BackendError, match="needs a key"):
        await RemoteBackend(Endpoint(scripted_server.url)).capabilities()


async def test_redirects_name_the_place_and_are_not_followed(scripted_server: ScriptedServer) -> None:
    moved = answer("", "301 Moved Permanently", Location="https://elsewhere.example/")
    scripted_server.on("GET /api/extra/version", moved)
    with pytest.raises(BackendError, match=r"elsewhere\.example"):
        await probe(Endpoint(scripted_server.url, api_key="k"))


async def test_giant_answers_and_slow_drips_end(
    scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    scripted_server.on("GET /api/extra/version", play(head, *[b"[" * (1 << 20)] * 10))
    with pytest.raises(BackendError, match="without end"):
        await probe(Endpoint(scripted_server.url))
    monkeypatch.setattr("tui.backends.probe.PROBE_SECONDS", 0.5)
    scripted_server.on("GET /api/extra/version", play(head, *[b" ", 0.05] * 100, STALL))
    with pytest.raises(BackendError, match="too long"):
        await probe(Endpoint(scripted_server.url))


async def test_the_owners_context_counts_but_not_beyond_the_servers(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, owner="vllm", context=2048)
    smaller = await probe(Endpoint(scripted_server.url, context_length=1000))
    assert smaller.context_length == 1000
    larger = await probe(Endpoint(scripted_server.url, context_length=9000))
    assert larger.context_length == 2048
    assert any("2048" in str(n) for n in larger.capabilities.notices)


async def test_a_kind_chosen_by_hand(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, owner="vllm")
    assert (await probe(Endpoint(scripted_server.url, kind="openai"))).dialect == "openai"
    with pytest.raises(BadInput, match="no kind of server"):
        await probe(Endpoint(scripted_server.url, kind="nonsense"))  # type: ignore[arg-type]
