"""A worker of the engine without a model: what the last message wishes is written, as `tui.bench.player` reads it.

It speaks the engine's protocol over its pipes, so that a core that is measured with it does all that it does with a
model but wait for one. Run: python played_worker.py --core, which serves a core that takes this worker for llama.cpp.
"""

from __future__ import annotations

import sys
import time
from typing import Any, BinaryIO

from tui.bench.player import Play
from tui.engine import protocol

_FACTS = {
    "context": 1_000_000, "trained_context": 1_000_000, "adds_bos": False, "bos": "", "eos": "<|im_end|>",
    "chat_template": "", "special_tokens": [], "can_shift": False, "cache": "plain", "notices": [],
    "description": "played", "details": {"gpu_build": False},
}


def _write(out: BinaryIO, command: dict[str, Any]) -> None:
    key = command["id"]
    play = Play.of("".join(text for text, _ in command["pieces"]))
    due = time.monotonic()
    for piece in play.pieces():
        out.write(protocol.encode({"is": "text", "id": key, "text": piece}))
        if play.rate:
            due += 1 / play.rate
            time.sleep(max(0.0, due - time.monotonic()))
    out.write(protocol.encode({"is": "finish", "id": key, "outcome": {
        "reason": "stop", "window_full": False, "prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": play.count,
        "shifted": 0, "ttft_ms": 1.0, "tokens_per_second": float(play.rate), "stop_string": "", "seed": 1,
        "clamped": [],
    }}))


def worker() -> None:
    """Answer commands until the pipe ends."""
    out = open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115
    for line in sys.stdin.buffer:
        command = protocol.decode(line)
        match command["do"]:
            case "load":
                out.write(protocol.encode({"is": "ready", "facts": _FACTS}))
            case "complete":
                _write(out, command)
            case "count":
                counts = [sum(len(text) for text, _ in prompt) // 4 + 1 for prompt in command["prompts"]]
                out.write(protocol.encode({"is": "counted", "id": command["id"], "counts": counts}))
            case "warm":
                out.write(protocol.encode({"is": "warmed", "id": command["id"], "tokens": 0}))
            case "ping":
                out.write(protocol.encode({"is": "here"}))


def core() -> None:
    """`traktir serve`, with this file in the place of the engine's worker."""
    from tui.cli import main
    from tui.engine import process

    process.WORKER = ("-P", __file__)
    raise SystemExit(main(["serve"]))


if __name__ == "__main__":
    core() if sys.argv[1:] == ["--core"] else worker()
