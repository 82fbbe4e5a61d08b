"""A server that plays a script, byte for byte: for faults that real servers have only on bad days, and for
KoboldCpp, which cannot be installed by pip.

In a test: `server.on("POST /v1/completions", play(SSE, b"data: …\n\n", 0.2, b"…"))`, or `as_openai(server, "text")`.
By itself: `python scripted.py --port 5001 --dialect koboldcpp --text "Hello there." --delay 30`, or with
`--script reply.json`, an object with any of: dialect ("openai", "koboldcpp"), replies (list of texts, in turn),
model, context, delay (ms a chunk), chunk (characters). It prints its address when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """The way back to the client; `gone` is set when it hangs up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.gone = asyncio.Event()
        self._watch = asyncio.create_task(self._wait_for_end(reader))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Cut the line so that the client sees a reset, not an end."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _wait_for_end(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            await reader.read(1)
        self.gone.set()

    async def close(self) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)


Handler = Callable[[Request, Line], Awaitable[None]]

#: Heads of answers whose end is the end of the connection.
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
NDJSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
STALL = object()
"""A step that waits until the client hangs up."""


def play(*steps: Any) -> Handler:
    """Bytes are sent, numbers are pauses in seconds, STALL waits for the client to go; then the line is cut."""

    async def handler(request: Request, line: Line) -> None:
        for step in steps:
            if step is STALL:
                await line.gone.wait()
            elif isinstance(step, bytes):
                await line.send(step)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(line.gone.wait(), step)

    return handler


def answer(data: Any, status: str = "200 OK", **headers: str) -> Handler:
    """A JSON answer (text and bytes go out as they are)."""
    body = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else json.dumps(data).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    if "content_type" not in headers:
        lines.append("Content-Type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return play("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def event(data: Any, newline: str = "\n") -> bytes:
    """One event with JSON data."""
    return f"data: {json.dumps(data, ensure_ascii=False)}{newline}{newline}".encode()


def json_line(data: Any) -> bytes:
    """One line of a stream of JSON documents."""
    return json.dumps(data, ensure_ascii=False).encode() + b"\n"


def chat_chunk(text: str = "", finish: str | None = None, **delta: Any) -> bytes:
    content = {"content": text} if text else {}
    return event({"choices": [{"index": 0, "delta": content | delta, "finish_reason": finish}]})


def text_chunk(text: str = "", finish: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "text": text, "finish_reason": finish}]})


@dataclass
class ScriptedServer:
    """Routes and what was asked. A route with several handlers plays them in turn and repeats the last; `otherwise`
    answers where there is none. `greeting` is sent before anything was asked. `hung_up` is set when a client left
    before its answer was complete."""

    routes: dict[str, list[Handler]] = field(default_factory=dict)
    otherwise: Handler = field(default_factory=lambda: answer({"detail": "Not Found"}, "404 Not Found"))
    greeting: bytes = b""
    requests: list[Request] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, route: str, *handlers: Handler) -> None:
        self.routes[route] = list(handlers)

    def asked(self, path: str) -> list[Request]:
        return [r for r in self.requests if r.path == path]

    async def start(self, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._connected, host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.greeting:
            writer.write(self.greeting)
            await writer.drain()
        request = await _read_request(reader)
        self.requests.append(request)
        handlers = self.routes.get(f"{request.method} {request.path}", [self.otherwise])
        handler = handlers.pop(0) if len(handlers) > 1 else handlers[0]
        line = Line(reader, writer)
        try:
            await handler(request, line)
        except ConnectionError:
            line.gone.set()
        finally:
            if line.gone.is_set():
                self.hung_up.set()
            await line.close()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def _parts(text: str, size: int) -> Iterator[str]:
    return (text[i : i + size] for i in range(0, len(text), size))


def as_openai(
    server: ScriptedServer,
    *replies: str,
    model: str = "scripted",
    owner: str = "me-not",
    delay: float = 0.0,
    chunk: int = 4,
    context: int | None = None,
) -> None:
    """Chat and text completion in OpenAI's manner; `owner` says whom to imitate ("vllm", "library", …)."""
    texts = cycle(replies or ("Hello.",))
    card: dict[str, Any] = {"id": model, "object": "model", "owned_by": owner}
    server.on(
        "GET /v1/models", answer({"object": "list", "data": [card | ({"max_model_len": context} if context else {})]})
    )

    def speak(make: Callable[..., bytes]) -> Handler:
        async def handler(request: Request, line: Line) -> None:
            text = next(texts)
            steps: list[Any] = [SSE]
            for part in _parts(text, chunk):
                steps += [make(part), delay]
            usage = {"prompt_tokens": len(request.body) // 4, "completion_tokens": -(-len(text) // chunk)}
            await play(*steps, make("", "stop"), event({"choices": [], "usage": usage}), b"data: [DONE]\n\n")(
                request, line
            )

        return handler

    server.on("POST /v1/chat/completions", speak(chat_chunk))
    server.on("POST /v1/completions", speak(text_chunk))


def as_koboldcpp(
    server: ScriptedServer,
    *replies: str,
    model: str = "scripted",
    delay: float = 0.0,
    chunk: int = 4,
    context: int = 4096,
    version: str = "1.99",
) -> None:
    """KoboldCpp's native API: stream, abort by key, counts (four characters a token, and BOS)."""
    texts = cycle(replies or ("Hello.",))
    aborted: set[str] = set()

    async def generate(request: Request, line: Line) -> None:
        text, key = next(texts), request.json["genkey"]
        await line.send(
            b"HTTP/1.0 200 OK\r\nServer: ConcedoLlamaForKoboldServer\r\nContent-Type: text/event-stream\r\n\r\n"
        )
        for part in _parts(text, chunk):
            await play(delay)(request, line)
            if line.gone.is_set() or key in aborted:
                return
            await line.send(_kobold_frame(part, "null"))
        await line.send(_kobold_frame("", "stop"))

    async def abort(request: Request, line: Line) -> None:
        aborted.add(request.json.get("genkey", ""))
        await answer({"success": "true", "done": "true"})(request, line)

    async def count(request: Request, line: Line) -> None:
        value = -(-len(request.json["prompt"]) // 4) + 1
        await answer({"value": value, "ids": [0] * value})(request, line)

    server.on("GET /api/extra/version", answer({"result": "KoboldCpp", "version": version}))
    server.on("GET /api/v1/model", answer({"result": f"koboldcpp/{model}"}))
    server.on("GET /api/extra/true_max_context_length", answer({"value": context}))
    server.on(
        "GET /api/extra/perf", answer({"last_token_count": 7, "last_input_count": 42, "last_seed": 11, "idle": 1})
    )
    server.on("POST /api/extra/generate/stream", generate)
    server.on("POST /api/extra/abort", abort)
    server.on("POST /api/extra/tokencount", count)


def _kobold_frame(token: str, finish: str) -> bytes:
    return b"event: message\n" + event({"token": token, "finish_reason": finish})


async def _main() -> None:
    parser = argparse.ArgumentParser(description="Plays a language model's server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--dialect", choices=("openai", "koboldcpp"), default="openai")
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds a chunk")
    options = parser.parse_args()
    script = json.loads(options.script.read_text("utf-8")) if options.script else {}
    server = ScriptedServer()
    play_as = as_koboldcpp if script.get("dialect", options.dialect) == "koboldcpp" else as_openai
    settings = {key: script[key] for key in ("model", "context", "chunk") if key in script}
    replies = script.get("replies") or options.text
    play_as(server, *replies, delay=script.get("delay", options.delay) / 1000, **settings)
    await server.start(options.port)
    print(server.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main())
