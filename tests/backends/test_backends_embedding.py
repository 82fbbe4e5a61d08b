"""Vectors from servers: each one's route and shape, normalised, in order, with sentences where there are none."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import Line, Request, ScriptedServer, answer

from tui.backends.embedding import RemoteEmbedder
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, BadInput


def vector(text: str) -> list[float]:
    return [float(len(text)), 3.0, 4.0]


def shaped(kind: str) -> Any:
    """A handler that answers in the shape of a kind of server."""

    async def handler(request: Request, line: Line) -> None:
        texts = request.json["content" if kind == "own" else "input"]
        if kind == "ollama":
            data: Any = {"model": "m", "embeddings": [vector(text) for text in texts]}
        elif kind == "own":
            data = [{"index": n, "embedding": [vector(text)]} for n, text in enumerate(texts)]
        else:                                      # OpenAI's, and not in order
            data = {"data": [{"index": n, "embedding": vector(text)} for n, text in reversed(list(enumerate(texts)))]}
        await answer(data)(request, line)

    return handler


@pytest.mark.parametrize(("kind", "route"), [
    ("openai", "POST /v1/embeddings"), ("ollama", "POST /api/embed"), ("own", "POST /embedding"),
])
async def test_each_route_is_found(scripted_server: ScriptedServer, kind: str, route: str) -> None:
    scripted_server.on(route, shaped(kind))
    embedder = RemoteEmbedder(Endpoint(scripted_server.url, model="m"))
    try:
        texts = [f"text {'x' * n}" for n in range(70)]          # more than go at once
        found = await embedder.embed(texts)
        assert len(found) == 70
        assert all(abs(sum(x * x for x in row) - 1) < 1e-9 for row in found)
        assert found[5][0] / found[5][1] == pytest.approx(len(texts[5]) / 3)
        asked = len(scripted_server.requests)
        await embedder.embed(["again"])
        assert len(scripted_server.requests) == asked + 1, "the route is remembered"
        if kind != "own":
            assert scripted_server.requests[-1].json["model"] == "m"
    finally:
        await embedder.close()


@pytest.mark.parametrize("data", [
    {"data": []}, {"data": [{"embedding": [0, 0]}]}, {"data": [{"embedding": "x"}]}, {"data": [{"embedding": [True]}]},
    {"embeddings": None}, [], "no", {"data": [{"embedding": [1e400, 1]}]},
])
async def test_strange_answers_are_refused(scripted_server: ScriptedServer, data: Any) -> None:
    scripted_server.on("POST /v1/embeddings", answer(data))
    embedder = RemoteEmbedder(Endpoint(scripted_server.url))
    try:
        with pytest.raises(BackendError) as refused:
            await embedder.embed(["x"])
        assert refused.value.remedy is not None
        with pytest.raises(BadInput):
            await embedder.embed([""])
    finally:
        await embedder.close()


async def test_a_wrong_key_is_told_as_such(scripted_server: ScriptedServer) -> None:
    scripted_server.on("POST /v1/embeddings", answer({"error": "no sk-secret"}, "401 Unauthorized"))
    embedder = RemoteEmbedder(Endpoint(scripted_server.url, api_key="sk-secret"))
    try:
        with pytest.raises(BackendError) as refused:
            await embedder.embed(["x"])
        assert "sk-secret" not in str(refused.value)
        assert "key" in str(refused.value.what)
    finally:
        await embedder.close()
