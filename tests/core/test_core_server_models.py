"""Models of a server, listed and changed over by the calls of the API."""

from __future__ import annotations

from typing import Any

import pytest
from core_table import Table
from scripted import Line, Request, ScriptedServer, answer, as_openai, text_chunk

from tui.core.backend_spec import choice_of, with_choice
from tui.domain.errors import BackendError, BadInput


async def use_public(table: Table, server: ScriptedServer, model: str = "") -> None:
    """A server of vLLM's kind that has two models; each reply says which one was asked for."""
    as_openai(server, "Hello.", owner="vllm", context=2048)
    data = [{"id": name, "owned_by": "vllm", "max_model_len": 2048} for name in ("acme/big", "acme/small")]
    server.on("GET /v1/models", answer({"data": data}))

    async def reply(request: Request, line: Line) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        await line.send(text_chunk(f"I am {request.json['model']}.") + text_chunk("", "stop"))

    server.on("POST /v1/completions", reply)
    await table.call("connection.use", kind="vllm", url=server.url, model=model, template="chatml")


async def test_models_are_listed_and_changed_over(table: Table, scripted_server: ScriptedServer) -> None:
    await use_public(table, scripted_server)
    listed = (await table.call("connection.models"))["models"]
    assert [(m["id"], m["state"], m["context"]) for m in listed] == [
        ("acme/big", "loaded", 2048), ("acme/small", "loaded", 2048)]
    got = await table.call("connection.load_model", model="small")
    assert (got["model"], got["connection"]["model"]) == ("acme/small", "acme/small")
    chat = await table.new_chat()
    node, done = await table.say(chat, "Who are you?")
    assert done["error"] is None
    assert (await table.node(chat, node))["revisions"][0]["text"].endswith("I am acme/small.")
    used = {m["id"]: m["used"] for m in (await table.call("connection.models"))["models"]}
    assert used == {"acme/big": False, "acme/small": True}


async def test_a_name_that_could_be_two_is_asked_about(table: Table, scripted_server: ScriptedServer) -> None:
    await use_public(table, scripted_server)
    with pytest.raises(BadInput, match="could be"):
        await table.call("connection.load_model", model="ACME")
    with pytest.raises(BadInput):
        await table.call("connection.load_model", model=" ")
    with pytest.raises(BackendError, match="loads and unloads no models"):
        await table.call("connection.unload_model", model="big")


async def test_the_engine_inside_is_no_server(table: Table) -> None:
    await table.call("profiles.use", id="starter")
    with pytest.raises(BadInput, match="no server"):
        await table.call("connection.models")


@pytest.mark.parametrize("change", [{"url": "http://b"}, {"model": "other"}, {"kind": "embedded"}])
def test_a_choice_holds_only_for_the_server_it_was_made_at(change: dict[str, Any]) -> None:
    spec = {"kind": "auto", "url": "http://a", "model": "own"}
    choice = choice_of(spec, "chosen")
    assert with_choice(spec, choice)["model"] == "chosen"
    assert with_choice({**spec, **change}, choice) == {**spec, **change}
    assert with_choice(spec, "") == spec
