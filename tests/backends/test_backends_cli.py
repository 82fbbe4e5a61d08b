"""`traktir probe`: what answers, what it can, its models, and loading another."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from dialects import VOICES
from scripted import SSE, ScriptedServer, answer, event, play

from tui.cli import main


@pytest.fixture
def tabby(scripted_server: ScriptedServer) -> ScriptedServer:
    next(v for v in VOICES if v.name == "tabby").install(scripted_server)
    scripted_server.on("GET /v1/model/list", answer({"data": [{"id": "scripted"}, {"id": "other"}]}))
    return scripted_server


async def run(capsys: pytest.CaptureFixture[str], *words: str, rc: int = 0) -> tuple[str, str]:
    assert await asyncio.to_thread(main, ["probe", *words]) == rc
    told = capsys.readouterr()
    return told.out, told.err


async def test_what_answers_and_what_it_can(tabby: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = await run(capsys, tabby.url)
    facts: dict[str, str] = {name: rest.strip() for name, _, rest in (line.partition(" ") for line in out.splitlines())}
    assert (facts["dialect"], facts["context_length"], facts["mode"], facts["prefill"]) == (
        "tabby", "2048", "text", "text")
    assert "exact_tokens" in facts["can"]
    assert "min_p" in facts["samplers"]


async def test_models_are_listed_and_loaded(tabby: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = await run(capsys, tabby.url, "--models", "--json")
    models: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert [(m["type"], m["id"], m["state"]) for m in models] == [
        ("model", "scripted", "loaded"), ("model", "other", "unloaded")]
    tabby.on("POST /v1/model/load", play(
        SSE, event({"model_type": "model", "module": 1, "modules": 4, "status": "processing"}),
        event({"model_type": "model", "module": 4, "modules": 4, "status": "finished"})))
    _, err = await run(capsys, tabby.url, "--load", "other")
    assert "is loading other. 25%" in err
    tabby.on("POST /v1/model/unload", answer({"detail": "No."}, "403 Forbidden"))
    _, err = await run(capsys, tabby.url, "--unload", "other", rc=1)
    assert "only its administrator" in err
