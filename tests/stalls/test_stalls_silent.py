"""Servers that never answer, left at any time: by keys, by commands, by the core's own end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from scripted import Line, Request, ScriptedServer, answer, as_koboldcpp
from stall_stage import CHECKOUT, House, patiently
from terminal import CTRL_Q, ENTER, ESCAPE, Terminal

from tui.wire.ids import new_id

CHAT = "01STALLS000000000000000000"
#: Seconds in which every key is to be answered. On a busy machine it may take longer: then it is tried again, with more
#: patience each time, but never with so much as the shortest time after which a server is given up (ten seconds).
QUICK, TRIES, LONGEST = 0.5, 4, 9.5


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Accepts connections, in its kernel, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """Never accepts: its backlog is full, so that further handshakes are not answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as fillers:
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(params=[silent, black_hole], ids=["silent", "blackhole"])
def nobody(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param() as url:
        yield url


@contextlib.asynccontextmanager
async def terminal_at(house: House, *words: str) -> AsyncIterator[Terminal]:
    terminal = Terminal(*words, columns=100, rows=30, env=house.env)
    try:
        await patiently(terminal.until, "#1")
        yield terminal
    finally:
        terminal.close()


def on_a_page(screen: str) -> bool:
    """Every screen but the chat begins so."""
    return screen.lstrip().startswith("‹")


def in_the_chat(screen: str) -> bool:
    return screen.lstrip().startswith("Mira")


async def begin(house: House) -> None:
    async with house.guest() as guest:
        await guest.call("chats.create", id=CHAT, character="mira")


async def use(house: House, url: str, kind: str = "koboldcpp") -> None:
    async with house.guest() as guest:
        await guest.call("connection.use", kind=kind, url=url, template="chatml")


async def writing(house: House) -> bool:
    async with house.guest() as guest:
        return bool((await guest.call("status"))["busy"])


async def approaching(house: House) -> bool:
    """Whether a server has been turned to: until then a turn may still go to another one."""
    async with house.guest() as guest:
        return bool((await guest.call("connection.get"))["state"] == "loading")


async def until(wanted: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not await wanted():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def answers_at_once(terminal: Terminal, keys: str, wanted: Callable[[str], bool], back: str = "") -> None:
    """Press `keys` and see what is `wanted`; `back` undoes that, so that it can be tried again."""
    for attempt in range(TRIES):
        began = time.monotonic()
        await patiently(terminal.type, keys)
        await patiently(terminal.until, wanted)
        took = time.monotonic() - began
        if took < QUICK * 2**attempt:
            return
        assert back, f"{keys!r} took {took:.1f} s"
        await patiently(terminal.type, back)
        await patiently(terminal.until, lambda screen: not wanted(screen))
    raise AssertionError(f"{keys!r} waits for the server")


async def looks_around(terminal: Terminal) -> None:
    """Every screen that asks the core for something opens and closes."""
    for keys in ("\x1bOQ", "\x1b[15~", "\x1bOS", "\x1bOR", "\x1bOP"):
        await answers_at_once(terminal, keys, on_a_page, ESCAPE)
        await patiently(terminal.type, ESCAPE)
        await patiently(terminal.until, in_the_chat)


async def test_every_key_answers_while_a_server_says_nothing(house: House, nobody: str) -> None:
    await begin(house)
    await use(house, nobody)
    async with terminal_at(house) as terminal:
        await patiently(terminal.type, "Ты здесь?", ENTER)
        await until(lambda: writing(house))
        await patiently(terminal.until, "Ты здесь?")
        await looks_around(terminal)
        await patiently(terminal.type, ESCAPE)                      # stops the turn
        await until(lambda: _not(writing(house)), LONGEST)
        await patiently(terminal.type, "и снова", ENTER)
        await until(lambda: writing(house))
        await patiently(terminal.type, "\x1bOQ")
        await patiently(terminal.until, on_a_page)
        await patiently(terminal.type, CTRL_Q)                      # from another screen, too
        assert await patiently(terminal.ended, LONGEST) == 0


async def _not(wanted: Awaitable[bool]) -> bool:
    return not await wanted


async def test_a_chat_is_left_for_another_server_while_the_first_is_silent(
    house: House, nobody: str, model: ScriptedServer
) -> None:
    as_koboldcpp(model, "Я здесь.")
    await begin(house)
    await use(house, nobody)
    async with house.guest() as guest:
        said = await say(guest)
        await until(lambda: approaching(house))
        began = time.monotonic()
        await guest.call("connection.use", kind="koboldcpp", url=model.url, template="chatml")
        other = new_id()
        await guest.call("chats.create", id=other, character="mira")
        await say(guest, other)
        await until(lambda: _says(guest, other, "Я здесь."))
        assert time.monotonic() - began < LONGEST, "the silent server held up another"
        await guest.call("turn.stop", chat=CHAT)        # on a slow machine it may have been given up by itself
        await until(lambda: _not(writing(house)))
        assert said not in {n["id"] for n in (await guest.call("chats.open", id=CHAT))["nodes"]}


async def say(guest: object, chat: str = CHAT) -> str:
    reply = new_id()
    head = (await guest.call("chats.open", id=chat))["chat"]["head"]  # type: ignore[attr-defined]
    await guest.call(  # type: ignore[attr-defined]
        "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text="Ты здесь?", reply=reply,
        reply_revision=new_id(),
    )
    return reply


async def _says(guest: object, chat: str, text: str) -> bool:
    nodes = (await guest.call("chats.open", id=chat))["nodes"]  # type: ignore[attr-defined]
    return any(r["text"] == text for n in nodes for r in n["revisions"])


def command(house: House, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tui", *words], cwd=CHECKOUT, env=house.env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def ends(process: subprocess.Popen[bytes], seconds: float) -> float:
    began = time.monotonic()
    try:
        await patiently(process.wait, seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return time.monotonic() - began


async def test_commands_are_broken_off(house: House, nobody: str) -> None:
    await begin(house)
    idle = await ends(command(house, "status"), 30)
    probe = command(house, "probe", nobody)
    await asyncio.sleep(1.5 * idle)                 # it takes about that long to be at the server
    probe.send_signal(signal.SIGINT)
    assert await ends(probe, 30) < LONGEST

    await use(house, nobody)
    talk = command(house, "say", "--chat", CHAT, "Ты здесь?")
    await until(lambda: writing(house))
    talk.send_signal(signal.SIGINT)
    assert await ends(talk, 30) < LONGEST
    await until(lambda: _not(writing(house)))       # and the turn is called off with it

    async with house.guest() as guest:
        await say(guest)
    await until(lambda: writing(house))
    assert await ends(command(house, "stop", "--force"), 30) < 20
    await patiently(house.process.wait, 15)


@pytest.mark.parametrize("stage", ["counting", "reading", "writing"])
async def test_a_server_that_falls_silent_in_the_middle_is_left_at_once(
    house: House, model: ScriptedServer, stage: str
) -> None:
    """It answered before; then not to a question for a count, not with a first word, or not with another one."""
    as_koboldcpp(model, "Слово за слово.")

    async def hush(request: Request, line: Line) -> None:
        if stage == "writing":
            await line.send(
                b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                b'event: message\ndata: {"token": "Begun", "finish_reason": null}\n\n'
            )
        await line.gone.wait()

    model.on("POST /api/extra/tokencount" if stage == "counting" else "POST /api/extra/generate/stream", hush)
    model.on("POST /api/extra/abort", hush if stage == "writing" else answer({"success": "true"}))
    await begin(house)
    await use(house, model.url)
    async with terminal_at(house) as terminal:
        await patiently(terminal.type, "Ты здесь?", ENTER)
        await patiently(terminal.until, "Ты здесь?")
        if stage == "writing":
            await patiently(terminal.until, "Begun")
        else:
            route = "tokencount" if stage == "counting" else "generate"
            await until(lambda: _true(any(route in r.path for r in model.requests)))
        await looks_around(terminal)
        await patiently(terminal.type, ESCAPE)
        await until(lambda: _not(writing(house)), LONGEST)
        await patiently(terminal.type, CTRL_Q)
        assert await patiently(terminal.ended, LONGEST) == 0


async def _true(value: bool) -> bool:
    return value
