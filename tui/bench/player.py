"""A played server of models: it speaks KoboldCpp's native API, and the last message tells it what to write.

`play 100 400 words` makes it write 400 pieces of a fixed text, 100 a second (0: as fast as it can), behind the word
BEGUN; `play 20 100 stamps` writes the moment of each piece, in seconds of the monotonic clock, instead of words.
Run: python -m tui.bench.player, which prints its address; with `play 20 100 stamps` as its only argument it writes that
to standard output instead, a line a piece.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from tui.bench.texts import pieces

BEGUN = "BEGUN"
_ASKED = re.compile(r"play (\d+) (\d+) (words|stamps)")
_CONTEXT = 1_000_000                              # a window that is never full: nothing is cut, nothing summed up
_ANSWERS: dict[str, dict[str, Any]] = {
    "/api/extra/version": {"result": "KoboldCpp", "version": "1.99"},
    "/api/v1/model": {"result": "koboldcpp/played"},
    "/api/extra/true_max_context_length": {"value": _CONTEXT},
    "/api/extra/perf": {"last_token_count": 1, "last_input_count": 1, "last_seed": 1, "idle": 1},
    "/api/extra/abort": {"success": "true"},
}


@dataclass(frozen=True, slots=True)
class Play:
    """What to write: `count` pieces, `rate` a second (0: at once)."""

    rate: int
    count: int
    stamps: bool

    @classmethod
    def of(cls, prompt: str) -> Play:
        """What the last wish in a prompt says; one word for a prompt without any."""
        found = _ASKED.findall(prompt)
        return cls(int(found[-1][0]), int(found[-1][1]), found[-1][2] == "stamps") if found else cls(0, 1, False)

    def pieces(self) -> Iterator[str]:
        """Each piece, made at the moment at which it is taken."""
        if self.stamps:
            return (f"{time.monotonic():.6f} " for _ in range(self.count))
        return pieces(self.count)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
        body = await reader.readexactly(int(length[1])) if length else b""
        path = head.split(" ", 2)[1]
        if path == "/api/extra/generate/stream":
            await _write(writer, json.loads(body))
        elif path == "/api/extra/tokencount":
            _answer(writer, {"value": len(json.loads(body)["prompt"]) // 4 + 1, "ids": []})
        else:
            _answer(writer, _ANSWERS.get(path))
        await writer.drain()
    writer.close()


async def _write(writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    play = Play.of(asked["prompt"])
    if not play.stamps:
        writer.write(_frame(f"{BEGUN} "))
    async for piece in _paced(play):
        writer.write(_frame(piece))
        await writer.drain()
    writer.write(_frame("", "stop"))


async def _paced(play: Play) -> AsyncIterator[str]:
    began, written = time.monotonic(), play.pieces()
    for number in range(play.count):
        if play.rate and (early := began + number / play.rate - time.monotonic()) > 0:
            await asyncio.sleep(early)
        yield next(written)


def _frame(token: str, finish: str = "null") -> bytes:
    return f"event: message\ndata: {json.dumps({'token': token, 'finish_reason': finish})}\n\n".encode()


def _answer(writer: asyncio.StreamWriter, data: dict[str, Any] | None) -> None:
    status = "200 OK" if data is not None else "404 Not Found"
    body = json.dumps(data or {}).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)


async def _to_pipe(play: Play) -> None:
    async for piece in _paced(play):
        sys.stdout.write(f"{piece.strip()}\n")
        sys.stdout.flush()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    print(f"http://{host}:{port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_to_pipe(Play.of(sys.argv[1])) if len(sys.argv) > 1 else _main())
