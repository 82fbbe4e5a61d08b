"""Pictures that a person attaches: stored once, in the prompt where the model sees, named where it does not."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from core_table import Table, chat_chunk
from scripted import SSE, Line, Request, ScriptedServer, answer, as_koboldcpp

from tui.domain.errors import BadInput, NotFound
from tui.wire.ids import new_id

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
SERVERS = Path(__file__).parents[1] / "backends"

native = pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed")


def given(data: bytes, name: str = "lamp.png") -> dict[str, str]:
    return {"name": name, "data": base64.b64encode(data).decode()}


def small(seed: int = 1) -> bytes:
    """A PNG made without numpy."""
    import struct
    import zlib

    rows = b"".join(b"\0" + bytes((seed * 40 + x * 3 + y) % 256 for x in range(24 * 3)) for y in range(16))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 24, 16, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)


async def show(table: Table, chat: str, text: str, *images: dict[str, str]) -> tuple[str, str, dict[str, Any]]:
    """Say something with pictures and wait: the message's id, the reply's, and the turn's end."""
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    said, reply = new_id(), new_id()
    await table.call("turn.say", chat=chat, parent=head, node=said, revision=new_id(), text=text, reply=reply,
                     reply_revision=new_id(), images=list(images))
    return said, reply, await table.done(reply)


async def seeing(table: Table, folder: Path) -> None:
    """Make the starter model see, through a projector of random weights."""
    from vision_models import write_projector

    projector = write_projector(folder / "mmproj.gguf", 256)
    text = f"backend:\n  kind: embedded\n  model: starter\n  mmproj: {projector}\nsamplers: starter\nprompt: starter\n"
    await table.call("presets.save", kind="profiles", id="eyes", text=text)
    await table.call("profiles.use", id="eyes")


@native
async def test_a_picture_is_stored_once_and_seen_where_it_stands(table: Table, tmp_path: Path) -> None:
    await seeing(table, tmp_path)
    chat = await table.new_chat()
    said, reply, end = await show(table, chat, "What is on this?", given(small(), "../../la\x1b[2Jmp.png"))
    assert end["error"] is None
    [image] = (await table.node(chat, said))["revisions"][0]["images"]
    assert (image["name"], image["mime"], image["width"], image["height"]) == ("lamp.png", "image/png", 24, 16)
    assert (await table.node(chat, said))["revisions"][0]["text"] == "What is on this?"
    assert base64.b64decode((await table.call("pictures.get", chat=chat, id=image["id"]))["data"]) == small()
    with pytest.raises(NotFound):
        await table.call("pictures.get", chat=await table.new_chat(), id=image["id"])
    made = (await table.call("node.generation", chat=chat, node=reply))["plan"]
    part = next(s for s in made["segments"] if s["source"] == f"message:{said}")
    assert part["text"] == "▣ lamp.png · 24×16\nWhat is on this?"
    assert made["counts"] == "exact"
    assert part["tokens"] > 16, "the tokens of the picture are counted"
    _, _, end = await show(table, chat, "And now?")
    assert end["miss"] is None, "what has been seen is not looked at again"
    assert end["reused"] > part["tokens"]
    await show(table, chat, "Again.", given(small(), "same.png"))
    rows = await table.core.store.pictures([image["id"]])
    assert list(rows) == [image["id"]]
    await table.settled(chat)


@native
async def test_the_plan_knows_what_a_picture_takes(table: Table, tmp_path: Path) -> None:
    await seeing(table, tmp_path)
    chat = await table.new_chat()
    said, _, end = await show(table, chat, "Look!", *(given(small(n), f"{n}.png") for n in range(3)))
    shown = await table.call("prompt.show", chat=chat, head=said)
    assert shown["tokens"] == end["prompt_tokens"], "as many as the engine read"
    assert "\ufdd0" not in json.dumps(shown, ensure_ascii=False)
    assert shown["text"].count("▣") == 3


async def test_undo_takes_the_message_back_and_keeps_the_picture(table: Table, scripted_server: ScriptedServer) -> None:
    chatting(scripted_server)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    said, _, _ = await show(table, chat, "", given(small()))
    [image] = (await table.node(chat, said))["revisions"][0]["images"]
    while any(n["id"] == said and not n["deleted"] for n in (await table.call("chats.open", id=chat))["nodes"]):
        await table.call("chats.undo", id=chat)
    assert (await table.call("pictures.get", chat=chat, id=image["id"]))["size"] == len(small())
    await table.call("chats.redo", id=chat)
    await table.call("node.edit", chat=chat, node=said, revision=new_id(), text="This one.")
    node = await table.node(chat, said)
    assert [list(r["images"]) for r in node["revisions"]] == [[image], [image]], "an edited message keeps its picture"
    await table.settled(chat)


async def test_a_model_that_sees_nothing_reads_the_name_and_the_person_is_told(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    as_koboldcpp(scripted_server, "Yes.")
    await table.use_server(scripted_server.url, kind="koboldcpp")
    chat = await table.new_chat()
    _, _, end = await show(table, chat, "Look!", given(small(), "a lamp.png"))
    assert any("does not see pictures" in told["id"] for told in end["notices"])
    body = scripted_server.asked("/api/extra/generate/stream")[-1].json
    assert "[image: a lamp.png]\nLook!" in body["prompt"]
    assert not body.get("images")
    _, _, end = await show(table, chat, "And now?")
    assert not any("pictures" in told["id"] for told in end["notices"]), "once is enough"


async def test_a_server_that_chats_gets_the_picture_as_a_part(table: Table, scripted_server: ScriptedServer) -> None:
    bodies = chatting(scripted_server)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    said, reply, _ = await show(table, chat, "Look!", given(small(), "a lamp.png"))
    [part, text] = bodies[-1]["messages"][-1]["content"]
    assert part["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(small()).decode()}"
    assert text == {"type": "text", "text": "Look!"}
    plan = (await table.call("node.generation", chat=chat, node=reply))["plan"]
    assert plan["counts"] == "estimate"
    assert next(s for s in plan["segments"] if s["source"] == f"message:{said}")["tokens"] > 256


async def test_a_server_that_refuses_pictures_is_asked_with_words(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    """Else no later turn of the chat would go through either."""
    bodies: list[dict[str, Any]] = []

    async def speak(request: Request, line: Line) -> None:
        bodies.append(request.json)
        if any(isinstance(message["content"], list) for message in request.json["messages"]):
            await answer({"error": {"message": "scripted is not a multimodal model", "code": 400}},
                         "400 Bad Request")(request, line)
        else:
            await line.send(SSE + chat_chunk("Yes.") + chat_chunk("", "stop") + b"data: [DONE]\n\n")

    chatting(scripted_server)
    scripted_server.on("POST /v1/chat/completions", *[speak] * 8)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    _, _, end = await show(table, chat, "", given(small()))
    assert (end["error"], end["finish"]) == (None, "stop")
    assert any("takes no pictures" in told["id"] for told in end["notices"])
    asked = len(bodies)
    _, _, end = await show(table, chat, "And now?")
    assert end["error"] is None
    assert len(bodies) == asked + 1, "it is not tried again"


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"BM" + b"\0" * 40, b"\xff\xd8\xff\xe0\0\0"],
)
async def test_what_is_no_picture_is_refused_and_nothing_is_said(table: Table, data: bytes) -> None:
    chat = await table.new_chat()
    before = await table.call("chats.open", id=chat)
    with pytest.raises(BadInput):
        await show(table, chat, "Look!", given(data))
    assert (await table.call("chats.open", id=chat))["nodes"] == before["nodes"]


async def test_marks_cannot_be_smuggled_in(table: Table, scripted_server: ScriptedServer) -> None:
    bodies = chatting(scripted_server)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    await show(table, chat, "a\ufdd0\ufde1\ufdd1b")
    assert bodies[-1]["messages"][-1]["content"] == "ab"


@native
@pytest.mark.parametrize("mode", ["text", "chat"])
async def test_the_real_llama_server_sees_through_its_own_routes(
    table: Table, tmp_path: Path, starter: Path, mode: str,
) -> None:
    """Text completion with its marker, and messages with parts; its count of tokens shows that it looked."""
    pytest.importorskip("xllamacpp")
    from vision_models import write_projector

    projector = write_projector(tmp_path / "mmproj.gguf", 256)
    with seeing_server(starter, projector, tmp_path / "log") as url:
        await table.use_server(url, kind="llamacpp", mode=mode)
        chat = await table.new_chat()
        _, _, without = await show(table, chat, "Look at this!")
        _, _, seen = await show(table, await table.new_chat(), "Look at this!", given(small()))
        assert seen["error"] is None
        assert not any("pictures" in told["id"] for told in seen["notices"])
        assert 16 <= seen["prompt_tokens"] - without["prompt_tokens"] <= 24, "sixteen, and a line end"


@contextlib.contextmanager
def seeing_server(model: Path, projector: Path, log: Path) -> Iterator[str]:
    """The real llama-server with a projector: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, str(SERVERS / "serve_xllamacpp.py"), str(model), str(port), "1024"]
    environment = {**os.environ, "MMPROJ": str(projector)}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
        try:
            until = time.monotonic() + 60
            while not _answers(f"http://127.0.0.1:{port}/health"):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def chatting(server: ScriptedServer) -> list[dict[str, Any]]:
    """A server that only chats; what it was sent."""
    bodies: list[dict[str, Any]] = []

    async def speak(request: Request, line: Line) -> None:
        bodies.append(json.loads(request.body))
        await line.send(SSE + chat_chunk("Yes.") + chat_chunk("", "stop") + b"data: [DONE]\n\n")

    server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "scripted", "object": "model"}]}))
    server.on("POST /v1/chat/completions", *[speak] * 8)
    return bodies
