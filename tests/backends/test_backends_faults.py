"""What servers send on bad days, played byte for byte: broken streams, errors in odd places, silence."""

from __future__ import annotations

import asyncio
import json

import pytest
from scripted import (
    SSE,
    STALL,
    ScriptedServer,
    answer,
    chat_chunk,
    event,
    play,
)
from told import tell, told_by

from tui.backends.remote import RemoteBackend


async def test_a_plain_reply(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.finish.error) == ("Hello.", "stop", None)
    assert told.finish.usage.completion_tokens == 2
    assert told.finish.ttft_ms is not None
    sent = scripted_server.asked("/v1/chat/completions")[0]
    assert sent.json["stream"] is True
    assert sent.json["model"] == "scripted"
    assert sent.headers["accept"] == "text/event-stream"
    assert sent.headers["accept-encoding"] == "identity"


async def test_characters_cut_in_two_and_windows_line_ends(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    stream = (
        ": ping\r\n\r\n"
        + "".join(
            f"data: {json.dumps({'choices': [{'delta': {'content': t}}]}, ensure_ascii=False)}\r\n\r\n"
            for t in ("Привет, ", "🙂 мир")
        )
        + "data: [DONE]"
    ).encode()
    told = await told_by(scripted_server, backend, play(SSE, *(stream[i : i + 1] for i in range(len(stream)))))
    assert (told.text, told.finish.reason) == ("Привет, 🙂 мир", "stop")


async def test_halves_of_a_character_in_two_frames(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    frames = [
        b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ude42\\ufffd"}}]}\n\n',
    ]
    told = await told_by(scripted_server, backend, play(SSE, *frames, chat_chunk("", "length")))
    assert (told.text, told.finish.reason) == ("a🙂", "length")


async def test_an_error_inside_a_success_keeps_the_text(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    error = event({"error": {"message": "CUDA out of \x1b[31mmemory", "code": 500}})
    told = await told_by(scripted_server, backend, play(SSE, chat_chunk("Once"), error, b"data: [DONE]\n\n"))
    assert (told.text, told.finish.reason, told.kind) == ("Once", "error", "in_stream")
    assert "CUDA out of memory" in told.error


@pytest.mark.parametrize(
    "frame",
    [
        b'event: error\ndata: {"message":"no model"}\n\n',
        b'data: {"object":"error","message":"no model"}\n\n',
        b'data: {"detail":"no model"}\n\n',
        b'data: {"error":"no model"}\n\n',
    ],
)
async def test_every_kind_of_error_frame(scripted_server: ScriptedServer, backend: RemoteBackend, frame: bytes) -> None:
    told = await told_by(scripted_server, backend, play(SSE, frame))
    assert told.finish.reason == "error"
    assert "no model" in told.error


async def test_an_unknown_route_that_answers_200(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await told_by(scripted_server, backend, answer({"error": "Unexpected endpoint or method."}))
    assert told.finish.reason == "error"
    assert "Unexpected endpoint" in told.error


async def test_a_page_instead_of_a_stream(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await told_by(scripted_server, backend, answer("<html>hello</html>", content_type="Content-Type: text/html"))
    assert told.finish.reason == "error"


async def test_an_empty_success_is_an_error_that_explains(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    told = await told_by(scripted_server, backend, play(SSE))
    assert (told.finish.reason, told.kind) == ("error", "empty")
    assert "sent no text" in told.error
    silent = await told_by(scripted_server, backend, play(SSE, chat_chunk("", "stop"), b"data: [DONE]\n\n"))
    assert (silent.finish.reason, silent.kind) == ("error", "empty")


async def test_thoughts_alone_are_no_reply(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    thoughts = [chat_chunk(reasoning_content="Let me "), chat_chunk(reasoning="think.")]
    told = await told_by(scripted_server, backend, play(SSE, *thoughts, chat_chunk("", "length")))
    assert (told.thoughts, told.finish.reason, told.kind) == ("Let me think.", "error", "reasoning_only")
    spoken = await told_by(scripted_server, backend, play(SSE, *thoughts, chat_chunk("Yes."), chat_chunk("", "stop")))
    assert (spoken.thoughts, spoken.text, spoken.finish.reason) == ("Let me think.", "Yes.", "stop")


async def test_an_end_without_a_mark_is_a_cut(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await told_by(scripted_server, backend, play(SSE, chat_chunk("Once upon"), b'data: {"choices":[{"del'))
    assert (told.text, told.finish.reason) == ("Once upon", "cut")


async def test_a_broken_chunked_body_is_a_cut(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    frame = chat_chunk("Once")
    told = await told_by(scripted_server, backend, play(head, f"{len(frame):x}\r\n".encode() + frame + b"\r\n"))
    assert (told.text, told.finish.reason, told.kind) == ("Once", "cut", "broken")


async def test_silence_in_the_middle_ends_and_comments_are_a_sign_of_life(
    scripted_server: ScriptedServer,
    backend: RemoteBackend,
) -> None:
    stalled = await told_by(scripted_server, backend, play(SSE, chat_chunk("Once"), STALL))
    assert (stalled.text, stalled.finish.reason, stalled.kind) == ("Once", "cut", "idle")
    pings = [part for _ in range(4) for part in (b": keep-alive\n\n", 0.15)]
    told = await told_by(scripted_server, backend, play(SSE, chat_chunk("Once"), *pings, chat_chunk(" more", "stop")))
    assert (told.text, told.finish.reason) == ("Once more", "stop")


async def test_the_first_byte_may_take_its_time(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await told_by(scripted_server, backend, play(0.5, SSE, 0.5, chat_chunk("Once", "stop")))
    assert told.text == "Once"


async def test_a_line_without_end_is_cut_off(scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    told = await told_by(
        scripted_server, backend, play(SSE, chat_chunk("Once"), b"data: ", *[b"x" * 65536] * 40, STALL)
    )
    assert (told.text, told.finish.reason, told.kind) == ("Once", "cut", "protocol")
    await asyncio.wait_for(scripted_server.hung_up.wait(), 2)


async def test_a_server_that_never_stops_writing_is_stopped(
    scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    flood = [chat_chunk("x" * 5000)] * 20
    told = await told_by(scripted_server, backend, play(SSE, *flood, STALL), max_tokens=10)
    assert told.finish.reason == "length"
    assert len(told.text) < 25_000
