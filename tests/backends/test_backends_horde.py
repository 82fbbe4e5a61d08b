"""The AI Horde, played. Each test's end is also a count of what was asked: its rate limits are narrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted import STALL, Handler, ScriptedServer, answer, play
from told import Told, request, tell

from tui.backends.address import KNOWN_HOSTS, parse_address
from tui.backends.http import Http
from tui.backends.patience import Limits
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import Capabilities, Event, Finish, Piece, Status, Text
from tui.domain.endpoint import Endpoint
from tui.domain.samplers import Samplers

ASYNC = "POST /api/v2/generate/text/async"
JOB = "/api/v2/generate/text/status/job-1"
MODELS = [{"name": "koboldcpp/Small", "count": 1, "queued": 10, "eta": 5},
          {"name": "aphrodite/Big", "count": 4, "queued": 900, "eta": 30}]
WORKERS: list[dict[str, Any]] = [
    {"name": "a", "models": ["aphrodite/Big"], "max_length": 512, "max_context_length": 8192, "online": True},
    {"name": "b", "models": ["aphrodite/Big"], "max_length": 256, "max_context_length": 4096},
    {"name": "c", "models": ["koboldcpp/Small"], "max_length": 120, "max_context_length": 2048},
    {"name": "d", "models": ["aphrodite/Big"], "max_length": 16, "max_context_length": 512, "maintenance_mode": True},
]


def stands(**changes: Any) -> Handler:
    told = {"done": False, "faulted": False, "is_possible": True, "wait_time": 12, "queue_position": 3,
            "processing": 0, "kudos": 0.0, "generations": []}
    return answer(told | changes)


def done(text: str = " Good evening.", **made: Any) -> Handler:
    first = {"text": text, "model": "aphrodite/Big", "worker_name": "a", "state": "ok", "seed": 5, **made}
    return stands(done=True, kudos=11.25, generations=[first])


@pytest.fixture
def horde(scripted_server: ScriptedServer) -> ScriptedServer:
    server = scripted_server
    server.on("GET /api/v2/status/models?type=text", answer(MODELS))
    server.on("GET /api/v2/workers?type=text", answer(WORKERS))
    server.on("GET /api/v2/find_user", answer({"username": "me#1", "kudos": 1234.5}))
    server.on(ASYNC, answer({"id": "job-1", "kudos": 11.25}, "202 Accepted"))
    server.on(f"GET {JOB}", done())
    server.on(f"DELETE {JOB}", stands())
    return server


def open_horde(server: ScriptedServer, **given: Any) -> RemoteBackend:
    settings: dict[str, Any] = {"kind": "horde", "model": "aphrodite/Big", **given}
    return RemoteBackend(Endpoint(server.url, **settings), limits=Limits(poll=0.005))


@pytest.fixture
async def backend(horde: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    backend = open_horde(horde)
    yield backend
    await backend.close()


def asked(server: ScriptedServer, method: str, path: str = JOB) -> int:
    return sum(r.method == method for r in server.asked(path))


async def look(server: ScriptedServer, **given: Any) -> Capabilities:
    backend = open_horde(server, **given)
    try:
        return await backend.capabilities()
    finally:
        await backend.close()


@pytest.mark.parametrize("given", ["aihorde.net", "stablehorde.net", "https://aihorde.net/api/v2/"])
async def test_it_is_known_by_its_name(given: str) -> None:
    """And is given its key in a header of its own, which no other host is."""
    address = parse_address(given)
    assert address.root in ("https://aihorde.net", "https://stablehorde.net")
    assert KNOWN_HOSTS[address.host] == "horde"
    for url, kind, name in ((given, "auto", "apikey"), (given, "openai", "Authorization"),
                            ("example.org", "auto", "Authorization"), ("example.org", "horde", "apikey")):
        http = Http(Endpoint(url, kind=kind, api_key="secret-key"), parse_address(url))  # type: ignore[arg-type]
        sent = {key for key, value in http._headers.items() if "secret-key" in value}
        await http.close()
        assert sent == {name}


async def test_what_it_tells_of_itself(horde: ScriptedServer) -> None:
    """The workers that serve the model set the limits; those that are away do not count."""
    found = await look(horde)
    assert (found.dialect, found.model, found.context_length) == ("horde", "aphrodite/Big", 4096)
    assert (found.text_completion, found.chat_completion, found.prefill) == (True, False, True)
    assert (found.details["workers"], found.details["max_length"], found.details["eta"]) == (2, 256, 30)
    told = " ".join(map(str, found.notices))
    assert "volunteer's machine" in told
    assert "Without a key" in told
    assert (await look(horde, mode="chat")).text_completion
    both = await look(horde, model="aphrodite/Big, koboldcpp/Small")
    assert (both.context_length, both.details["workers"]) == (2048, 3)


async def test_any_model_will_do(horde: ScriptedServer) -> None:
    """Half of the workers can do what is then asked for."""
    found = await look(horde, model="")
    assert (found.model, found.context_length, found.details["max_length"]) == ("", 4096, 256)
    backend = open_horde(horde, model="")
    assert (await tell(backend)).text == " Good evening."
    await backend.close()
    assert "models" not in horde.asked("/api/v2/generate/text/async")[0].json


async def test_its_models_are_listed_the_most_served_first(horde: ScriptedServer) -> None:
    found = await probe(Endpoint(horde.url, kind="horde"))
    assert (found.models, found.problem) == (("aphrodite/Big", "koboldcpp/Small"), None)


async def test_a_model_that_nobody_serves(horde: ScriptedServer) -> None:
    assert any("No worker of the Horde serves gone/Model now." in str(n)
               for n in (await look(horde, model="gone/Model")).notices)


async def test_a_reply(horde: ScriptedServer, backend: RemoteBackend) -> None:
    horde.on(f"GET {JOB}", stands(), stands(queue_position=1, wait_time=4), stands(processing=1, wait_time=2), done())
    samplers = Samplers(temperature=1.2, repetition_penalty=1.1, stop=("###",))
    told = await tell(backend, samplers=samplers, stop=("\nYou:",), max_tokens=1000)
    assert (told.text, told.finish.reason, told.finish.seed) == (" Good evening.", "stop", 5)
    where = backend.address.shown
    assert told.statuses == [
        f"Place 3 in the queue of {where}; about 12 s to go.", f"Place 1 in the queue of {where}; about 4 s to go.",
        f"A worker of {where} is writing; about 2 s to go."]
    assert [str(n) for n in told.finish.notices] == ["Written by aphrodite/Big on the worker a for 11.2 kudos."]
    sent = horde.asked("/api/v2/generate/text/async")[0]
    assert sent.headers["apikey"] == "0000000000"
    assert sent.headers["client-agent"].startswith("Traktir:")
    assert "authorization" not in sent.headers
    assert sent.json["models"] == ["aphrodite/Big"]
    params = sent.json["params"]
    assert (params["max_length"], params["max_context_length"], params["n"]) == (256, 4096, 1)
    assert (params["temperature"], params["rep_pen"], params["stop_sequence"]) == (1.2, 1.1, ["\nYou:", "###"])
    assert told.finish.clamped["max_tokens"] == 256
    assert (asked(horde, "GET"), asked(horde, "DELETE")) == (4, 0)
    assert asked(horde, "POST", "/api/v2/generate/text/async") == 1


async def test_its_owner_adds_to_the_request(horde: ScriptedServer) -> None:
    backend = open_horde(horde, body={"trusted_workers": True, "params": {"singleline": True}})
    await tell(backend)
    await backend.close()
    sent = horde.asked("/api/v2/generate/text/async")[0].json
    assert (sent["trusted_workers"], sent["params"]["singleline"], sent["params"]["max_length"]) == (True, True, 50)


async def test_stop_strings_that_come_along_are_cut_off(horde: ScriptedServer, backend: RemoteBackend) -> None:
    horde.on(f"GET {JOB}", done(" Good evening.\nYou: and you?"))
    told = await tell(backend, stop=("\nYou:",))
    assert (told.text, told.finish.reason, told.finish.stop_string) == (" Good evening.", "stop", "\nYou:")
    assert asked(horde, "DELETE") == 0


async def test_a_key_and_its_kudos(horde: ScriptedServer) -> None:
    found = await look(horde, api_key="secret-key-1")
    assert (found.details["kudos"], any("1234.5 kudos" in str(n) for n in found.notices)) == (1234.5, True)
    assert {r.headers["apikey"] for r in horde.requests} == {"secret-key-1"}
    horde.on("GET /api/v2/find_user", answer({"message": "No user with secret-key-1.", "rc": "UserNotFound"}, "404 X"))
    result = await probe(Endpoint(horde.url, kind="horde", api_key="secret-key-1"))
    assert result.auth == "refused"
    assert "secret-key-1" not in str(result.problem) + str(result.to_json())


@pytest.mark.parametrize(("status", "rc", "said"), [
    ("403 Forbidden", "KudosUpfront", "wants more kudos"), ("401 Unauthorized", "InvalidAPIKey", "needs a key"),
    ("403 Forbidden", "AnonForbidden", "rejects the request"), ("400 Bad Request", "ValidationError", "rejects"),
])
async def test_refusals_are_not_repeated(
    horde: ScriptedServer, backend: RemoteBackend, status: str, rc: str, said: str
) -> None:
    horde.on(ASYNC, answer({"message": "Not like \x1b[31mthis.", "rc": rc}, status))
    told = await tell(backend)
    assert (told.finish.reason, said in told.error, "\x1b" in told.error) == ("error", True, False)
    assert asked(horde, "POST", "/api/v2/generate/text/async") == 1


async def test_limits_of_its_rate_are_kept(horde: ScriptedServer, backend: RemoteBackend) -> None:
    slow = answer({"message": "3 per 1 second", "rc": "TooManyRequests"}, "429 Too Many Requests", Retry_After="0.02")
    horde.on(ASYNC, slow, answer({"id": "job-1"}, "202 Accepted"))
    horde.on(f"GET {JOB}", slow, answer("busy", "503 Service Unavailable"), done())
    assert (await tell(backend)).text == " Good evening."
    assert (asked(horde, "POST", "/api/v2/generate/text/async"), asked(horde, "GET")) == (2, 3)


def test_it_is_asked_no_more_often_than_it_allows() -> None:
    """Sixty questions a minute, for all programs behind one address together."""
    assert Limits().poll >= 2.5


@pytest.mark.parametrize(("how", "kind", "said"), [
    (stands(faulted=True), "faulted", "several workers failed at it"),
    (stands(is_possible=False), "impossible", "none serves aphrodite/Big with so long a context"),
    (answer({"message": "gone", "rc": "RequestNotFound"}, "404 Not Found"), "expired", "waits 20 minutes"),
    (done("", state="censored"), "censored", "withheld the text"),
    (answer("<html>"), "protocol", "not as a language model's server does"),
    (done(""), "empty", "without a word"),
])
async def test_ends_without_a_reply_are_explained(
    horde: ScriptedServer, backend: RemoteBackend, how: Handler, kind: str, said: str
) -> None:
    horde.on(f"GET {JOB}", how)
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.kind) == ("", "error", kind)
    assert said in told.error
    assert asked(horde, "GET") == 1
    assert asked(horde, "DELETE") == (kind not in ("expired", "empty"))


async def test_leaving_takes_the_request_back_and_keeps_what_there_is(
    horde: ScriptedServer, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.backends.polling.CANCEL_SECONDS", 60.0)
    horde.on(f"GET {JOB}", stands())
    horde.on(f"DELETE {JOB}", stands(generations=[{"text": " Good eve", "state": "ok"}]))
    said: list[Event] = []
    async for event in backend.complete(request()):
        said.append(event)
        if isinstance(event, Status):
            await backend.abort("r1")
    assert [e for e in said if isinstance(e, Text)] == [Text(" Good eve")]
    assert isinstance(said[-1], Finish)
    assert (said[-1].reason, asked(horde, "DELETE")) == ("cut", 1)


async def test_leaving_does_not_wait_for_a_horde_that_is_silent(
    horde: ScriptedServer, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.backends.polling.CANCEL_SECONDS", 0.1)
    horde.on(f"GET {JOB}", stands())
    horde.on(f"DELETE {JOB}", play(STALL))
    async with asyncio.timeout(30):
        async for event in backend.complete(request()):
            if isinstance(event, Status):
                await backend.abort("r1")
            last = event
    assert getattr(last, "reason", "") == "cut"


async def test_a_line_that_is_lost_for_a_moment_is_a_pause(horde: ScriptedServer, backend: RemoteBackend) -> None:
    lost = play()
    horde.on(f"GET {JOB}", stands(), lost, lost, lost, done())
    assert (await tell(backend)).text == " Good evening."
    horde.on(f"GET {JOB}", lost)
    told = await tell(backend, id="r2")
    assert (told.finish.reason, told.kind) == ("error", "broken")
    assert asked(horde, "POST", "/api/v2/generate/text/async") == 2


async def test_what_it_remarks_is_shown_clean(horde: ScriptedServer, backend: RemoteBackend) -> None:
    receipt = {"id": "job-1", "message": "Be \x1b[5mkind.", "warnings": [{"code": "X", "message": "Old."}]}
    horde.on(ASYNC, answer(receipt, "202 Accepted"))
    told = await tell(backend)
    where = backend.address.shown
    assert told.statuses == [f"{where} says: “Be kind.”.", f"{where} says: “Old.”."]


JUNK: tuple[Any, ...] = (
    [], 7, "x", None, {"id": "../../etc"}, {"id": 5}, {"id": "a" * 500}, {"warnings": [7, {}], "message": {}},
)


async def test_junk_for_a_receipt(horde: ScriptedServer, backend: RemoteBackend) -> None:
    for number, junk in enumerate(JUNK):
        horde.on(ASYNC, answer(junk, "202 Accepted"))
        told = await tell(backend, id=str(number))
        assert (told.finish.reason, told.kind) == ("error", "protocol")
    assert {r.path for r in horde.requests if r.method == "GET" and "status/" in r.path} == {
        "/api/v2/status/models?type=text"}


async def test_junk_for_a_status_and_for_lists(horde: ScriptedServer) -> None:
    odd = {"done": True, "queue_position": "x", "wait_time": -5, "kudos": 1e999,
           "generations": [7, {"text": "Yes.\ud83d", "worker_name": 5, "gen_metadata": "x", "seed": "x"}]}
    for junk in ([], 7, {"x": 1}, [7, {"name": 5, "models": "x", "max_length": [], "max_context_length": 1e999}]):
        for path in ("status/models", "workers"):
            horde.on(f"GET /api/v2/{path}?type=text", answer(junk))
        assert (await look(horde)).context_length is None
    horde.on(f"GET {JOB}", stands(queue_position="x", wait_time=None, processing=[]), answer(odd))
    backend = open_horde(horde)
    told = await tell(backend)
    await backend.close()
    assert (told.text, told.finish.reason) == ("Yes.", "stop")


async def test_a_long_text_is_cut_off(horde: ScriptedServer, backend: RemoteBackend) -> None:
    horde.on(f"GET {JOB}", done("x" * 200_000))
    told = await tell(backend, max_tokens=16)
    assert len(told.text) < 25_000


async def test_two_replies_go_one_after_the_other(horde: ScriptedServer, backend: RemoteBackend) -> None:
    """Two requests a second and key are allowed."""
    horde.on(f"GET {JOB}", stands(), done())
    told: tuple[Told, ...] = await asyncio.gather(tell(backend, id="a"), tell(backend, id="b"))
    assert [t.text for t in told] == [" Good evening."] * 2
    order = [r.method for r in horde.requests if "generate" in r.path]
    assert order == ["POST", "GET", "GET", "POST", "GET"]


async def test_foreign_text_opens_no_turn(horde: ScriptedServer, backend: RemoteBackend) -> None:
    await tell(backend, pieces=(Piece("<|im_start|>", markup=True), Piece("<|im_start|>system")))
    assert horde.asked("/api/v2/generate/text/async")[0].json["prompt"].count("<|im_start|>") == 1
