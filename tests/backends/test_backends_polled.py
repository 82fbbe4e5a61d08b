"""KoboldCpp where a stream does not come through: asked after its text instead; and what its versions have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted import SSE, STALL, Handler, Line, Request, ScriptedServer, answer, as_koboldcpp, event, play
from told import request, tell

from tui.backends.patience import Limits
from tui.backends.remote import RemoteBackend
from tui.domain.backend import Event, Finish, Image, Piece, Text
from tui.domain.endpoint import Endpoint
from tui.domain.samplers import Samplers

STREAM, WHOLE = "POST /api/extra/generate/stream", "POST /api/v1/generate"
CHECK, ABORT = "POST /api/extra/generate/check", "POST /api/extra/abort"
SWITCHED = "KoboldCpp is asked after its text every half second"


def told_so_far(text: str, reason: str | None = None) -> Handler:
    return answer({"results": [{"text": text} | ({"finish_reason": reason} if reason else {})]})


def growing(server: ScriptedServer, *texts: str, whole: str = "", reason: str = "stop") -> None:
    """Its text grows with each question; the whole answer comes after the last of them."""
    asked: list[str] = []
    last = asyncio.Event()

    async def check(asking: Request, line: Line) -> None:
        asked.append(asking.json["genkey"])
        if len(asked) > len(texts):
            last.set()
        await told_so_far(texts[min(len(asked), len(texts)) - 1])(asking, line)

    async def generate(asking: Request, line: Line) -> None:
        await last.wait()
        await told_so_far(whole or texts[-1], reason)(asking, line)

    server.on(CHECK, check)
    server.on(WHOLE, generate)


@pytest.fixture
async def backend(scripted_server: ScriptedServer) -> AsyncIterator[RemoteBackend]:
    as_koboldcpp(scripted_server)
    scripted_server.on(STREAM, answer({"detail": "Not Found"}, "404 Not Found"))
    backend = RemoteBackend(Endpoint(scripted_server.url), limits=Limits(poll=0.01))
    yield backend
    await backend.close()


async def test_a_stream_that_is_refused_is_done_without(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    growing(scripted_server, " Good", " Good eve", " Good evening", whole=" Good evening.")
    told = await tell(backend)
    assert (told.text, told.finish.reason) == (" Good evening.", "stop")
    assert [e.text for e in told.events if isinstance(e, Text)] == [" Good", " eve", "ning", "."]
    assert [s for s in told.statuses if SWITCHED in s]
    sent = scripted_server.asked("/api/v1/generate")[0].json
    assert {r.json["genkey"] for r in scripted_server.asked("/api/extra/generate/check")} == {sent["genkey"]}
    growing(scripted_server, " Yes", whole=" Yes.", reason="length")
    again = await tell(backend, id="r2")
    assert (again.text, again.finish.reason, again.statuses) == (" Yes.", "length", [])
    assert len(scripted_server.asked("/api/extra/generate/stream")) == 1


async def test_a_stream_that_comes_at_once_is_not_asked_for_again(
    scripted_server: ScriptedServer, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel held it back."""
    monkeypatch.setattr("tui.backends.tips.BURST_WAIT", 0.01)
    monkeypatch.setattr("tui.backends.tips.BURST_RATE", 1.0)
    frames = b"".join(b"event: message\n" + event({"token": "so ", "finish_reason": "null"}) for _ in range(80))
    end = b"event: message\n" + event({"token": "", "finish_reason": "stop"})
    scripted_server.on(STREAM, play(0.05, SSE + frames + end))
    told = await tell(backend)
    assert (told.text, told.finish.tokens_per_second) == ("so " * 80, None)
    assert [n for n in told.finish.notices if SWITCHED in str(n)]
    growing(scripted_server, " Yes", whole=" Yes.")
    assert (await tell(backend, id="r2")).text == " Yes."
    assert len(scripted_server.asked("/api/extra/generate/stream")) == 1


async def test_a_version_before_streams_is_asked_from_the_start(scripted_server: ScriptedServer) -> None:
    as_koboldcpp(scripted_server, version="1.36")
    growing(scripted_server, " Yes", whole=" Yes.")
    backend = RemoteBackend(Endpoint(scripted_server.url), limits=Limits(poll=0.01))
    told = await tell(backend, samplers=Samplers(min_p=0.1, xtc_probability=0.5, mirostat=2))
    found = await backend.capabilities()
    await backend.close()
    assert (told.text, scripted_server.asked("/api/extra/generate/stream")) == (" Yes.", [])
    assert any("KoboldCpp 1.36 does not stream" in str(n) for n in found.notices)
    assert {"min_p", "xtc_probability", "mirostat"} <= {*told.finish.dropped}


async def test_who_leaves_has_it_aborted_by_its_key(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(CHECK, told_so_far(" Good eve"))
    scripted_server.on(WHOLE, play(STALL))
    said: list[Event] = []
    async with asyncio.timeout(30):
        async for told in backend.complete(request()):
            said.append(told)
            if isinstance(told, Text):
                await backend.abort("r1")
    assert [e.text for e in said if isinstance(e, Text)] == [" Good eve"]
    assert isinstance(said[-1], Finish)
    assert said[-1].reason == "cut"
    key = scripted_server.asked("/api/v1/generate")[0].json["genkey"]
    assert [r.json for r in scripted_server.asked("/api/extra/abort")] == [{"genkey": key}]


async def test_a_stop_string_ends_it_there_too(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(CHECK, told_so_far(" Yes.\nYou: and"))
    scripted_server.on(WHOLE, play(STALL))
    told = await tell(backend, stop=("\nYou:",))
    assert (told.text, told.finish.reason, told.finish.stop_string) == (" Yes.", "stop", "\nYou:")
    assert len(scripted_server.asked("/api/extra/abort")) == 1


async def test_failures(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(CHECK, answer("?", "500 Oops"))
    scripted_server.on(WHOLE, play(0.03, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"))
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.kind) == ("", "error", "broken")
    scripted_server.on(WHOLE, answer([1, 2]))
    assert (await tell(backend, id="r2")).kind == "protocol"
    scripted_server.on(WHOLE, told_so_far("", "stop"))
    assert (await tell(backend, id="r3")).kind == "empty"
    busy = answer({"detail": {"msg": "Server is busy"}}, "503 Service Unavailable", Retry_After="0")
    scripted_server.on(WHOLE, busy, told_so_far(" Yes.", "stop"))
    assert (await tell(backend, id="r4")).text == " Yes."
    oddities: tuple[Any, ...] = ([], 7, {"results": 7}, {"results": [{"text": 5}]})
    for junk in oddities:
        scripted_server.on(CHECK, answer(junk))
        scripted_server.on(WHOLE, play(0.03), told_so_far(" Yes.", "stop"))
        told = await tell(backend, id=repr(junk))
        assert told.finish.reason in ("stop", "error")


@pytest.mark.parametrize(("version", "most"), [("1.60", 0), ("1.76", 4), ("1.99", 8)])
async def test_pictures_as_many_as_a_version_takes(scripted_server: ScriptedServer, version: str, most: int) -> None:
    as_koboldcpp(scripted_server, version=version)
    scripted_server.on("GET /api/extra/version", answer({"result": "KoboldCpp", "version": version, "vision": True}))
    backend = RemoteBackend(Endpoint(scripted_server.url))
    images = tuple(Image(f"{n:064x}", "image/png", bytes([n])) for n in range(10))
    told = await tell(backend, images=images, pieces=tuple(Piece("[picture]", image=i.id) for i in images))
    sees = (await backend.capabilities()).images
    await backend.close()
    sent: dict[str, Any] = scripted_server.asked("/api/extra/generate/stream")[0].json
    assert (told.text, len(sent.get("images", ())), sees) == ("Hello.", most, most > 0)


#: How many of five samplers a version lacks: each came with one of these.
LACKING = (("1.47", 5), ("1.48", 4), ("1.69", 4), ("1.73", 3), ("1.76", 2), ("1.103", 1), ("1.110", 0))


async def test_what_a_version_lacks_is_left_out_and_said(scripted_server: ScriptedServer) -> None:
    wanted = Samplers(min_p=0.1, dry_multiplier=0.8, xtc_probability=0.5, guidance_scale=1.5, negative_prompt="No.",
                      adaptive_target=0.5)
    keys = ("min_p", "dry_multiplier", "xtc_probability", "guidance_scale", "adaptive_target")
    for version, lacking in LACKING:
        as_koboldcpp(scripted_server, version=version)
        backend = RemoteBackend(Endpoint(scripted_server.url))
        told = await tell(backend, samplers=wanted)
        await backend.close()
        sent = scripted_server.asked("/api/extra/generate/stream")[-1].json
        absent = {name for name in keys if name not in sent}
        assert len(absent) == lacking, version
        assert absent <= {*told.finish.dropped}
        assert all(name in told.finish.reasons for name in absent)


async def test_lists_that_are_too_long_are_cut_and_said(scripted_server: ScriptedServer) -> None:
    as_koboldcpp(scripted_server)
    backend = RemoteBackend(Endpoint(scripted_server.url))
    many = tuple(f"word {n}" for n in range(60))
    told = await tell(backend, stop=many, samplers=Samplers(
        banned_strings=many, dry_multiplier=0.8, dry_sequence_breakers=many,
        logit_bias={f"#{n}": -5.0 for n in range(60)}))
    await backend.close()
    sent = scripted_server.asked("/api/extra/generate/stream")[0].json
    assert [len(sent[key]) for key in ("stop_sequence", "banned_tokens", "dry_sequence_breakers", "logit_bias")] == [
        32, 48, 24, 32]
    told_of = {*told.finish.dropped, *told.finish.clamped}
    assert {"banned_strings", "dry_sequence_breakers", "logit_bias"} <= told_of
