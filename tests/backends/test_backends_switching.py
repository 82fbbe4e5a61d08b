"""Models of KoboldCpp, Ollama, LM Studio and text-generation-webui: listed, loaded, taken out, each in its own words;
and what these servers tell of themselves beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from scripted import Line, Request, ScriptedServer, answer, as_koboldcpp, as_openai
from told import tell

from tui.backends.patience import Limits
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError

Open = Callable[..., RemoteBackend]
UNKNOWN = answer({"error": "Unexpected endpoint or method. (GET /x)"})


@pytest.fixture
async def connect(scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    monkeypatch.setattr("tui.backends.koboldcpp.RELOAD_PAUSE", 0.01)
    opened: list[RemoteBackend] = []

    def make(**given: Any) -> RemoteBackend:
        opened.append(RemoteBackend(Endpoint(scripted_server.url, **given), limits=Limits(poll=0.01)))
        return opened[-1]

    yield make
    for backend in opened:
        await backend.close()


async def states(backend: RemoteBackend) -> dict[str, str]:
    return {model.id: model.state for model in await backend.models()}


def as_ollama(server: ScriptedServer) -> None:
    listed = [{"name": "big:70b", "size": 40 << 30, "details": {"quantization_level": "Q4_0"}}, {"name": "small:1b"}]
    server.on("GET /", answer("Ollama is running", content_type="Content-Type: text/plain"))
    server.on("GET /api/version", answer({"version": "0.13.5"}))
    server.on("GET /api/tags", answer({"models": listed}))
    server.on("GET /api/ps", answer({"models": [{"name": "small:1b", "context_length": 4096, "size_vram": 5}]}))
    server.on("POST /api/show", answer({}))
    server.on("POST /api/generate", answer({"response": "", "done": True, "done_reason": "load"}))


async def test_ollama(scripted_server: ScriptedServer, connect: Open) -> None:
    as_ollama(scripted_server)
    backend = connect(context_length=12000)
    assert await states(backend) == {"big:70b": "unloaded", "small:1b": "loaded"}
    models = {model.id: model for model in await backend.models()}
    assert (models["small:1b"].context, models["big:70b"].details["size"]) == (4096, 40 << 30)
    told: list[str] = []

    async def hear(status: Status) -> None:
        told.append(str(status.notice))

    await backend.load_model("big:70b", hear)
    loaded = scripted_server.asked("/api/generate")[-1].json
    assert (loaded["model"], loaded["options"]["num_ctx"], loaded.get("prompt", "")) == ("big:70b", 12000, "")
    assert told[:1] == [f"{backend.address.shown} is loading big:70b."]
    await backend.unload_model("big:70b")
    assert scripted_server.asked("/api/generate")[-1].json["keep_alive"] == 0
    scripted_server.on("POST /api/generate", answer({"error": "model requires more system memory"}, "500 Oops"))
    with pytest.raises(BackendError, match="more system memory"):
        await backend.load_model("big:70b")


NEW_LIST = {"models": [
    {"type": "llm", "key": "acme/big", "architecture": "llama", "quantization": {"name": "Q4_K_M"},
     "size_bytes": 9 << 30, "max_context_length": 131072, "capabilities": {"vision": True},
     "loaded_instances": [{"id": "acme/big:2", "config": {"context_length": 6000}}]},
    {"type": "llm", "key": "acme/small", "max_context_length": 4096, "loaded_instances": []},
    {"type": "embedding", "key": "embed", "loaded_instances": []},
]}


async def test_lm_studio(scripted_server: ScriptedServer, connect: Open) -> None:
    scripted_server.otherwise = UNKNOWN
    scripted_server.on("GET /api/v1/models", answer(NEW_LIST))
    scripted_server.on("GET /v1/models", answer({"data": [{"id": "acme/big", "owned_by": "organization_owner"}]}))
    backend = connect(context_length=3000)
    found = await backend.capabilities()
    assert (found.dialect, found.model, found.images) == ("lmstudio", "acme/big:2", False)
    assert any("takes pictures only in chats" in str(n) for n in found.notices)
    assert (await connect(mode="chat").capabilities()).images
    assert (found.context_length, found.trained_context) == (3000, 131072)
    assert await states(backend) == {"acme/big": "loaded", "acme/small": "unloaded"}
    scripted_server.on("POST /api/v1/models/load", answer({"type": "llm", "instance_id": "acme/small",
                                                           "status": "loaded"}))
    await backend.load_model("acme/small")
    assert scripted_server.asked("/api/v1/models/load")[0].json == {"model": "acme/small", "context_length": 3000}
    scripted_server.on("POST /api/v1/models/unload", answer({"instance_id": "acme/big:2"}))
    await backend.unload_model("acme/big")
    assert scripted_server.asked("/api/v1/models/unload")[0].json == {"instance_id": "acme/big:2"}


@pytest.mark.parametrize(("route", "listed"), [
    ("/api/v1/models", {"models": [
        {"type": "embedding", "key": "embed", "loaded_instances": [{"id": "embed"}]},
        {"type": "llm", "key": "small", "loaded_instances": []}]}),
    ("/api/v0/models", {"data": [
        {"id": "embed", "type": "embeddings", "state": "loaded"},
        {"id": "small", "type": "llm", "state": "not-loaded"}]}),
])
async def test_lm_studio_is_not_asked_to_write_with_a_model_for_vectors(
    scripted_server: ScriptedServer, connect: Open, route: str, listed: Any
) -> None:
    scripted_server.otherwise = UNKNOWN
    scripted_server.on(f"GET {route}", answer(listed))
    owned = [{"id": name, "owned_by": "organization_owner"} for name in ("embed", "small")]
    scripted_server.on("GET /v1/models", answer({"data": owned}))
    backend = connect()
    found = await backend.capabilities()
    assert (found.model, found.details["send_model"]) == ("small", "small")
    assert any("will load small" in str(n) for n in found.notices)
    assert await states(backend) == {"small": "unloaded"}


async def test_an_older_lm_studio_says_200_to_loading_and_does_not(
    scripted_server: ScriptedServer, connect: Open
) -> None:
    scripted_server.otherwise = UNKNOWN
    older = [{"id": "big", "type": "vlm", "state": "not-loaded", "max_context_length": 8192},
             {"id": "small", "type": "llm", "state": "loaded", "loaded_context_length": 2048}]
    scripted_server.on("GET /api/v0/models", answer({"data": older}))
    assert (await probe(Endpoint(scripted_server.url))).dialect == "lmstudio"
    backend = connect()
    assert (await backend.capabilities()).context_length == 2048
    with pytest.raises(BackendError, match="does not load or unload models when asked: “Unexpected endpoint"):
        await backend.load_model("big")
    chosen = connect(model="big")
    found = await chosen.capabilities()
    assert (found.context_length, found.trained_context) == (None, 8192)
    assert any("will load big when it is first asked" in str(n) for n in found.notices)


async def test_a_model_that_lm_studio_loads_for_the_first_request_is_said(
    scripted_server: ScriptedServer, connect: Open
) -> None:
    as_openai(scripted_server, "Here.", owner="organization_owner", model="big")
    older = {"data": [{"id": "big", "type": "llm", "state": "not-loaded", "max_context_length": 8192}]}
    scripted_server.on("GET /api/v0/models", answer(older))
    quick = scripted_server.routes["POST /v1/completions"][0]

    async def slow(request: Request, line: Line) -> None:
        before = len(scripted_server.asked("/api/v0/models"))
        while len(scripted_server.asked("/api/v0/models")) < before + 2 and not line.gone.is_set():
            await asyncio.sleep(0.005)
        await quick(request, line)

    scripted_server.on("POST /v1/completions", slow)
    backend = connect(model="big")
    told = await tell(backend)
    assert (told.text, told.statuses) == ("Here.", [f"{backend.address.shown} is loading big."])


def as_admin(server: ScriptedServer, refuse: bool = False) -> None:
    """KoboldCpp with --admin: a reload takes it away for a moment, and another model answers then."""
    as_koboldcpp(server, model="old")
    server.on("GET /api/admin/list_options", answer(["big.kcpps", "old.gguf", "unload_model"]))

    async def reload(request: Request, line: Line) -> None:
        name = request.json["filename"]
        gone = answer("", "502 Bad Gateway")
        model = "inactive" if name == "unload_model" else f"koboldcpp/{name.partition('.')[0]}"
        server.on("GET /api/v1/model", answer({"result": "koboldcpp/old"}), gone, answer({"result": model}))
        await answer({"success": True})(request, line)

    server.on("POST /api/admin/reload_config", answer({"success": False}) if refuse else reload)


async def test_koboldcpp(scripted_server: ScriptedServer, connect: Open) -> None:
    as_admin(scripted_server)
    backend = connect()
    assert await states(backend) == {"old": "loaded", "big.kcpps": "unloaded", "old.gguf": "unloaded"}
    await backend.load_model("big.kcpps")
    assert (await backend.capabilities()).model == "big"
    assert [r.json for r in scripted_server.asked("/api/admin/reload_config")] == [{"filename": "big.kcpps"}]
    as_admin(scripted_server)
    await backend.unload_model()
    assert scripted_server.asked("/api/admin/reload_config")[-1].json == {"filename": "unload_model"}


async def test_koboldcpp_without_its_administrator(scripted_server: ScriptedServer, connect: Open) -> None:
    as_admin(scripted_server, refuse=True)
    scripted_server.on("GET /api/admin/list_options", answer([]))
    backend = connect()
    assert await states(backend) == {"old": "loaded"}
    with pytest.raises(BackendError, match="--admin and --admindir"):
        await backend.load_model("big.kcpps")
    scripted_server.on("POST /api/admin/reload_config", answer({"detail": "no"}, "401 Unauthorized"))
    with pytest.raises(BackendError, match="needs a key"):
        await backend.load_model("big.kcpps")


def as_textgen(server: ScriptedServer, name: str = "own", loader: str = "llama.cpp") -> None:
    as_openai(server, "Here.", owner="user")
    server.on("GET /v1/internal/model/info", answer({"model_name": name, "lora_names": [], "loader": loader}))


async def test_text_generation_webui(scripted_server: ScriptedServer, connect: Open) -> None:
    as_textgen(scripted_server)
    backend = connect(context_length=4096)
    assert await states(backend) == {"own": "loaded"}                      # without the admin key it tells no list
    scripted_server.on("GET /v1/internal/model/list", answer({"model_names": ["None", "own", "big"]}))
    assert await states(backend) == {"own": "loaded", "big": "unloaded"}
    scripted_server.on("POST /v1/internal/model/load", answer("OK"))
    await backend.load_model("big")
    sent = scripted_server.asked("/v1/internal/model/load")[0].json
    assert (sent["model_name"], sent["args"]) == ("big", {"ctx_size": 4096})
    scripted_server.on("POST /v1/internal/model/unload", answer({"detail": "Unauthorized"}, "401 Unauthorized"))
    with pytest.raises(BackendError, match="only for its admin key"):
        await backend.unload_model()


async def test_its_loader_says_which_samplers_work(scripted_server: ScriptedServer, connect: Open) -> None:
    as_textgen(scripted_server, loader="ExLlamav3")
    found = await connect().capabilities()
    assert (found.model, found.details["loader"]) == ("own", "ExLlamav3")
    assert "xtc_probability" not in found.samplers
    as_textgen(scripted_server)
    assert "xtc_probability" in (await connect().capabilities()).samplers


async def test_text_generation_webui_without_a_model_or_under_another_name(
    scripted_server: ScriptedServer, connect: Open
) -> None:
    as_textgen(scripted_server, name="None")
    assert any("has no model loaded" in str(n) for n in (await connect().capabilities()).notices)
    scripted_server.routes.clear()
    plain = "Content-Type: text/plain"
    scripted_server.otherwise = answer("Invalid host header", "400 Bad Request", content_type=plain)
    found = await probe(Endpoint(scripted_server.url))
    assert found.dialect == "textgen"
    assert "--listen" in str(found.problem)


@pytest.mark.parametrize("junk", [[], 7, "x", None, {"models": 7, "data": 7, "model_names": 7}, {"models": [7, {}]}])
async def test_junk_for_a_list(scripted_server: ScriptedServer, connect: Open, junk: Any) -> None:
    as_ollama(scripted_server)
    for path in ("/api/tags", "/api/ps"):
        scripted_server.on(f"GET {path}", answer(junk))
    assert await connect(kind="ollama").models() == ()
    for path in ("/api/v1/models", "/api/v0/models"):
        scripted_server.on(f"GET {path}", answer(junk))
    assert await connect(kind="lmstudio").models() == ()
    for path in ("/v1/internal/model/info", "/v1/internal/model/list"):
        scripted_server.on(f"GET {path}", answer(junk))
    assert await connect(kind="textgen").models() == ()
    for path in ("/api/v1/model", "/api/admin/list_options", "/api/extra/true_max_context_length"):
        scripted_server.on(f"GET {path}", answer(junk))
    assert await connect(kind="koboldcpp").models() == ()
