"""What a malicious server sends: as handlers of the scripted server, each of which goes on until the client leaves."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from typing import Any

from scripted import SSE, STALL, Handler, Line, Request, answer, event, play

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
BLOCK = 1 << 16
#: Far more than any limit, should a client have none: the test then ends all the same.
MUCH = 256 << 20


def endless(start: bytes, again: bytes) -> Handler:
    """`start`, then `again` and again, until the client leaves."""
    block = again * max(1, BLOCK // len(again))

    async def handler(request: Request, line: Line) -> None:
        await line.send(start)
        sent = 0
        while not line.gone.is_set() and sent < MUCH:
            await line.send(block)
            sent += len(block)

    return handler


def drip(start: bytes, again: bytes, seconds: float = 0.02) -> Handler:
    """`start`, then `again` every now and then, for ever."""

    async def handler(request: Request, line: Line) -> None:
        await line.send(start)
        while not line.gone.is_set():
            await play(again, seconds)(request, line)

    return handler


def reset(*before: bytes) -> Handler:
    async def handler(request: Request, line: Line) -> None:
        await play(*before)(request, line)
        line.reset()

    return handler


def chat(**delta: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


#: Heads: what comes before any answer. All of them are refused with one sentence, wherever they come.
HEADS: Mapping[str, Handler] = {
    "a header of a gigabyte": endless(OK + b"X-Pad: ", b"a"),
    "headers without number": endless(OK, b"A: b\r\n"),
    "headers of nothing": endless(OK, b"A:\r\n"),
    "a status line without end": endless(b"HTTP/1.1 200 ", b"O"),
    "interim answers without number": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints without number": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "a head that never ends": drip(OK, b"a"),
    "a TLS alert": play(b"\x15\x03\x01\x00\x02\x02\x46", STALL),
    "noise": endless(b"", bytes(range(256))),
    "zeros": endless(b"", b"\0"),
    "another protocol": play(b"220 mail.example ESMTP ready\r\n", STALL),
    "a status of many digits": play(b"HTTP/1.1 200200200 OK\r\n\r\n"),
    "a length of many digits": play(OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", STALL),
    "a negative length": play(OK + b"Content-Length: -5\r\n\r\nhello", STALL),
    "two lengths": play(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", STALL),
    "a length that is no number": play(OK + b"Content-Length: many\r\n\r\nhello", STALL),
    "an encoding that nobody knows": play(OK + b"Transfer-Encoding: magic\r\n\r\nhello", STALL),
    "a reset at once": reset(),
    "a reset in the status line": reset(b"HTTP/1.1 20"),
    "a reset in the headers": reset(OK + b"X-Half"),
    "an end at once": play(),
    "an end in the headers": play(OK + b"X-Half"),
}

_ZEROS = b"\0" * (64 << 20)
PACKED: Mapping[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(_ZEROS, 9)),
    "deflate": ("deflate", zlib.compress(_ZEROS, 9)),
    "gzip in gzip in gzip": ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(_ZEROS, 9), 9), 9)),
    "brotli": ("br", b"\x81\x00\x00\x00" * 1000),
    "zstd": ("zstd", b"\x28\xb5\x2f\xfd" * 1000),
    "an encoding with escapes": ("\x1b[31mgzip", b"x"),
}
del _ZEROS


def packed(encoding: str, body: bytes, content_type: str = "application/json") -> Handler:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Encoding: {encoding}\r\n"
    return play(head.encode("latin-1") + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _deep(text: str, depth: int = 100_000) -> str:
    return '{"error":' * depth + text + "}" * depth


#: Documents where a small JSON document is expected.
DOCUMENTS: Mapping[str, Handler] = {
    "JSON without end": endless(JSON_HEAD + b"[", b"[],"),
    "a string without end": endless(JSON_HEAD + b'{"data":"', b"a"),
    "JSON as large as is taken": answer(b"[" + b"[]," * ((4 << 20) // 3 - 8) + b"1]"),
    "objects as many as are taken": answer(b"[" + b'{"a":1},' * ((4 << 20) // 8 - 8) + b"1]"),
    "JSON 100,000 deep": answer("[" * 100_000 + "]" * 100_000),
    "an error 100,000 deep": answer(_deep('"no"')),
    "an error 900 deep": answer(_deep('"no"', 900)),
    "integers of thousands of digits": answer("[" + ("9" * 4000 + ",") * 1000 + "1]"),
    "an integer of 5000 digits": answer('{"data":[{"id":"m","max_model_len":' + "9" * 5000 + "}]}"),
    "a body that never ends": drip(JSON_HEAD, b" "),
    "silence": play(STALL),
    "silence after the head": play(JSON_HEAD, STALL),
    "trailers without end": endless(CHUNKED.replace(b"text/event-stream", b"application/json") + b"0\r\n", b"A: b\r\n"),
    "chunks of one byte": endless(CHUNKED.replace(b"text/event-stream", b"application/json"), b"1\r\n[\r\n"),
    "markup without end": answer("<" * 65_000, "500 Oops", content_type="Content-Type: text/html"),
    "styles without end": answer("<style" * 10_000, "500 Oops", content_type="Content-Type: text/html"),
}

#: Streams that begin with a word and go on badly. Text and the reason of the end are given with each.
STREAMS: Mapping[str, tuple[Handler, str]] = {
    "a line without end": (endless(SSE + chat(content="Once"), b"x"), "cut"),
    "a data line without end": (endless(SSE + chat(content="Once") + b"data: ", b"x"), "cut"),
    "an event without end": (endless(SSE + chat(content="Once"), b"data: x\n"), "cut"),
    "frames of nothing": (endless(SSE + chat(content="Once"), b"data:\n\n"), "cut"),
    "blank lines": (endless(SSE + chat(content="Once"), b"\n"), "cut"),
    "carriage returns": (endless(SSE + chat(content="Once"), b"\r"), "cut"),
    "comments without end": (endless(SSE + chat(content="Once"), b": still here\n\n"), "cut"),
    "empty objects": (endless(SSE + chat(content="Once"), b"data:{}\n\n"), "cut"),
    "empty deltas": (endless(SSE + chat(content="Once"), chat()), "cut"),
    "figures without end": (
        endless(SSE + chat(content="Once"), event({"choices": [], "usage": {"prompt_tokens": 1e18}})), "cut"),
    "progress without end": (
        endless(SSE + chat(content="Once"),
                event({"choices": [], "prompt_progress": {"total": 9, "processed": -4, "cache": 10**17}})), "cut"),
    "thoughts without end": (endless(SSE + chat(content="Once"), chat(reasoning_content="hm " * 20)), "length"),
    "words without end": (endless(SSE + chat(content="Once"), chat(content=" more" * 10)), "length"),
    "one word of a megabyte": (play(SSE, chat(content="Once"), chat(content="x" * 1_000_000), STALL), "length"),
    "lists in a frame": (play(SSE, chat(content="Once"), b"data: [" + b"[]," * 349_000 + b"1]\n\n"), "cut"),
    "numbers in a frame": (play(SSE, chat(content="Once"), b"data: [" + b"1e1," * 261_000 + b"1]\n\n"), "cut"),
    "documents in a frame": (play(SSE, chat(content="Once"), b"data: 1\n" * 500_000 + b"\n"), "cut"),
    "a frame 100,000 deep": (play(SSE, chat(content="Once"), b"data: " + b"[" * 100_000 + b"\n\n"), "cut"),
    "numbers beyond all numbers": (
        play(SSE, chat(content="Once"),
             b'data: {"choices":[],"timings":{"predicted_per_second":' + b"9" * 4000 + b',"prompt_n":1e999,'
             b'"cache_n":NaN,"predicted_n":-Infinity},"usage":{"prompt_tokens":-1,"completion_tokens":1e400}}\n\n',
             event({"choices": [{"delta": {}, "finish_reason": "stop"}]})), "stop"),
    "NULs and halves of characters": (
        play(SSE, chat(content="Once"), b'data: {"choices":[{"delta":{"content":"\\u0000 \\ud800\\udc"}}]}\n\n',
             b'data: {"choices":[{"delta":{"content":" \\u0000\\ud800 \\udfff"}}]}\n\n',
             event({"choices": [{"delta": {}, "finish_reason": "stop"}]})), "stop"),
    "chunks of one byte": (endless(CHUNKED + b"%x\r\n%s\r\n" % (len(chat(content="Once")), chat(content="Once")),
                                   b"1\r\n\n\r\n"), "cut"),
    "a chunk size that is none": (play(CHUNKED + b"%x\r\n%s\r\n" % (len(chat(content="Once")), chat(content="Once")),
                                       b"zz\r\nxx\r\n", STALL), "cut"),
    "a negative chunk": (play(CHUNKED + b"%x\r\n%s\r\n" % (len(chat(content="Once")), chat(content="Once")),
                              b"-1\r\nxx\r\n", STALL), "cut"),
    "a chunk of all the world": (play(CHUNKED + b"%x\r\n%s\r\n" % (len(chat(content="Once")), chat(content="Once")),
                                      b"ffffffffffffffffff\r\nxx", b"x"), "cut"),
    "trailers without end": (endless(CHUNKED + b"%x\r\n%s\r\n" % (len(chat(content="Once")), chat(content="Once"))
                                     + b"0\r\n", b"A: b\r\n"), "cut"),
    "a chunk extension without end": (
        endless(CHUNKED + b"%x\r\n%s\r\n" % (len(chat(content="Once")), chat(content="Once")) + b"1;x=", b"a"), "cut"),
    "a length too short": (
        play(OK + b"Content-Length: %d\r\n\r\n" % (len(chat(content="Once")) + 3), chat(content="Once"),
             chat(content=" more"), STALL), "cut"),
    "a length too long": (play(OK + b"Content-Length: 99999\r\n\r\n", chat(content="Once")), "cut"),
    "a reset": (reset(SSE, chat(content="Once"), b": x\n\n"), "cut"),
    "a drip without a line": (drip(SSE + chat(content="Once"), b"x"), "cut"),
    "a drip of comments": (drip(SSE + chat(content="Once"), b":\n"), "cut"),
    "silence": (play(SSE, chat(content="Once"), STALL), "cut"),
    "an end that is followed by a drip": (
        drip(SSE + chat(content="Once") + event({"choices": [{"delta": {}, "finish_reason": "stop"}]}), b":\n"),
        "stop"),
}
