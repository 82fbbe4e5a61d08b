"""llama-server as a router of several models, TabbyAPI's models, and lists of those who have no more than a list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from dialects import VOICES
from scripted import SSE, Line, Request, ScriptedServer, answer, event, play
from told import tell

from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError

Open = Callable[..., RemoteBackend]


@pytest.fixture
async def connect(scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    monkeypatch.setattr("tui.backends.llamaserver.POLL_SECONDS", 0.01)
    opened: list[RemoteBackend] = []

    def make(**given: Any) -> RemoteBackend:
        opened.append(RemoteBackend(Endpoint(scripted_server.url, **given)))
        return opened[-1]

    yield make
    for backend in opened:
        await backend.close()


class Router:
    """A llama-server that was started without a model. Loading takes until it was asked about twice."""

    def __init__(self, server: ScriptedServer, **states: str) -> None:
        self.server, self.states, self.left = server, dict(states), 0
        server.on("GET /props", answer({"role": "router", "n_ctx": 0}, Server="llama.cpp"))
        server.on("GET /models", self.listed)
        server.on("GET /v1/models", self.listed)
        for name in states:
            server.on(f"GET /props?model={name}", answer({
                "default_generation_settings": {"n_ctx": 2048 if name == "one" else 4096}, "build_info": "b9",
                "chat_template": f"{{# {name} #}}", "modalities": {"vision": name == "two"}, "total_slots": 1}))
        server.on("POST /models/load", self.load)
        server.on("POST /models/unload", self.unload)
        server.on("POST /tokenize", self.needs_model({"tokens": [1]}))
        server.on("POST /completion", self.reply)

    async def listed(self, request: Request, line: Line) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                self.states = {n: "loaded" if s == "loading" else s for n, s in self.states.items()}
        data = [{"id": n, "status": {"value": s}} for n, s in self.states.items()]
        await answer({"data": data})(request, line)

    async def load(self, request: Request, line: Line) -> None:
        self.states[request.json["model"]], self.left = "loading", 2
        await answer({"success": True})(request, line)

    async def unload(self, request: Request, line: Line) -> None:
        self.states[request.json["model"]] = "unloaded"
        await answer({"success": True})(request, line)

    def needs_model(self, told: Any) -> Any:
        async def handler(request: Request, line: Line) -> None:
            named = request.json.get("model") in self.states
            error = {"error": {"code": 400, "message": "model name is missing from the request"}}
            await (answer(told) if named else answer(error, "400 Bad Request"))(request, line)

        return handler

    async def reply(self, request: Request, line: Line) -> None:
        text = f"I am {request.json['model']}."
        await play(SSE, event({"content": text, "stop": False}),
                   event({"content": "", "stop": True, "stop_type": "eos"}))(request, line)


async def test_a_router_of_which_no_model_is_chosen_tells_which_it_has(
    scripted_server: ScriptedServer, connect: Open,
) -> None:
    Router(scripted_server, one="unloaded", two="unloaded")
    found = await probe(Endpoint(scripted_server.url))
    assert found.problem is not None
    assert (found.dialect, found.models, found.problem.details["kind"]) == ("llamacpp", ("one", "two"), "model_needed")
    assert "for example: one, two" in str(found.problem)
    backend = connect()
    told = await tell(backend)
    assert (told.kind, told.finish.error and told.finish.error.details["models"]) == ("model_needed", ["one", "two"])
    assert [(m.id, m.state) for m in await backend.models()] == [("one", "unloaded"), ("two", "unloaded")]


async def test_a_router_loads_the_model_of_the_endpoint_and_is_asked_by_its_name(
    scripted_server: ScriptedServer, connect: Open,
) -> None:
    router = Router(scripted_server, one="unloaded", two="loaded")
    backend = connect(model="one")
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("I am one.", "stop")
    assert any("is loading one" in said for said in told.statuses)
    known = await backend.capabilities()
    assert (known.model, known.context_length, known.chat_template, known.images, known.switch) == (
        "one", 2048, "{# one #}", False, True)
    assert await backend.count_tokens([told.finish.usage and ()]) == [0]
    assert all(r.json["model"] == "one" for r in scripted_server.asked("/tokenize"))
    assert router.states == {"one": "loaded", "two": "loaded"}


async def test_a_router_changes_its_model(scripted_server: ScriptedServer, connect: Open) -> None:
    router = Router(scripted_server, one="loaded", two="unloaded")
    backend, heard = connect(), list[str]()
    assert (await tell(backend)).text == "I am one."               # the only one that is loaded

    async def hear(status: Status) -> None:
        heard.append(str(status.notice))

    await backend.load_model("two", hear)
    assert (await tell(backend)).text == "I am two."
    assert (await backend.capabilities()).context_length == 4096
    assert any("is loading two" in said for said in heard)
    await backend.unload_model("one")
    assert router.states == {"one": "unloaded", "two": "loaded"}
    with pytest.raises(BackendError, match="has no model three"):
        await connect(model="three").capabilities()


async def test_a_model_that_cannot_be_loaded(scripted_server: ScriptedServer, connect: Open) -> None:
    Router(scripted_server, one="unloaded")
    failed = {"data": [{"id": "one", "status": {"value": "unloaded", "failed": True, "exit_code": 1}}]}
    scripted_server.on("POST /models/load", answer({"success": True}))
    scripted_server.on("GET /models", answer(failed))
    with pytest.raises(BackendError, match="could not load one"):
        await connect().load_model("one")


def as_tabby(server: ScriptedServer, *, admin: bool = True) -> None:
    voice = next(v for v in VOICES if v.name == "tabby")
    voice.install(server)
    server.on("GET /v1/auth/permission", answer({"permission": "admin" if admin else "api"}))
    server.on("GET /v1/model/list", answer({"data": [{"id": "scripted"}, {"id": "other"}]}))


async def test_tabby_loads_with_progress(scripted_server: ScriptedServer, connect: Open) -> None:
    as_tabby(scripted_server)
    steps = [{"model_type": "model", "module": n, "modules": 4, "status": "processing"} for n in (1, 4)]
    done = {"model_type": "model", "module": 4, "modules": 4, "status": "finished"}
    scripted_server.on("POST /v1/model/load", play(SSE, *(event(s, "\r\n") for s in (*steps, done))))
    scripted_server.on("POST /v1/model/unload", answer({}))
    backend, heard = connect(context_length=1500), list[float | None]()
    assert [(m.id, m.state) for m in await backend.models()] == [("scripted", "loaded"), ("other", "unloaded")]
    assert (await backend.capabilities()).switch

    async def hear(status: Status) -> None:
        heard.append(status.fraction)

    await backend.load_model("other", hear)
    assert scripted_server.asked("/v1/model/load")[0].json == {"model_name": "other", "max_seq_len": 1500}
    assert heard == [0.25, 1.0, 1.0]
    await backend.unload_model()
    assert scripted_server.asked("/v1/model/unload")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (play(SSE, event({"error": {"message": "Out of memory.", "trace": "…"}})),
         "could not load other.*Out of memory"),
        (play(SSE, event({"module": 1, "modules": 4, "status": "processing"})), "could not load other"),
        (answer({"detail": "Invalid key"}, "401 Unauthorized"), "only its administrator"),
        (play(SSE, b"x" * (3 << 20)), "answer without end"),
    ],
)
async def test_tabby_refuses_or_fails(scripted_server: ScriptedServer, connect: Open, reply: Any, said: str) -> None:
    as_tabby(scripted_server, admin=False)
    scripted_server.on("POST /v1/model/load", reply)
    with pytest.raises(BackendError, match=said):
        await connect().load_model("other")


async def test_tabby_without_a_model(scripted_server: ScriptedServer) -> None:
    as_tabby(scripted_server)
    scripted_server.on("GET /v1/model", answer({"detail": "No models are currently loaded."}, "400 Bad Request"))
    found = await probe(Endpoint(scripted_server.url))
    assert (found.dialect, found.models) == ("tabby", ("scripted", "other"))
    assert found.problem is not None
    assert found.problem.details["kind"] == "model_needed"


@pytest.mark.parametrize("name", ["vllm", "sglang", "openrouter", "mistral", "llama_cpp_python", "openai"])
async def test_who_has_only_a_list(scripted_server: ScriptedServer, name: str) -> None:
    voice = next(v for v in VOICES if v.name == name)
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    models = await backend.models()
    assert [m.id for m in models] == ["scripted"]
    assert models[0].state == ("loaded" if name in ("vllm", "sglang") else "unknown")
    assert models[0].context == (2048 if name in ("vllm", "sglang", "openrouter", "mistral") else None)
    assert json.dumps([m.to_json() for m in models])
    with pytest.raises(BackendError, match="loads and unloads no models"):
        await backend.unload_model("scripted")
    await backend.close()


async def test_sglang_tells_itself_on_its_own_routes(scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET /v1/models", answer({"data": [{"id": "m", "owned_by": "someone"}]}))
    scripted_server.on("GET /model_info", answer({
        "model_path": "acme/big", "is_generation": True, "has_image_understanding": True}))
    scripted_server.on("GET /server_info", answer({
        "version": "0.5.23", "context_length": 9000, "served_model_name": "big", "max_running_requests": 8,
        "max_total_num_tokens": 50000}))
    found = await probe(Endpoint(scripted_server.url))
    known = found.capabilities
    assert (found.dialect, found.model, found.version, found.context_length) == ("sglang", "big", "0.5.23", 9000)
    assert (known.images, known.details["slots"], known.details["memory_tokens"]) == (False, 8, 50000)  # only in chats


async def test_a_server_that_changed_its_model_is_looked_at_anew(scripted_server: ScriptedServer) -> None:
    def listed(name: str) -> Any:
        return answer({"data": [{"id": name, "owned_by": "vllm", "max_model_len": 2048}]})

    async def reply(request: Request, line: Line) -> None:
        if request.json["model"] == "old":
            gone = {"error": {"message": "The model `old` does not exist.", "code": 404}}
            await answer(gone, "404 Not Found")(request, line)
        else:
            await voice.reply("Yes.")(request, line)

    voice = next(v for v in VOICES if v.name == "vllm")
    voice.install(scripted_server, reply)
    scripted_server.on("GET /v1/models", listed("old"))
    backend = RemoteBackend(Endpoint(scripted_server.url))
    assert (await backend.capabilities()).model == "old"
    assert (await tell(backend)).kind == "status"                  # it is the same as before: no second attempt
    assert len(scripted_server.asked(voice.path)) == 1
    await backend.capabilities()
    scripted_server.on("GET /v1/models", listed("new"))
    assert (await tell(backend, id="r2")).text == "Yes."
    await backend.close()
