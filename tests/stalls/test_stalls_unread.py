"""A terminal that nobody reads: a suspended ssh, a laptop that sleeps. Nothing is lost and nobody else is held up."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import signal
import termios
import time
from pathlib import Path

import pytest
from scripted import ScriptedServer, as_koboldcpp
from stall_stage import LIMIT, House, Log, patiently
from terminal import CTRL_Q, ENTER, Terminal

#: A long reply in many lines, so that every piece redraws the whole view.
REPLY = "".join(f"*Волна {n}.* Вода прибывает и уходит, и снова прибывает.\n\n" for n in range(900)) + "Конец прилива."

#: So long does a laptop sleep here; the time itself is what is tried.
UNREAD_SECONDS = 60.0


def unread(terminal: Terminal) -> int:
    """Bytes that wait to be read."""
    found = array.array("i", [0])
    fcntl.ioctl(terminal._master, termios.FIONREAD, found)
    return found[0]


def settled(terminal: Terminal) -> None:
    """Read until nothing has come for half a second."""
    before = -1
    while terminal.bytes != before:
        before = terminal.bytes
        terminal.pump(0.5)


def memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def begin(house: House, model: ScriptedServer, reply: str) -> tuple[Terminal, str]:
    """A terminal with a chat in front, over a server that writes `reply`."""
    as_koboldcpp(model, reply, delay=0.004, chunk=24, context=100_000)
    async with house.guest() as guest:
        await guest.call("connection.use", kind="koboldcpp", url=model.url, template="chatml")
        chat = "01STALLS000000000000000000"
        await guest.call("chats.create", id=chat, character="mira")
        await guest.call("samplers.set", chat=chat, values={"max_tokens": 32000})
    terminal = Terminal(columns=100, rows=30, env=house.env)
    await patiently(terminal.until, "#1")
    return terminal, chat


async def fill(house: House, terminal: Terminal, chat: str) -> None:
    """Read nothing until the terminal holds all that it can, while the reply goes on growing."""
    async with house.guest() as guest:
        waiting, since, grown = -1, 0.0, 0
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, "the terminal never fills"
            await asyncio.sleep(0.1)
            now = await guest.call("chats.open", id=chat)
            length = len(now["nodes"][-1]["revisions"][-1]["text"])
            if unread(terminal) != waiting:
                waiting, since, grown = unread(terminal), time.monotonic(), length
            elif (time.monotonic() - since > 1.5 and length > grown + 1000) or (not now["writing"] and length > 1000):
                return


async def test_what_is_not_read_is_drawn_when_it_is(house: House, model: ScriptedServer) -> None:
    terminal, chat = await begin(house, model, REPLY)
    try:
        await patiently(terminal.type, "Расскажи о море.", ENTER)
        await patiently(terminal.until, "Волна 3")
        before = memory(terminal.process.pid)
        log = Log(house.home / "data" / "logs" / "terminal.log")
        log.news()
        began = time.monotonic()
        await fill(house, terminal, chat)
        await asyncio.sleep(UNREAD_SECONDS - (time.monotonic() - began))
        for key in "и ещё слово":                       # more than Textual would let wait
            os.write(terminal._master, key.encode())
            await asyncio.sleep(0.02)
        async with house.guest() as guest:              # others are not held up, and the reply comes to its end
            deadline = time.monotonic() + 60
            while (seen := await guest.call("chats.open", id=chat))["writing"]:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        assert seen["nodes"][-1]["revisions"][-1]["text"] == REPLY
        assert [stall for stall in house.log.news() if stall.ms > 4 * LIMIT] == []
        assert memory(terminal.process.pid) - before < 64 << 20
        assert terminal.process.poll() is None

        await patiently(terminal.until, lambda screen: "Конец прилива." in screen and "и ещё слово" in screen)
        await patiently(settled, terminal)
        drawn = terminal.screen().splitlines()[2:-2]
        for columns in (90, 100):                       # which draws everything anew
            before = terminal.bytes
            terminal.resize(columns, 30)
            await patiently(terminal.until, lambda _, before=before: terminal.bytes > before)
            await patiently(settled, terminal)
        await patiently(terminal.until, lambda screen: screen.splitlines()[2:-2] == drawn)
        held = [stall for stall in log.news() if stall.ms - stall.own > 500]
        assert not held, "the screen's loop waited for the terminal"
        await patiently(terminal.type, CTRL_Q)
        assert await patiently(terminal.ended) == 0
    finally:
        terminal.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["term", "hup"])
async def test_it_can_be_ended_while_nobody_reads(house: House, model: ScriptedServer, number: signal.Signals) -> None:
    terminal, chat = await begin(house, model, REPLY)
    try:
        await patiently(terminal.type, "Расскажи о море.", ENTER)
        await patiently(terminal.until, "Волна 3")
        await fill(house, terminal, chat)
        os.write(terminal._master, "недописанное".encode())
        terminal.process.send_signal(number)
        await patiently(terminal.process.wait, 10)
    finally:
        terminal.close()
    async with house.guest() as guest:
        assert (await guest.call("status"))["pid"] == house.process.pid
