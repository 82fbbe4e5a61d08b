"""Real servers on real bad days: killed and stopped in the middle of a reply, back with another context, disturbed by
somebody else, behind a key. What came is kept, the sentence says what happened, and it goes on from there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from real_servers import RUNNING, Kind, free_port, real_server
from told import Told

from tui.backends.patience import Limits
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import ChatMessage, CompletionRequest, Event, Piece, Text
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.samplers import Samplers

KINDS: tuple[Kind, ...] = ("xllamacpp", "llama_cpp")
SAMPLERS = Samplers(temperature=1.0, min_p=0.0, seed=5)
#: No reply ends by itself: what ends one is forbidden, as each server takes that.
ENDLESS = {"ignore_eos": True, "logit_bias": {"1": -100.0, "3": -100.0}}
AFTER = 5
"""Pieces of text after which the fault comes."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def url(kind: Kind, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{kind}_server"))


@pytest.fixture
async def backend(url: str) -> AsyncIterator[RemoteBackend]:
    backend = RemoteBackend(Endpoint(url, body=ENDLESS))
    yield backend
    await backend.close()


def request(started: str = "", tokens: int = 900) -> CompletionRequest:
    opener = Piece("<|im_end|>\n<|im_start|>assistant\n", markup=True)
    pieces = (Piece("<|im_start|>user\n", markup=True), Piece("Tell me everything."), opener, Piece(started))
    messages = (ChatMessage("user", "Tell me everything."),)
    return CompletionRequest("r1", pieces, SAMPLERS, tokens, messages=messages, prefill=started)


async def tell(
    backend: RemoteBackend, wanted: CompletionRequest, fault: Callable[[], Awaitable[None]] | None = None,
) -> Told:
    """All of a reply, with `fault` once some of it has come."""
    events: list[Event] = []
    async for said in backend.complete(wanted):
        events.append(said)
        if fault is not None and sum(isinstance(e, Text) for e in events) == AFTER and isinstance(said, Text):
            await fault()
    return Told(events)


def sending(url: str, number: signal.Signals) -> Callable[[], Awaitable[None]]:
    async def send() -> None:
        os.kill(RUNNING[url].pid, number)

    return send


async def goes_on(backend: RemoteBackend, told: Told) -> None:
    """The reply is continued from what came of it."""
    rest = await tell(backend, replace(request(told.text, 6), id="r2"))
    assert (rest.finish.error, rest.finish.reason) == (None, "length")
    assert rest.text


async def test_killed_in_the_middle_closed_and_back_with_another_context(
    kind: Kind, starter: Path, tmp_path: Path
) -> None:
    port = free_port()
    backend = RemoteBackend(Endpoint(f"http://127.0.0.1:{port}", body=ENDLESS))
    with real_server(kind, starter, tmp_path, port=port, n_ctx=1024) as url:
        told = await tell(backend, request(), sending(url, signal.SIGKILL))
    assert (told.finish.reason, told.kind) == ("cut", "broken")
    assert told.text
    assert told.error.startswith(f"The connection to {url} broke before the answer was complete.")
    gone = await tell(backend, request(told.text))
    assert (gone.text, gone.finish.reason, gone.kind) == ("", "error", "unreachable")
    assert f"Nothing listens at {url}. Is the server running" in gone.error
    with real_server(kind, starter, tmp_path, port=port, n_ctx=512):
        await goes_on(backend, told)
        window = (await backend.capabilities()).context_length
        assert window == (512 if kind == "xllamacpp" else None)     # the other does not tell
        long = await tell(backend, replace(request("word " * 700), id="r3"))
        assert (long.text, long.finish.reason) == ("", "error")
        assert "context" in long.error
    await backend.close()


async def test_stopped_in_the_middle_and_awake_again_too_late(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = RemoteBackend(Endpoint(url, body=ENDLESS), limits=Limits(idle=1.0))
    try:
        told = await tell(backend, request(), sending(url, signal.SIGSTOP))
        assert (told.finish.reason, told.kind) == ("cut", "idle")
        assert f"{url} has sent nothing for 1 seconds. What has arrived is kept." in told.error
        assert told.text
        with monkeypatch.context() as quick:
            quick.setattr("tui.backends.http.NEAR_SECONDS", 0.2)
            with pytest.raises(BackendError, match="too long"):
                await probe(Endpoint(url))
    finally:
        os.kill(RUNNING[url].pid, signal.SIGCONT)
    patient = RemoteBackend(Endpoint(url, body=ENDLESS))
    await goes_on(patient, told)
    await patient.close()
    await backend.close()


async def test_stopped_in_the_middle_and_awake_again_in_time(url: str, backend: RemoteBackend) -> None:
    async def nap() -> None:
        os.kill(RUNNING[url].pid, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(0.5, os.kill, RUNNING[url].pid, signal.SIGCONT)

    told = await tell(backend, request(tokens=60), nap)
    assert (told.finish.reason, told.finish.error) == ("length", None)
    assert told.text


async def test_somebody_else_asks_in_the_middle(kind: Kind, url: str, backend: RemoteBackend) -> None:
    """llama-cpp-python's server breaks ours off, llama-server lets the other one wait."""
    others: list[asyncio.Task[None]] = []

    def ask() -> None:
        body = json.dumps({"prompt": "Hi", "max_tokens": 2}).encode()
        wanted = urllib.request.Request(f"{url}/v1/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(wanted, timeout=60) as response:
            response.read()

    async def interfere() -> None:
        others.append(asyncio.create_task(asyncio.to_thread(ask)))

    told = await tell(backend, request(tokens=120 if kind == "xllamacpp" else 900), interfere)
    await others[0]
    assert told.text
    if kind == "xllamacpp":
        assert (told.finish.reason, told.finish.error) == ("length", None)
    else:
        assert told.finish.reason == "cut"
        assert "begun another request" in told.error
    await goes_on(backend, told)


async def test_a_key_that_is_missing_wrong_and_right(kind: Kind, starter: Path, tmp_path: Path) -> None:
    key = "sk-of-the-tests-0123"
    with real_server(kind, starter, tmp_path, key=key) as url:
        missing = await probe(Endpoint(url))
        wrong = await probe(Endpoint(url, api_key="sk-wrong-0123456"))
        assert (missing.auth, wrong.auth) == ("needed", "refused")
        assert "needs a key" in str(missing.problem)
        assert "refuses this key" in str(wrong.problem)
        assert "sk-wrong" not in json.dumps(wrong.to_json())
        told = await tell(refused := RemoteBackend(Endpoint(url, api_key="sk-wrong-0123456")), request(tokens=4))
        assert (told.finish.reason, told.kind) == ("error", "key_refused")
        backend = RemoteBackend(Endpoint(url, api_key=key, body=ENDLESS))
        assert (await tell(backend, request(tokens=4))).finish.error is None
        await backend.close()
        await refused.close()


async def test_a_path_where_nothing_is(url: str) -> None:
    with pytest.raises(BackendError, match="not as a language model's server does"):
        await probe(Endpoint(f"{url}/elsewhere/v1"))
    backend = RemoteBackend(Endpoint(f"{url}/elsewhere/v1", kind="openai"))
    told = await tell(backend, request(tokens=4))
    await backend.close()
    assert (told.finish.reason, told.kind) == ("error", "status")
    assert "does not know this request or this model" in told.error
