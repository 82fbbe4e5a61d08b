"""Counting: in batches where a server takes them, never by thousands of requests, and exact or said not to be."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted import Line, Request, ScriptedServer, answer, as_koboldcpp, as_openai

from tui.backends.connect import open_backend
from tui.backends.families import cache_class
from tui.backends.remote import RemoteBackend
from tui.backends.tokens import MAX_QUESTIONS
from tui.domain.backend import Backend, CompletionRequest, Piece
from tui.domain.endpoint import Endpoint
from tui.domain.samplers import Samplers

TEXTS = [f"Message {n}: the lamp by the door says {'x' * (n % 7)} once more, привет." for n in range(2000)]


def pieces(*texts: str) -> list[list[Piece]]:
    return [[Piece(t)] for t in texts]


@pytest.fixture(params=["xllamacpp_server", "llama_cpp_server"])
async def real(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    backend = open_backend(Endpoint(str(request.getfixturevalue(request.param))))
    yield backend
    await backend.close()


async def test_a_first_plan_of_two_thousand_messages_on_real_servers(real: Backend, starter: Any) -> None:
    """llama-server takes them in a few requests; llama-cpp-python's server some hundred, the rest another time."""
    llama_cpp = pytest.importorskip("llama_cpp")
    await real.capabilities()
    started = time.monotonic()
    counts = await real.exact_counts(pieces(*TEXTS))
    seconds = time.monotonic() - started
    vocabulary = llama_cpp.Llama(str(starter), vocab_only=True, verbose=False)
    expected = [len(vocabulary.tokenize(t.encode(), add_bos=False, special=True)) for t in TEXTS]
    vocabulary.close()
    known = [(n, e) for n, e in zip(counts, expected, strict=True) if n is not None]
    assert all(n == e for n, e in known)
    assert len(known) == (2000 if (await real.capabilities()).dialect == "llamacpp" else MAX_QUESTIONS)
    assert seconds < 20


async def test_nothing_is_asked_twice(scripted_server: ScriptedServer) -> None:
    as_koboldcpp(scripted_server)
    backend = RemoteBackend(Endpoint(scripted_server.url))
    first = await backend.exact_counts(pieces("one", "two", "one"))
    asked = len(scripted_server.asked("/api/extra/tokencount"))
    assert asked == 3                                               # two texts, and nothing at all for BOS
    assert await backend.exact_counts(pieces("two", "one", "")) == [first[1], first[0], 0]
    assert len(scripted_server.asked("/api/extra/tokencount")) == asked
    await backend.close()


async def test_what_was_not_asked_is_none_and_estimated_by_what_was(scripted_server: ScriptedServer) -> None:
    as_koboldcpp(scripted_server)
    backend = RemoteBackend(Endpoint(scripted_server.url))
    many = [f"{n} " + "words of the same kind, " * 12 for n in range(MAX_QUESTIONS + 44)]
    counts = await backend.exact_counts(pieces(*many))
    assert [n is None for n in counts] == [False] * MAX_QUESTIONS + [True] * 44
    await backend.exact_counts(pieces(*many))
    assert None not in await backend.exact_counts(pieces(*many))
    estimated = (await backend.count_tokens(pieces(*(t + "!" for t in many))))[-1]
    assert abs(estimated - len(many[-1]) / 4) < 8
    await backend.close()


def _llama_server(server: ScriptedServer, *, batches: bool) -> None:
    """As llama-server: a token for each word, `[text, -1, text, -1]` as one prompt where it knows how to."""

    async def tokenize(request: Request, line: Line) -> None:
        content = request.json["content"]
        if isinstance(content, list) and not batches:
            await answer({"error": {"message": "content must be a string"}}, "400 Bad Request")(request, line)
            return
        parts = content if isinstance(content, list) else [content]
        tokens = [t for p in parts for t in ([p] if isinstance(p, int) else range(len(p.split())))]
        await answer({"tokens": tokens})(request, line)

    server.on("GET /props", answer({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}))
    server.on("POST /tokenize", tokenize)


@pytest.mark.parametrize("batches", [True, False])
async def test_an_older_llama_server_is_asked_one_by_one(scripted_server: ScriptedServer, batches: bool) -> None:
    _llama_server(scripted_server, batches=batches)
    backend = RemoteBackend(Endpoint(scripted_server.url))
    await backend.capabilities()
    before = len(scripted_server.asked("/tokenize"))
    assert await backend.exact_counts(pieces("one", "two words", "", "now three words")) == [1, 2, 0, 3]
    assert len(scripted_server.asked("/tokenize")) - before == (1 if batches else 4)
    await backend.close()


async def _by_words(request: Request, line: Line, text: str, result: str, bos: int) -> None:
    asked = request.json[text]
    if isinstance(asked, list):
        await answer({result: [len(t.split()) + bos for t in asked]})(request, line)
    else:
        await answer({result: len(asked.split()) + bos})(request, line)


@pytest.mark.parametrize(
    ("kind", "path", "text", "result", "bos", "requests"),
    [
        ("tabby", "/v1/token/encode", "text", "length", 0, 3),
        ("textgen", "/v1/internal/token-count", "text", "length", 1, 4),
        ("sglang", "/tokenize", "prompt", "count", 0, 1),
        ("vllm", "/tokenize", "prompt", "count", 0, 3),
    ],
)
async def test_each_kind_of_server_is_asked_where_it_counts(
    scripted_server: ScriptedServer, kind: Any, path: str, text: str, result: str, bos: int, requests: int,
) -> None:
    async def count(request: Request, line: Line) -> None:
        await _by_words(request, line, text, result, bos)

    as_openai(scripted_server, "Hi.")
    scripted_server.on(f"POST {path}", count)
    backend = RemoteBackend(Endpoint(scripted_server.url, kind=kind))
    assert (await backend.capabilities()).exact_tokens
    before = len(scripted_server.asked(path))
    assert await backend.exact_counts(pieces("one", "two words", "now three words")) == [1, 2, 3]
    assert len(scripted_server.asked(path)) - before == requests
    await backend.close()


async def test_a_server_that_cannot_count_says_so(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, "Hi.")
    backend = RemoteBackend(Endpoint(scripted_server.url, kind="tabby"))
    assert not (await backend.capabilities()).exact_tokens
    assert await backend.exact_counts(pieces("one", "")) == [None, 0]
    assert await backend.warm(CompletionRequest("w", (Piece("x"),), Samplers(), 8)) is None
    await backend.close()


async def test_a_strange_answer_is_no_count(scripted_server: ScriptedServer) -> None:
    for strange in ({"tokens": ["a", -1]}, {"tokens": -1}, {}, {"tokens": {"x": 1}}, json.dumps([1])):
        _llama_server(scripted_server, batches=True)
        backend = RemoteBackend(Endpoint(scripted_server.url))
        await backend.capabilities()
        scripted_server.on("POST /tokenize", answer(strange))
        counts = await backend.exact_counts(pieces("one", "two words"))
        assert all(n is None or n >= 0 for n in counts)
        await backend.close()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gemma-3-12b-it-Q4_K_M", "swa"), ("gpt-oss-20b", "swa"), ("Llama-4-Scout", "swa"),
        ("Mistral-Nemo-12B", "prefix"), ("Llama-3.1-Nemotron-70B", "prefix"),
        ("falcon-h1-7b", "recurrent"), ("LFM2-1.2B", "recurrent"), ("Qwen3-Next-80B", "recurrent"),
        ("granite-4.0-h-small", "recurrent"), ("granite-4.0-micro", "prefix"), ("Qwen3-8B", "prefix"), ("", "prefix"),
        ("Nemotron-H-8B", "recurrent"), ("NVIDIA-Nemotron-Nano-9B-v2", "recurrent"),
    ],
)
def test_models_whose_memory_cannot_be_cut_are_known_by_name(name: str, found: str) -> None:
    assert cache_class("prefix", name, whole_windows=False) == found
    assert cache_class("unknown", name, whole_windows=False) == "unknown"
    assert cache_class("prefix", name, whole_windows=True) == ("recurrent" if found == "recurrent" else "prefix")
