"""The whole program as a client sees it: a core of its own with the embedded engine, asked over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tui.bench.contenders import CONTEXT, Run, Task
from tui.bench.processes import tree_cpu_s
from tui.bench.stage import Stage
from tui.client.connection import Connection, Event
from tui.client.launch import ensure_core
from tui.domain.errors import EngineError, TraktirError
from tui.domain.notice import notice
from tui.domain.samplers import Samplers
from tui.wire.ids import new_id

_PROFILES = {True: "chain", False: "greedy"}


class WholeStack:
    """A chat whose next message is said again and again at the same place, so that each prompt is known before."""

    def __init__(self, stage: Stage, runner: asyncio.Runner, model: Path, threads: int, ends: Sequence[str]) -> None:
        self._stage, self._runner = stage, runner
        self._write_presets(model, threads, ends)
        stage.call("settings.set", name="read_ahead", value=False)    # it would work while others are measured
        self._chats = {chain: stage.chat(2) for chain in _PROFILES}
        for chain, name in _PROFILES.items():
            stage.traktir("chats", "set", self._chats[chain], f"profile={name}")
        self._newest: str | None = None
        self._seed = 0
        self._connection = runner.run(_connected())
        self._core = stage.core_pid()

    def prompt(self, said: str, *, chain: bool) -> str:
        """Exactly what the model will read when `said` is said."""
        return str(self._runner.run(self._connection.call("prompt.show", chat=self._chats[chain], text=said))["text"])

    def say(self, said: str, task: Task) -> Run:
        """Have it answered with `task.tokens` tokens, seen from the client."""
        return self._runner.run(self._say(self._chats[task.chain], said, task.tokens))

    def close(self) -> None:
        self._runner.run(self._connection.close())

    async def _say(self, chat: str, said: str, tokens: int) -> Run:
        async with contextlib.aclosing(self._connection.events(self._newest)) as events:
            parent = await self._ready(events, chat, tokens)
            reply, cpu, asked = new_id(), tree_cpu_s(self._core), time.perf_counter()
            await self._connection.call(
                "turn.say", chat=chat, parent=parent, node=new_id(), revision=new_id(), text=said, reply=reply,
                reply_revision=new_id(),
            )
            first, ended, done = await self._watch(events, reply)
        if done.get("error"):
            raise TraktirError.from_json(done["error"])
        after, read = tree_cpu_s(self._core), (done["prompt_tokens"] or 0) - (done["reused"] or 0)
        spent = None if cpu is None or after is None else 1000 * (after - cpu)
        return Run(1000 * (first - asked), 1000 * (ended - asked), spent, read, done["completion_tokens"] or 0)

    async def _ready(self, events: AsyncIterator[Event], chat: str, tokens: int) -> str:
        """Set the length of replies, and a seed that is new: when that is heard of, the events come. Returns what the
        next message follows."""
        self._seed += 1
        values = {"max_tokens": tokens, "seed": self._seed}
        await self._connection.call("chats.set", id=chat, field="samplers", value=values)
        async for event in events:
            if chat in (event.data.get("chat"), event.data.get("id"), (event.data.get("fields") or {}).get("id")):
                break
        tree = await self._connection.call("chats.open", id=chat)
        return str(tree["nodes"][1]["id"])

    async def _watch(
        self, events: AsyncIterator[Event], reply: str,
    ) -> tuple[float, float, dict[str, Any]]:
        """When the first text and the end of that reply arrived, and what the end said."""
        first: float | None = None
        async for event in events:
            self._newest = event.id or self._newest
            if first is None and _shows(event.data, reply):
                first = time.perf_counter()
            if event.data.get("type") == "turn" and event.data.get("node") == reply and event.data["state"] == "done":
                if first is None and not event.data.get("error"):
                    raise EngineError(notice("The model ended its reply at once; there is nothing to measure."))
                return first or 0.0, time.perf_counter(), event.data
        raise EngineError(notice("The stream of a reply ended early."))

    def _write_presets(self, model: Path, threads: int, ends: Sequence[str]) -> None:
        root = self._stage.folder / "home" / "config" / "presets"
        for folder in ("profiles", "samplers"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for chain, name in _PROFILES.items():
            wanted, usual = Task("", 1, chain).samplers(ends).to_json(), Samplers().to_json()
            preset = {"label": name, **{key: value for key, value in wanted.items() if value != usual[key]}}
            (root / "samplers" / f"{name}.yaml").write_text(yaml.safe_dump(preset), "utf-8")
            profile = {
                "label": name, "template": "chatml", "samplers": name,
                "backend": {"kind": "embedded", "model": str(model), "context_length": CONTEXT, "threads": threads},
            }
            (root / "profiles" / f"{name}.yaml").write_text(yaml.safe_dump(profile), "utf-8")


def _shows(data: dict[str, Any], reply: str) -> bool:
    """Whether an event brings text of that reply."""
    if data.get("type") == "node":
        node = data.get("node") or {}
        return node.get("id") == reply and bool(node["revisions"][-1]["text"])
    return data.get("type") == "delta" and data.get("node") == reply


async def _connected() -> Connection:
    return await Connection.open(await ensure_core(accept_any_build=True))
