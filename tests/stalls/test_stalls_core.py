"""The core's event loop is never blocked for long, whatever is asked of it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from scripted import ScriptedServer, answer, as_koboldcpp
from stall_stage import House, chat_lines, fails_every_time, russian, slowness

from tui.client.connection import Connection
from tui.wire.ids import new_id

MACROS = "{{random::a::b}} {{roll:1d20}} {{setvar::x::1}} {{getvar::x}} {{user}} {{pick::a::b}} "


class Guest:
    """A client that asks for a lot."""

    def __init__(self, line: Connection) -> None:
        self.line = line
        self.call = line.call

    async def take(self, name: str, data: bytes) -> str:
        """Import a file; returns the id of what it held."""
        told = await self.call("import", name=name, data_base64=base64.b64encode(data).decode())
        assert told["files"][0]["error"] is None, told
        return str(told["files"][0]["id"])

    async def turn(self, chat: str, text: str = "Привет!") -> None:
        head = (await self.call("chats.open", id=chat, last=1))["chat"]["head"]
        await self.call(
            "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text=text, reply=new_id(),
            reply_revision=new_id(),
        )
        async with asyncio.timeout(90):
            while (await self.call("status"))["busy"]:
                await asyncio.sleep(0.05)

    async def connect(self, server: ScriptedServer) -> None:
        await self.call("connection.use", kind="koboldcpp", url=server.url, template="chatml")


async def long_chat(guest: Guest, model: ScriptedServer) -> None:
    as_koboldcpp(model, "*Она кивает.*")
    await guest.connect(model)
    chat = await guest.take("Mira - long.jsonl", chat_lines(5000, russian))
    snapshot = await guest.call("chats.open", id=chat)
    await guest.call("prompt.show", chat=chat, text="Привет")
    await guest.turn(chat)
    await guest.call("chats.search", query="гость смотрит", limit=10_000)
    await guest.call("chats.export", id=chat)
    some = [node["id"] for node in snapshot["nodes"]][100:3100]
    await guest.call("node.hide", chat=chat, nodes=some, value=True)
    await guest.call("chats.undo", id=chat)
    await guest.call("node.delete", chat=chat, nodes=some)
    await guest.call("chats.undo", id=chat)
    await guest.call("summary.make", chat=chat, id=new_id(), first=snapshot["nodes"][5]["id"],
                     last=snapshot["nodes"][25]["id"])


async def large_window(guest: Guest, model: ScriptedServer) -> None:
    """All of 1,200 messages in one prompt, a reply of 200 KB in one piece, and one of thousands of pieces."""
    as_koboldcpp(model, "слово " * 18_000, " ".join(map(str, range(2000))), chunk=10**6, context=1_000_000)
    await guest.connect(model)
    chat = await guest.take("Mira - window.jsonl", chat_lines(1200, russian))
    await guest.turn(chat)
    await guest.call("prompt.show", chat=chat)
    as_koboldcpp(model, " ".join(f"ш{n}" for n in range(1500)), context=1_000_000)
    await guest.turn(chat)


async def lore(guest: Guest, model: ScriptedServer) -> None:
    as_koboldcpp(model, "*Она кивает.*")
    await guest.connect(model)
    chat = new_id()
    await guest.call("chats.create", id=chat, character="mira")
    entries = {
        str(n): {
            "uid": n, "key": [f"ключ{n}", f"word{n}"], "content": f"Статья {n} о городе. " * 8, "comment": f"e{n}",
            "order": 100, "position": 0, "disable": False,
        }
        for n in range(10_000)
    }
    large = await guest.take("lore.json", json.dumps({"entries": entries, "name": "Large"}).encode())
    endless = {
        str(n): {"uid": n, "key": [f"/(a+)+b{n}$/"], "content": "x", "order": 1, "position": 0, "disable": False}
        for n in range(100)
    }
    hanging = await guest.take("endless.json", json.dumps({"entries": endless, "name": "Endless"}).encode())
    for book in (large, hanging):
        await guest.call("chats.set", id=chat, field="lorebooks", value=[book])
        await guest.turn(chat, "ключ5 ключ77 " + "a" * 3000)
        await guest.call("lorebooks.get", id=book)
        await guest.call("prompt.show", chat=chat)


async def strangers(guest: Guest, model: ScriptedServer) -> None:
    """A card full of macros, a file of 8 MB, and a server that answers without end."""
    as_koboldcpp(model, "*Она кивает.*")
    await guest.connect(model)
    card = {
        "spec": "chara_card_v2", "spec_version": "2.0",
        "data": {"name": "Macro", "description": MACROS * 3000, "first_mes": MACROS * 1000,
                 "alternate_greetings": [MACROS * 300] * 4},
    }
    character = await guest.take("macro.json", json.dumps(card).encode())
    chat = new_id()
    await guest.call("chats.create", id=chat, character=character)
    await guest.turn(chat, MACROS * 1000)
    await guest.take("Mira - big.jsonl", chat_lines(8_000, russian))
    names = {"object": "list", "data": [{"id": f"model{n}" * 5, "object": "model"} for n in range(100_000)]}
    model.on("GET /v1/models", answer(names))
    model.on("GET /api/v1/model", answer(names))
    await asyncio.gather(guest.call("connection.probe", url=model.url), return_exceptions=True)


async def hostile(guest: Guest, folder: Path) -> None:
    """Every large file that means harm, up to the size at which a file is refused unread."""
    for path in sorted(folder.glob("*/*")):
        if path.is_file() and not path.is_symlink() and 1 << 16 < path.stat().st_size < 1 << 24:
            name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            told = await guest.call("import", name=name, data_base64=base64.b64encode(path.read_bytes()).decode())
            for file in told["files"]:
                if file["error"] is None and file["kind"] == "card":
                    chat = new_id()
                    await asyncio.gather(
                        guest.call("chats.create", id=chat, character=file["id"]), return_exceptions=True
                    )


async def check(work: Callable[[Guest], Coroutine[Any, Any, None]], home: Path) -> None:
    async def attempt(number: int) -> list[str]:
        place = home / f"{work.__name__}{number}"
        place.mkdir()
        house, slow = House(place), slowness()
        try:
            async with house.guest() as line:
                await work(Guest(line))
                await asyncio.sleep(0.1)           # a stall is written down when it is over
            return [f"{s.ms} ms\n{s.where}" for s in house.log.news() if s.ms > house.limit * max(slow, slowness())]
        finally:
            house.end()

    stalls = await fails_every_time(attempt)
    assert not stalls, "the loop was blocked each time:\n" + "\n".join(stalls)


async def test_a_chat_of_5000_messages(home: Path, model: ScriptedServer) -> None:
    async def work(guest: Guest) -> None:
        await long_chat(guest, model)

    await check(work, home)


async def test_a_prompt_of_a_million_characters(home: Path, model: ScriptedServer) -> None:
    async def work(guest: Guest) -> None:
        await large_window(guest, model)

    await check(work, home)


async def test_lorebooks_of_10000_entries_and_of_patterns_without_end(home: Path, model: ScriptedServer) -> None:
    async def work(guest: Guest) -> None:
        await lore(guest, model)

    await check(work, home)


async def test_what_strangers_send(home: Path, model: ScriptedServer) -> None:
    async def work(guest: Guest) -> None:
        await strangers(guest, model)

    await check(work, home)


async def test_hostile_files(home: Path, hostile_files: Path) -> None:
    async def work(guest: Guest) -> None:
        await hostile(guest, hostile_files)

    await check(work, home)
