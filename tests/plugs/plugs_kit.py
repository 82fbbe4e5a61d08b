"""What tests that pull plugs need: a core to kill, a model's server that keeps account, and a pulse of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripted import SSE, Line, Request, ScriptedServer, answer, event

from tui.client.connection import Connection
from tui.domain.chat import Chat
from tui.store import LockInfo, Store
from tui.wire.ids import new_id
from tui.wire.target import Target

CHECKOUT = Path(__file__).resolve().parents[2]
OWNER = LockInfo(socket.gethostname(), os.getpid(), "")
#: A turn's name inside a message: `⟦a7⟧`.
TAG = re.compile("⟦([a-z]+[0-9]+)⟧")


def many(full: int, share: str = "TRAKTIR_PLUGS_SHARE") -> int:
    """How many times to do a thing: `full`, or that share of it while one works on these tests."""
    return max(4, round(full * float(os.environ.get(share, "1"))))


# ---------------------------------------------------------------------------------------------------- the server

_WORDS = tuple(
    "море волна ветер ночь огонь тишина дорога свеча слово рыба вино ёлка подъезд щель объём съёмка the|tide "
    "comes|in and|out naïve coördinate smørrebrød 海 風 火 — … «да» „nein“ 1984 3.14".replace("|", "\u00a0").split(" ")
)
_SIGNS = ("🌊", "🕯️", "👩‍🚀", "🏴‍☠️", "é", "𝔐", "😀", "🇺🇦")


def story(chance: random.Random, words: int) -> str:
    """A text of two alphabets and a half, with line breaks, signs beyond the first plane and joined ones."""
    parts: list[str] = []
    for number in range(words):
        parts.append(chance.choice(_SIGNS if chance.random() < 0.15 else _WORDS))
        parts.append(chance.choice(["\n", "\n\n", ", "]) if number % 9 == 8 else " ")
    return "".join(parts).strip()


@dataclass
class Telling:
    """One answer as it went out. `sent`: (monotonic time after it was written, characters out by then)."""

    tag: str
    text: str
    sent: list[tuple[float, int]] = field(default_factory=list)
    whole: bool = False

    def out_by(self, moment: float) -> int:
        """Characters that were written before `moment`."""
        return max((count for at, count in self.sent if at <= moment), default=0)


class Teller:
    """A model's server that tells each turn a text of its own, cut at any character and any byte, and keeps account.

    A turn is known by the last tag in what it is asked.
    """

    def __init__(
        self, servers: Iterable[ScriptedServer], chance: random.Random, *, pause: float, words: tuple[int, int]
    ) -> None:
        self.tellings: dict[str, list[Telling]] = defaultdict(list)
        self._chance = chance
        self._pause = pause
        self._words = words
        self._news = asyncio.Condition()
        for server in servers:
            server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "teller", "object": "model"}]}))
            server.on("POST /v1/chat/completions", self._tell)

    async def until(self, wanted: Callable[[], Any], timeout: float = 60) -> Any:
        """Wait until something true is `wanted` of what was told; returns it."""
        async with asyncio.timeout(timeout), self._news:
            while not (found := wanted()):
                await self._news.wait()
            return found

    async def asked(self, tag: str, times: int = 1) -> Telling:
        """The `times`th telling of a turn, once it was asked for."""
        await self.until(lambda: len(self.tellings[tag]) >= times)
        return self.tellings[tag][times - 1]

    async def _tell(self, request: Request, line: Line) -> None:
        said = " ".join(str(m["content"]) for m in request.json["messages"] if m["role"] == "user")
        tag = TAG.findall(said)[-1]
        number = len(self.tellings[tag]) + 1
        chance = random.Random(self._chance.random())
        text = f"Слушай {tag}x{number}. {story(chance, chance.randint(*self._words))}\n{end_of(tag, number)}"
        telling = Telling(tag, text)
        self.tellings[tag].append(telling)
        await self._send(line, SSE)
        told = 0
        for piece, units in _pieces(text, chance):
            data = event_of(piece, escaped=units or chance.random() < 0.5)
            cut = chance.randrange(1, len(data))
            await self._send(line, data[:cut])
            if chance.random() < 0.3:
                await asyncio.sleep(0)
            await self._send(line, data[cut:])
            told += len(piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))
            told += bool(piece and "\udc00" <= piece[0] <= "\udfff")
            telling.sent.append((time.monotonic(), told))
            await self._tell_news()
            await asyncio.sleep(self._pause * chance.uniform(0.2, 1.8))
        assert told == len(text)
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await self._send(line, event(last) + b"data: [DONE]\n\n")
        telling.whole = True
        await self._tell_news()

    async def _send(self, line: Line, data: bytes) -> None:
        if line.gone.is_set():
            raise ConnectionError
        await line.send(data)

    async def _tell_news(self) -> None:
        async with self._news:
            self._news.notify_all()


def end_of(tag: str, number: int = 1) -> str:
    """The last word of a telling, which no line break divides."""
    return f"конец{tag}x{number}"


def event_of(piece: str, *, escaped: bool) -> bytes:
    """One event with text, its characters escaped (halves of surrogate pairs must be) or as they are."""
    data = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
    return f"data: {json.dumps(data, ensure_ascii=escaped)}\n\n".encode()


def _pieces(text: str, chance: random.Random) -> list[tuple[str, bool]]:
    """`text` in pieces of a few characters, and whether a piece holds half of one: those beyond the first plane are
    cut in two now and then."""
    units = text.encode("utf-16-le")
    out: list[tuple[str, bool]] = []
    at = 0
    while at < len(units):
        to = min(len(units), at + 2 * chance.randint(1, 9))
        piece = units[at:to].decode("utf-16-le", "surrogatepass")
        out.append((piece, any("\ud800" <= c <= "\udfff" for c in piece)))
        at = to
    return out


# ---------------------------------------------------------------------------------------------------- the core


@dataclass
class CoreProcess:
    """`traktir serve` in a process of its own, on a home of its own."""

    home: Path
    process: subprocess.Popen[bytes]

    @classmethod
    async def start(cls, home: Path, *, words: str = "", **env: str) -> CoreProcess:
        """Start it (with more `words` on its command line) and return when it serves. Fails with what it said where
        it does not."""
        read, write = os.pipe()
        log = home / "core.err"
        home.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as told:
            process = subprocess.Popen(
                [sys.executable, "-m", "tui", "serve", "--ready-fd", str(write), *words.split()], pass_fds=(write,),
                stdin=subprocess.DEVNULL, stdout=told, stderr=told, cwd=CHECKOUT,
                env={**os.environ, "TRAKTIR_HOME": str(home), **env},
            )
        os.close(write)
        with os.fdopen(read, "rb") as ready:
            word = await asyncio.to_thread(ready.readline)
        if b'"ok"' not in word:
            process.kill()
            process.wait()
            raise AssertionError(f"the core did not start: {word!r}\n{log.read_text('utf-8', 'replace')[-2000:]}")
        return cls(home, process)

    @property
    def target(self) -> Target:
        pointer = json.loads((self.home / "data" / "core.json").read_text("utf-8"))
        return Target(socket=Path(pointer["socket"]))

    async def connect(self) -> Connection:
        return await Connection.open(self.target)

    def kill(self) -> float:
        """Kill -9; returns the moment before it (monotonic)."""
        moment = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return moment

    def end(self) -> None:
        """However it stands: make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def waited(self) -> float:
        """Seconds that its threads were ready to run and had no processor, since their start; 0 where the system does
        not tell. Time that the machine took, not the program."""
        total = 0
        with contextlib.suppress(OSError, ValueError, IndexError):
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[1])
        return total / 1e9


StartCore = Callable[..., Awaitable[CoreProcess]]
MakeServers = Callable[[int], Awaitable[list[ScriptedServer]]]


async def use_server(connection: Connection, url: str, name: str = "server") -> None:
    """Make a server of OpenAI's manner the default, by a profile of that name."""
    text = f"backend:\n  kind: openai\n  mode: chat\n  url: {url}\ntemplate: chatml\n"
    await connection.call("presets.save", kind="profiles", id=name, text=text)
    await connection.call("profiles.use", id=name)


async def new_chat(connection: Connection, server: ScriptedServer | None = None) -> str:
    """A chat; with a `server`, one of its own: a server is asked for one reply at a time."""
    chat = new_id()
    if server is None:
        await connection.call("chats.create", id=chat, character="mira")
    else:
        await use_server(connection, server.url, f"server{server.port}")
        await connection.call("chats.create", id=chat, character="mira", profile=f"server{server.port}")
    return chat


async def say(connection: Connection, chat: str, text: str, parent: str | None = None) -> tuple[str, str]:
    """Say something under `parent` (the end of the chat by default); the ids of the message and of its reply."""
    node, reply = new_id(), new_id()
    head = parent or (await connection.call("chats.open", id=chat, last=1))["chat"]["head"]
    await connection.call(
        "turn.say", chat=chat, parent=head, node=node, revision=new_id(), text=text, reply=reply,
        reply_revision=new_id(),
    )
    return node, reply


async def finished(connection: Connection, chat: str, reply: str, timeout: float = 60) -> dict[str, Any]:
    """A reply's node once it is not written at any more."""
    async with asyncio.timeout(timeout):
        while True:
            snapshot = await connection.call("chats.open", id=chat, last=6)
            for node in snapshot["nodes"]:
                if node["id"] == reply and node["revisions"][-1]["finish"] != "streaming" and not snapshot["writing"]:
                    return dict(node)
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def opened_store(home: Path) -> AsyncIterator[Store]:
    """The store of a home whose core is gone."""
    store = await Store.open(home / "data" / "traktir.db", owner=OWNER)
    try:
        yield store
    finally:
        await store.close()


async def assert_sound(store: Store, chats: Mapping[str, object] | list[str]) -> dict[str, Chat]:
    """Each of the chats replays from its log to the tree that is loaded, and nothing is found wrong with the store."""
    found: dict[str, Chat] = {}
    for chat in chats:
        tree = found[chat] = await store.load_chat(chat)
        assert replace(await store.replay(chat), updated_ms=0) == replace(tree, updated_ms=0)
        assert not [r for n in tree.nodes.values() for r in n.revisions if r.finish == "streaming"]
    assert await store.check() == []
    return found


# ---------------------------------------------------------------------------------------------------- the machine


class Pulse:
    """How late this machine wakes who sleeps: what a clock of the same run says of the load."""

    def __init__(self, step: float = 0.01) -> None:
        self._step = step
        self._late: list[tuple[float, float]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Pulse:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def late_since(self, moment: float) -> float:
        """The sum of the delays that were noticed since `moment`, in seconds."""
        return sum(late for at, late in self._late if at >= moment)

    async def _beat(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(self._step)
            after = time.monotonic()
            if (late := after - before - self._step) > self._step:
                self._late.append((after, late))
