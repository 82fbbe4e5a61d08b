"""A core as tests use it: call it, hear what it tells, wait for what is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scripted import SSE, Line, Request, ScriptedServer, answer, chat_chunk

from tui.core.app import Core
from tui.wire.deltas import apply_delta
from tui.wire.ids import new_id


class Table:
    """A core, and everything that it told."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.heard: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        core.subscribe(self._hear)

    def _hear(self, event: dict[str, Any]) -> None:
        self.heard.append(event)
        task = asyncio.ensure_future(self._wake())
        task.add_done_callback(lambda t: t.exception())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def call(self, method: str, **params: Any) -> Any:
        return await self.core.call(method, params)

    async def until(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 60) -> dict[str, Any]:
        """The first event told so far, or told yet, that is `wanted`."""
        async with asyncio.timeout(timeout), self._changed:
            while True:
                for event in self.heard:
                    if wanted(event):
                        return event
                await self._changed.wait()

    async def done(self, node: str) -> dict[str, Any]:
        """The end of the turn that makes `node`."""
        return await self.until(lambda e: e["type"] == "turn" and e.get("node") == node and e["state"] == "done")

    async def new_chat(self, character: str = "mira", **more: Any) -> str:
        chat = new_id()
        await self.call("chats.create", id=chat, character=character, **more)
        return chat

    async def say(self, chat: str, text: str) -> tuple[str, dict[str, Any]]:
        """Say something and wait for the reply; returns its node's id and the turn's end."""
        head = (await self.call("chats.open", id=chat))["chat"]["head"]
        reply = new_id()
        await self.call(
            "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text=text, reply=reply,
            reply_revision=new_id(),
        )
        return reply, await self.done(reply)

    async def ask(self, chat: str, text: str) -> str:
        """Say something and do not wait for the reply; returns its node's id."""
        head = (await self.call("chats.open", id=chat))["chat"]["head"]
        reply = new_id()
        await self.call(
            "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text=text, reply=reply,
            reply_revision=new_id(),
        )
        return reply

    async def growth(self, node: str, text: str = "") -> None:
        """Wait until a reply shows `text` (any text by default)."""
        async with asyncio.timeout(30), self._changed:
            while text not in (shown := self.shown(node)) or not shown:
                await self._changed.wait()

    def shown(self, node: str) -> str:
        """The text of a reply as a client that heard everything has it. Fails where a piece would leave a gap."""
        text = ""
        for event in self.heard:
            if event["type"] == "node" and event["node"]["id"] == node:
                text = next(
                    r["text"] for r in event["node"]["revisions"] if r["id"] == event["node"]["current"]
                )
            elif event["type"] == "delta" and event["node"] == node:
                grown = apply_delta(text, event["offset"], event["text"])
                assert grown is not None, f"a gap at {event['offset']} after {text!r}"
                text = grown
        return text

    async def settled(self, chat: str) -> None:
        """Fail unless memory, tables and log agree on a chat."""
        memory = await self.core.chats.get(chat)
        tables, log = await self.core.store.load_chat(chat), await self.core.store.replay(chat)
        assert replace(tables, updated_ms=0) == replace(memory, updated_ms=0)
        assert log == tables
        assert await self.core.store.check() == []

    async def use_server(self, url: str, **backend: Any) -> None:
        """Make a server the default, by a profile of the person's own."""
        template = backend.pop("template", "chatml" if backend.get("kind") != "llamacpp" else "auto")
        lines = {"kind": "auto", "url": url, **backend}
        text = "backend:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items())
        text += f"template: {template}\n"
        await self.call("presets.save", kind="profiles", id="server", text=text)
        await self.call("profiles.use", id="server")

    async def node(self, chat: str, node: str) -> dict[str, Any]:
        nodes = (await self.call("chats.open", id=chat))["nodes"]
        return next(n for n in nodes if n["id"] == node)


class Speaker:
    """What a scripted server says: `first` at once, the rest when it is told to go on."""

    def __init__(self, first: str, rest: str = "", *, cut: bool = False) -> None:
        self._first, self._rest, self._cut = first, rest, cut
        self.go_on = asyncio.Event()
        self.hung_up = asyncio.Event()

    async def __call__(self, request: Request, line: Line) -> None:
        await line.send(SSE + chat_chunk(self._first))
        going, gone = asyncio.ensure_future(self.go_on.wait()), asyncio.ensure_future(line.gone.wait())
        await asyncio.wait([going, gone], return_when=asyncio.FIRST_COMPLETED)
        for task in (going, gone):
            task.cancel()
        if line.gone.is_set():
            self.hung_up.set()
        elif not self._cut:
            rest = chat_chunk(self._rest) if self._rest else b""
            await line.send(rest + chat_chunk("", "stop") + b"data: [DONE]\n\n")


def speaks(server: ScriptedServer, *speakers: Speaker) -> None:
    """A server that only chats, saying these things in turn."""
    server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "scripted", "object": "model"}]}))
    server.on("POST /v1/chat/completions", *speakers)
