"""A core as tests use it: call it, hear what it tells, wait for what is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tui.core.app import Core
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

    async def node(self, chat: str, node: str) -> dict[str, Any]:
        nodes = (await self.call("chats.open", id=chat))["nodes"]
        return next(n for n in nodes if n["id"] == node)
