"""A client in a process of its own, under watch: what an attack costs it in memory and in time of its event loop.

One JSON object a line comes in: url, do ("probe", "reply", "leave", "count", "warm", "abort"), kind, key, patches
(constants of modules of tui.backends and what they shall be meanwhile; but for "probe" only once the server is known,
so that no slow machine fails an ordinary answer). One a line goes out: the sentence, the costs.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui.backends.patience import Limits
from tui.backends.remote import RemoteBackend
from tui.domain.backend import ChatMessage, CompletionRequest, Finish, Piece, Reasoning, Status, Text
from tui.domain.endpoint import Endpoint
from tui.domain.errors import TraktirError
from tui.domain.samplers import Samplers

TICK = 0.001


class Watch:
    """Ticks, and notes the most processor time that this thread spent between two ticks: what blocks the loop, however
    busy the machine is with others. Memory is the peak of what the process holds."""

    def __init__(self) -> None:
        self.blocked = 0.0
        gc.collect()
        self._before = _memory("VmRSS")
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")           # the peak begins anew
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(TICK)
            now = time.thread_time()
            self.blocked = max(self.blocked, now - last)
            last = now

    async def end(self) -> dict[str, Any]:
        await asyncio.sleep(2 * TICK)
        self._task.cancel()
        return {"blocked_ms": round(self.blocked * 1000, 1), "grown_kb": _memory("VmHWM") - self._before}


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return 0


def request() -> CompletionRequest:
    return CompletionRequest(
        "r1", (Piece("Hi."),), Samplers(), 50, stop=("\nYou:",), messages=(ChatMessage("user", "Hi."),)
    )


async def reply(backend: RemoteBackend, leave: str) -> dict[str, Any]:
    """One reply; `leave`: aborted when the first word came ("word"), or soon after it was asked for ("soon")."""
    seen: dict[str, Any] = {"text": 0, "thoughts": 0, "finishes": 0, "statuses": [], "error": "", "kind": ""}
    if leave == "soon":
        asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(backend.abort("r1")))
    async for said in backend.complete(request()):
        if isinstance(said, Text):
            seen["text"] += len(said.text)
            seen.setdefault("begins", said.text[:40])
            if leave == "word":
                await backend.abort("r1")
        elif isinstance(said, Reasoning):
            seen["thoughts"] += len(said.text)
        elif isinstance(said, Status):
            seen["statuses"] = [*seen["statuses"], str(said.notice)][-5:]
        elif isinstance(said, Finish):
            seen["finishes"] += 1
            seen["reason"] = said.reason
            seen |= sentence(said.error)
    return seen


def sentence(error: TraktirError | None) -> dict[str, Any]:
    return {"error": str(error), "kind": str(error.details.get("kind"))} if error else {}


async def act(told: dict[str, Any]) -> dict[str, Any]:
    limits = Limits(**told["limits"]) if "limits" in told else None
    endpoint = Endpoint(told["url"], api_key=told.get("key", ""), kind=told.get("kind", "auto"),
                        headers=told.get("headers", {}))
    backend = RemoteBackend(endpoint, limits=limits)
    seen: dict[str, Any] = {"error": "", "kind": ""}
    try:
        if told["do"] != "probe":
            await backend.capabilities()
        patch(told)
        if told["do"] == "probe":
            found = await backend.probe()
            seen |= {"found": found.to_json(), **sentence(found.problem)}
        elif told["do"] == "count":
            seen["counts"] = await backend.count_tokens([[Piece("some words to count")], [Piece("слово " * 40)]])
        elif told["do"] == "warm":
            seen["warmed"] = await backend.warm(request())
        else:
            seen = await reply(backend, {"leave": "soon", "abort": "word"}.get(told["do"], ""))
    except TraktirError as error:
        seen |= sentence(error)
    finally:
        await backend.close()
    return seen


_CHANGED: dict[tuple[Any, str], Any] = {}


def patch(told: dict[str, Any]) -> None:
    for name, value in told.get("patches", {}).items():
        module = importlib.import_module(f"tui.backends.{name.rpartition('.')[0]}")
        constant = name.rpartition(".")[2]
        _CHANGED[module, constant] = getattr(module, constant)
        setattr(module, constant, value)


def patch_back() -> None:
    for (module, constant), value in _CHANGED.items():
        setattr(module, constant, value)
    _CHANGED.clear()


async def watched(told: dict[str, Any]) -> dict[str, Any]:
    watch = Watch()
    try:
        seen = await asyncio.wait_for(act(told), 120)
    except TimeoutError:
        seen = {"error": "STILL AT IT", "kind": "hung"}
    except Exception as error:
        seen = {"error": f"RAISED {type(error).__name__}: {error}", "kind": "raised"}
    costs = await watch.end()
    patch_back()
    return seen | costs


def main() -> None:
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            gc.collect()
            gc.freeze()                                             # what is there already is not looked through again
            print(json.dumps(runner.run(watched(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
