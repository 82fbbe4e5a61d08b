"""Who is in the rooms: a core, a model's server that speaks when told to, and a telephone with the terminal UI."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from model_there import story
from network_kit import Room
from terminal import Terminal

from tui.client.connection import Connection
from tui.wire.ids import new_id
from tui.wire.place import socket_path
from tui.wire.target import Target

HERE = Path(__file__).parent
TOKEN = "a-token-for-the-way-through-the-air"
#: Seconds between pings here; a client takes two and a half of them without a word for the end of the line.
PING_S = 0.6
#: How long to wait for anything: long after every timeout of the program, so that only what never comes fails.
PATIENCE_S = float(os.environ.get("TRAKTIR_NETWORK_PATIENCE", "60"))

T = TypeVar("T")


class Process:
    """A script in a room, and the lines that it prints."""

    def __init__(self, room: Room, script: str, *words: str, log: Path) -> None:
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*room.enter, sys.executable, str(HERE / script), *words], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ,
            )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self) -> str:
        """The next line it prints."""
        return self._lines.get(timeout=PATIENCE_S)

    def tell(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())


class Model(Process):
    """The model's server, and what it says."""

    def __init__(self, room: Room, words: int, log: Path, seed: int = 1) -> None:
        super().__init__(room, "model_there.py", str(seed), str(words), log=log)
        self.words = story(seed, words)
        self.text = "".join(self.words)
        self.port = int(self.line())

    def asked(self) -> Any:
        """The body of the next request to complete."""
        return json.loads(self.line())


class FarCore(Process):
    """The core; the test looks into it through its Unix socket, which no network can cut."""

    def __init__(self, room: Room, log: Path) -> None:
        super().__init__(room, "core_there.py", str(PING_S), TOKEN, log=log)
        self.port = int(self.line())
        self.chat = ""

    def ask(self, act: Callable[[Connection], Awaitable[T]]) -> T:
        async def main() -> T:
            connection = await Connection.open(Target(socket=socket_path()))
            try:
                return await act(connection)
            finally:
                await connection.close()

        return asyncio.run(main())

    def prepare(self, model_url: str) -> None:
        """Use the model at `model_url`, and begin a chat."""
        self.chat = new_id()

        async def act(connection: Connection) -> None:
            text = f"backend:\n  kind: openai\n  mode: text\n  url: {model_url}\ntemplate: chatml\n"
            await connection.call("presets.save", kind="profiles", id="server", text=text)
            await connection.call("profiles.use", id="server")
            await connection.call("chats.create", id=self.chat, character="mira")
            await connection.call("samplers.set", chat=self.chat, values={"max_tokens": 4000})

        self.ask(act)

    def path(self) -> list[dict[str, Any]]:
        """The messages of the chat, oldest first."""
        found = self.ask(lambda connection: connection.call("chats.open", id=self.chat))
        nodes = {node["id"]: node for node in found["nodes"] if not node["deleted"]}
        out, at = [], found["chat"]["head"]
        while at is not None:
            out.append(nodes[at])
            at = nodes[at]["parent"]
        return out[::-1]

    def all_messages(self) -> list[dict[str, Any]]:
        """All messages, of every branch."""
        return list(self.ask(lambda connection: connection.call("chats.open", id=self.chat))["nodes"])

    def say(self, text: str) -> str:
        """Say something; returns the id of the reply that is on its way."""
        reply = new_id()

        async def act(connection: Connection) -> None:
            head = (await connection.call("chats.open", id=self.chat, last=1))["chat"]["head"]
            await connection.call(
                "turn.say", chat=self.chat, parent=head, node=new_id(), revision=new_id(), text=text, reply=reply,
                reply_revision=new_id(),
            )

        self.ask(act)
        return reply

    def continue_(self, reply: str) -> None:
        self.ask(lambda c: c.call("turn.continue", chat=self.chat, node=reply, revision=new_id()))

    def busy(self) -> bool:
        return bool(self.ask(lambda connection: connection.greet())["busy"])

    def draft(self) -> str:
        return str(self.ask(lambda connection: connection.call("chats.open", id=self.chat))["draft"])

    def last(self) -> dict[str, Any]:
        """The newest text of the last message."""
        return dict(self.path()[-1]["revisions"][-1])

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the newest text of the last message is as wanted; returns it."""
        import time

        deadline = time.monotonic() + PATIENCE_S
        while not holds(found := self.last()):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found


class Phone(Terminal):
    """The terminal UI in a room."""

    def __init__(self, room: Room, url: str, ping_s: float) -> None:
        program = [*room.enter, sys.executable, str(HERE / "screen_there.py")]
        self.room = room
        super().__init__(str(ping_s), TOKEN, url, columns=110, rows=60, program=program)

    def shown(self, words: list[str]) -> bool:
        """Whether all of the words are on the screen, in their order, each once."""
        wanted = [word.strip() for word in words]
        known = set(wanted)
        return [word for word in self.screen().replace("▌", " ").split() if word in known] == wanted

    def until_shown(self, words: list[str]) -> str:
        return self.until(lambda _: self.shown(words), PATIENCE_S)


def text_of(message: dict[str, Any]) -> str:
    return str(message["revisions"][-1]["text"])
