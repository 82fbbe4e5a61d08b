"""A malicious server costs one sentence: little memory, no stop of the event loop, and it can be left at once."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacks import DOCUMENTS, HEADS, JSON_HEAD, PACKED, STREAMS, drip, endless, packed, reset
from dialects import VOICES
from scripted import (
    NDJSON,
    SSE,
    STALL,
    Handler,
    ScriptedServer,
    answer,
    as_koboldcpp,
    as_openai,
    chat_chunk,
    json_line,
    play,
)

CLIENT = Path(__file__).parent / "attacked_client.py"
#: What a terminal obeys: C0 but newline and tab, DEL, C1; what turns the direction of writing; halves of characters.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MOST_KB = 50 << 10
MOST_BLOCKED_MS = 50
#: Sentence and remedy together; and the sentence alone has at most 300.
MOST_CHARACTERS = 420
QUICK = {
    "http.NEAR_SECONDS": 0.4, "http.FAR_SECONDS": 0.4, "guard.HEAD_SECONDS": 0.4, "tokens.COUNT_SECONDS": 0.4,
    "http.CONNECT_SECONDS": 1.0, "retry._WAITS": [0.01, 0.01, 0.01], "remote.ABORT_SECONDS": 0.5,
    "patience.MAX_BYTES": 4 << 20, "ahead.MAX_BYTES": 4 << 20,
}
#: Of a stream that begins well, and of one that never does.
LIMITS = {"idle": 0.4, "first": 60.0, "barren": 0.8, "aftermath": 0.4}
FIRST = LIMITS | {"first": 0.8}
LONG = {"idle": 9000.0, "first": 9000.0, "barren": 9000.0, "aftermath": 9000.0}
CHAT = "POST /v1/chat/completions"



class AttackedClient:
    """The client process. `ask` has it do one thing, up to three times when that seemed to block its loop: what
    blocks does so each time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    async def ask(self, **told: Any) -> dict[str, Any]:
        seen = await asyncio.to_thread(self._once, told)
        for _ in range(2):
            if seen["blocked_ms"] <= MOST_BLOCKED_MS:
                break
            again = await asyncio.to_thread(self._once, told)
            seen["blocked_ms"] = min(seen["blocked_ms"], again["blocked_ms"])
        assert seen["kind"] not in ("hung", "raised", "unforeseen"), seen
        assert seen["blocked_ms"] <= MOST_BLOCKED_MS, seen
        assert seen["grown_kb"] <= MOST_KB, seen
        assert len(seen["error"]) <= MOST_CHARACTERS, seen["error"]
        assert not OBEYED.search(seen["error"]), seen["error"]
        return seen

    def _once(self, told: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"patches": QUICK, "limits": LIMITS, **told}) + "\n")
        self.process.stdin.flush()
        seen: dict[str, Any] = json.loads(self.process.stdout.readline())
        return seen


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("memory is watched by what Linux tells of a process")
    with subprocess.Popen(
        [sys.executable, str(CLIENT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
async def client(process: subprocess.Popen[str]) -> AttackedClient:
    """Warmed up by one ordinary reply."""
    return AttackedClient(process)


@pytest.fixture(autouse=True, scope="module")
def warmed_up(process: subprocess.Popen[str]) -> None:
    """Modules are imported and pools filled by an ordinary reply before anything is measured."""

    async def warm_up() -> None:
        server = ScriptedServer()
        as_openai(server, "Hello.")
        await server.start()
        for do in ("reply", "count", "probe"):
            await asyncio.to_thread(AttackedClient(process)._once, {"url": server.url, "do": do})
        await server.stop()

    asyncio.run(warm_up())


@pytest.fixture
def server(scripted_server: ScriptedServer) -> ScriptedServer:
    """An ordinary one, to begin with."""
    as_openai(scripted_server, "Hello.")
    return scripted_server


# ---- before and while it is asked what it is -------------------------------------------------------------------


@pytest.mark.parametrize("name", [*HEADS, *DOCUMENTS])
async def test_while_connecting(client: AttackedClient, scripted_server: ScriptedServer, name: str) -> None:
    scripted_server.otherwise = (HEADS | DOCUMENTS)[name]
    seen = await client.ask(url=scripted_server.url, do="probe")
    assert scripted_server.url in seen["error"]
    assert seen["kind"] in ("protocol", "broken", "timeout", "status", "address"), seen
    assert len(scripted_server.requests) <= 40


@pytest.mark.parametrize("name", PACKED)
async def test_packed_answers_are_not_unpacked(client: AttackedClient, server: ScriptedServer, name: str) -> None:
    encoding, body = PACKED[name]
    server.on(CHAT, packed(encoding, body, "text/event-stream"))
    seen = await client.ask(url=server.url, do="reply")
    assert (seen["reason"], seen["kind"], seen["finishes"]) == ("error", "protocol", 1)
    assert "packed" in seen["error"]
    server.routes.clear()
    server.otherwise = packed(encoding, body)
    assert "packed" in (await client.ask(url=server.url, do="probe"))["error"]


async def test_an_answer_before_the_question(client: AttackedClient, server: ScriptedServer) -> None:
    server.greeting = b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"result":"KoboldCpp"}'
    seen = await client.ask(url=server.url, do="probe")
    assert seen["kind"] or seen["found"]["dialect"] == "koboldcpp"
    server.greeting = b"220 ready\r\n"
    seen = await client.ask(url=server.url, do="probe")
    assert "not HTTP" in seen["error"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300])
@pytest.mark.parametrize("stage", ["probe", "reply"])
async def test_a_redirect_takes_neither_key_nor_prompt_along(
    client: AttackedClient, server: ScriptedServer, status: int, stage: str
) -> None:
    thief = ScriptedServer()
    await thief.start()
    moved = answer("", f"{status} Elsewhere", Location=f"{thief.url}/v1/chat/completions")
    server.on("GET /api/extra/version" if stage == "probe" else CHAT, moved)
    keys = {"key": "sk-secret-of-the-owner", "headers": {"X-Api-Key": "sk-another-secret", "apikey": "sk-third"}}
    seen = await client.ask(url=server.url, do=stage, **keys)
    await thief.stop()
    assert (seen["kind"], thief.requests) == ("redirect", [])
    assert thief.url in seen["error"]
    assert "secret" not in json.dumps(seen)


async def test_no_cookie_is_kept(client: AttackedClient, server: ScriptedServer) -> None:
    body = {"data": [{"id": "m", "owned_by": "acme"}]}
    server.on("GET /v1/models", answer(body, Set_Cookie="who=you; Path=/"))
    await client.ask(url=server.url, do="reply")
    assert len(server.requests) > 3
    assert not any("cookie" in r.headers for r in server.requests)


# ---- what it tells of itself -------------------------------------------------------------------------------------

ESCAPES = "\x1b]0;evil\x07\x1b[2J[bold red]mo\u202edel\x9b31m\x00\u2066"


NAMES = [ESCAPES, "x" * 1_500_000, ESCAPES * 20_000, ["a"] * 50_000, {"a": 1}, 7, None, ""]


@pytest.mark.parametrize("name", NAMES, ids=["escapes", "long", "long escapes", "list", "object", "7", "null", "empty"])
async def test_names_of_models(client: AttackedClient, scripted_server: ScriptedServer, name: Any) -> None:
    entries = [{"id": name, "owned_by": "vllm", "max_model_len": 2048}]
    scripted_server.on("GET /v1/models", answer({"data": entries}))
    scripted_server.on("GET /version", answer({"version": name}))
    seen = await client.ask(url=scripted_server.url, do="probe")
    shown = json.dumps(seen["found"], ensure_ascii=False)
    assert not OBEYED.search(shown)
    assert len(shown) < 8000
    assert seen["found"]["dialect"] == "vllm"


async def test_a_list_of_a_million_models(client: AttackedClient, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET /v1/models", endless(JSON_HEAD + b'{"data":[', b'{"id":"model"},'))
    assert "without end" in (await client.ask(url=scripted_server.url, do="probe"))["error"]
    many = [{"id": f"model-{n}", "owned_by": "vllm"} for n in range(9000)]
    scripted_server.on("GET /v1/models", answer({"data": many}))
    seen = await client.ask(url=scripted_server.url, do="probe")
    assert len(seen["found"]["models"]) == 500


@pytest.mark.parametrize("length", [-1, 0, 1 << 40, 1e300, "4096", "x" * 999, [4096], True, None, 0.5, {}])
async def test_lengths_of_contexts_that_are_none(
    client: AttackedClient, scripted_server: ScriptedServer, length: Any
) -> None:
    as_openai(scripted_server, owner="vllm")
    scripted_server.on("GET /v1/models", answer({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": length}]}))
    seen = await client.ask(url=scripted_server.url, do="probe")
    assert seen["found"]["context_length"] is None
    scripted_server.routes.clear()
    as_koboldcpp(scripted_server)
    scripted_server.on("GET /api/extra/true_max_context_length", answer({"value": length}))
    seen = await client.ask(url=scripted_server.url, do="probe")
    assert seen["found"]["context_length"] is None
    scripted_server.routes.clear()
    scripted_server.on("GET /props", answer({"default_generation_settings": {"n_ctx": length}, "total_slots": length}))
    seen = await client.ask(url=scripted_server.url, do="probe")
    assert seen["found"]["context_length"] is None


async def test_a_template_of_fifty_megabytes(client: AttackedClient, scripted_server: ScriptedServer) -> None:
    props = b'{"default_generation_settings":{"n_ctx":512},"chat_template":"'
    scripted_server.on("GET /props", endless(JSON_HEAD + props, b"{{ x }}"))
    assert "without end" in (await client.ask(url=scripted_server.url, do="probe"))["error"]
    scripted_server.on("GET /props", answer(props + b"{{ x }} word " * 70_000 + b"word " * 400_000 + b'"}'))
    seen = await client.ask(url=scripted_server.url, do="probe")
    assert len(seen["found"]["chat_template"]) == 200_000


# ---- while it counts ---------------------------------------------------------------------------------------------


async def _counting(server: ScriptedServer, attack: Handler) -> None:
    as_openai(server, owner="vllm", context=2048)
    server.on("POST /tokenize", answer({"count": 1}), attack)


@pytest.mark.parametrize("name", [*HEADS, *DOCUMENTS])
async def test_while_counting(client: AttackedClient, scripted_server: ScriptedServer, name: str) -> None:
    await _counting(scripted_server, (HEADS | DOCUMENTS)[name])
    seen = await client.ask(url=scripted_server.url, do="count")
    assert seen["error"] == ""
    assert [4 <= seen["counts"][0] <= 8, 40 <= seen["counts"][1] <= 200] == [True, True]        # an estimate


@pytest.mark.parametrize("count", [-3, 10**18, 0, 1e300, "7", True, None, [], {"n": 3}, 5000], ids=str)
async def test_lies_about_counts(client: AttackedClient, scripted_server: ScriptedServer, count: Any) -> None:
    await _counting(scripted_server, answer({"count": count}))
    seen = await client.ask(url=scripted_server.url, do="count")
    assert 4 <= seen["counts"][0] <= 9
    assert 40 <= seen["counts"][1] <= 200


async def test_a_server_that_leaves_a_count_unanswered_is_not_asked_for_each_text(
    client: AttackedClient, scripted_server: ScriptedServer
) -> None:
    await _counting(scripted_server, play(STALL))
    await client.ask(url=scripted_server.url, do="count")
    assert len(scripted_server.asked("/tokenize")) <= 1 + 4


# ---- while it replies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HEADS)
async def test_in_the_place_of_a_reply(client: AttackedClient, server: ScriptedServer, name: str) -> None:
    server.on(CHAT, HEADS[name])
    seen = await client.ask(url=server.url, do="reply", limits=FIRST)
    assert (seen["reason"], seen["text"], seen["finishes"]) == ("error", 0, 1)
    assert server.url in seen["error"]
    assert len(server.asked("/v1/chat/completions")) == 1


@pytest.mark.parametrize("name", STREAMS)
async def test_in_the_middle_of_a_reply(client: AttackedClient, server: ScriptedServer, name: str) -> None:
    attack, reason = STREAMS[name]
    server.on(CHAT, attack)
    ends_itself = reason != "cut" and "drip" not in name
    seen = await client.ask(url=server.url, do="reply", limits=LONG if ends_itself else LIMITS)
    assert seen["begins"].startswith("Once"), seen
    assert (seen["reason"], seen["finishes"]) == (reason, 1), seen
    assert (seen["error"] != "") == (reason == "cut")
    assert seen["text"] + seen["thoughts"] <= 50 * 64 + 16_384
    assert len(server.asked("/v1/chat/completions")) == 1


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_in_the_place_of_a_stream(client: AttackedClient, server: ScriptedServer, name: str) -> None:
    server.on(CHAT, DOCUMENTS[name])
    seen = await client.ask(url=server.url, do="reply", limits=FIRST)
    assert (seen["reason"], seen["text"], seen["finishes"]) == ("error", 0, 1), seen


async def test_http_1_0_and_blank_words_are_fine(client: AttackedClient, server: ScriptedServer) -> None:
    server.on(CHAT, play(b"HTTP/1.0 200 OK\n\n", chat_chunk("Old."), chat_chunk("", "stop")))
    seen = await client.ask(url=server.url, do="reply")
    assert (seen["begins"], seen["reason"]) == ("Old.", "stop")


# ---- while it is left --------------------------------------------------------------------------------------------

NEVER: dict[str, Handler] = {
    "silence": play(STALL),
    "silence after the head": play(SSE, STALL),
    "comments": endless(SSE, b":\n"),
    "a drip": drip(SSE, b":\n"),
    "a head that drips": drip(b"HTTP/1.1 200 OK\r\nX-Pad: ", b"a"),
    "empty frames": endless(SSE, b"data:\n\n"),
    "frames of nothing": endless(SSE, b'data: {"choices":[]}\n\n'),
}


@pytest.mark.parametrize("name", NEVER)
async def test_a_server_that_never_answers_is_left_at_once(
    client: AttackedClient, server: ScriptedServer, name: str
) -> None:
    """Aborted 0.3 s after it was asked; the stream itself would go on for hours."""
    server.on(CHAT, NEVER[name])
    patches = QUICK | {"guard.HEAD_SECONDS": 9000.0, "patience.MAX_BYTES": 1 << 50}
    seen = await client.ask(url=server.url, do="leave", limits=LONG, patches=patches)
    assert (seen["reason"], seen["error"], seen["finishes"]) == ("cut", "", 1)


@pytest.mark.parametrize("name", ["silence", "a drip of the answer", "reset", *HEADS])
async def test_who_leaves_koboldcpp_does_not_wait_for_its_abort_route(
    client: AttackedClient, scripted_server: ScriptedServer, name: str
) -> None:
    as_koboldcpp(scripted_server)
    word = b'event: message\ndata: {"token": "Once", "finish_reason": "null"}\n\n'
    scripted_server.on("POST /api/extra/generate/stream", play(SSE, word, STALL))
    attack = {"silence": play(STALL), "a drip of the answer": drip(JSON_HEAD, b" "), "reset": reset(), **HEADS}[name]
    scripted_server.on("POST /api/extra/abort", attack)
    seen = await client.ask(url=scripted_server.url, do="abort", limits=LONG)
    assert (seen["reason"], seen["error"], seen["begins"], seen["finishes"]) == ("cut", "", "Once", 1)
    assert len(scripted_server.asked("/api/extra/abort")) == 1


@pytest.mark.parametrize("name", ["a line without end", "frames of nothing", "comments without end", "an end"])
async def test_reading_ahead(client: AttackedClient, scripted_server: ScriptedServer, name: str) -> None:
    as_openai(scripted_server, owner="llamacpp")
    scripted_server.on("GET /props", answer({"default_generation_settings": {"n_ctx": 512}}))
    scripted_server.on("POST /tokenize", answer({"tokens": [1]}))
    attack = STREAMS[name][0] if name in STREAMS else play(SSE)
    scripted_server.on("POST /completion", attack)
    seen = await client.ask(url=scripted_server.url, do="warm", kind="llamacpp")
    assert (seen["error"], seen["warmed"]) == ("", 0)


# ---- on the wires that are no event streams ----------------------------------------------------------------------

_ONCE = json_line({"response": "Once"})
#: Streams of lines that begin with a word and go on badly, with the reason of the end.
LINES: dict[str, tuple[Handler, str]] = {
    "a line without end": (endless(NDJSON + _ONCE, b"x"), "cut"),
    "blank lines": (endless(NDJSON + _ONCE, b"\n"), "cut"),
    "objects of nothing": (endless(NDJSON + _ONCE, b"{}\n"), "cut"),
    "words without end": (endless(NDJSON + _ONCE, json_line({"response": " more" * 10})), "length"),
    "thoughts without end": (endless(NDJSON + _ONCE, json_line({"thinking": "hm " * 20})), "length"),
    "lists in a line": (play(NDJSON, _ONCE, b"[" + b"[]," * 349_000 + b"1]\n"), "cut"),
    "a line 100,000 deep": (play(NDJSON, _ONCE, b"[" * 100_000 + b"\n"), "cut"),
    "a drip of blank lines": (drip(NDJSON + _ONCE, b"\n"), "cut"),
    "figures beyond all figures": (
        play(NDJSON, _ONCE, b'{"response":"","done":true,"done_reason":[7],"eval_count":1e999,"eval_duration":-1,'
                            b'"prompt_eval_count":NaN,"logprobs":{"x":1}}\n'), "stop"),
    "a reset": (reset(NDJSON, _ONCE, b"\n"), "cut"),
}


@pytest.mark.parametrize("name", LINES)
async def test_in_the_middle_of_lines(client: AttackedClient, scripted_server: ScriptedServer, name: str) -> None:
    voice = next(v for v in VOICES if v.name == "ollama")
    attack, reason = LINES[name]
    voice.install(scripted_server, attack)
    seen = await client.ask(url=scripted_server.url, do="reply", limits=LONG if reason == "length" else LIMITS)
    assert seen["begins"].startswith("Once"), seen
    assert (seen["reason"], seen["finishes"]) == (reason, 1), seen
    assert seen["text"] + seen["thoughts"] <= 50 * 64 + 16_384


_JOB = "/api/v2/generate/text/status/job"
_HASTY = {"polling.SUBMIT_SECONDS": 0.4, "polling.CANCEL_SECONDS": 0.2, "polling.MOST_LAPSES": 1}
SOME = ("JSON without end", "objects as many as are taken", "JSON 100,000 deep", "integers of thousands of digits",
        "silence", "markup without end", "a header of a gigabyte", "a reset at once")


@pytest.mark.parametrize("stage", ["receipt", "status", "taking back"])
@pytest.mark.parametrize("name", SOME)
async def test_a_horde_of_attackers(
    client: AttackedClient, scripted_server: ScriptedServer, name: str, stage: str
) -> None:
    attack = (HEADS | DOCUMENTS)[name]
    scripted_server.on("GET /api/v2/status/models?type=text", answer([]))
    scripted_server.on("GET /api/v2/workers?type=text", answer([]))
    scripted_server.on("POST /api/v2/generate/text/async",
                       attack if stage == "receipt" else answer({"id": "job"}, "202 Accepted"))
    scripted_server.on(f"GET {_JOB}", attack if stage == "status" else answer({"done": False, "is_possible": False}))
    scripted_server.on(f"DELETE {_JOB}", attack if stage == "taking back" else answer({}))
    seen = await client.ask(url=scripted_server.url, do="reply", kind="horde", limits=FIRST | {"poll": 0.01},
                            patches=QUICK | _HASTY)
    assert (seen["reason"], seen["text"], seen["finishes"]) == ("error", 0, 1), seen
    assert scripted_server.url in seen["error"]
    assert len([r for r in scripted_server.requests if r.method == "POST"]) <= 4
