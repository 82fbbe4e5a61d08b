"""The terminal's event loop is never blocked for long: a real program on a real pseudo-terminal, under watch."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from scripted import ScriptedServer, as_koboldcpp
from stall_stage import House, Log, chat_lines, fails_every_time, patiently, russian, slowness
from terminal import CTRL_Q, ENTER, ESCAPE, TAB, Terminal

MESSAGES = 5000


def paste(terminal: Terminal, size: int) -> None:
    data = ("\x1b[200~" + "вставка текста " * (size // 28) + "\x1b[201~").encode()
    while data:
        data = data[os.write(terminal._master, data[:4096]):]
        terminal.pump(0)


async def use_it(terminal: Terminal, model: ScriptedServer) -> None:
    """An evening with a long chat, in half a minute."""
    await patiently(terminal.until, f"#{MESSAGES}")
    await patiently(terminal.pump, 2.0)                            # the rest of the chat and the screens are loaded
    await patiently(terminal.type, *"съешь ещё")
    await patiently(terminal.type, *["\x7f"] * 9)
    for size in ((80, 24), (48, 18), (160, 50), (120, 40)):
        await patiently(terminal.resize, *size)
        await patiently(terminal.pump, 0.3)
    for keys in ("\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[15~"):
        await patiently(terminal.type, keys)
        await patiently(terminal.until, lambda s: s.lstrip().startswith("‹"))
        await patiently(terminal.pump, 0.3)
        await patiently(terminal.type, ESCAPE)
        await patiently(terminal.until, lambda s: not s.lstrip().startswith("‹"))
    await patiently(terminal.type, "Большой ответ?", ENTER)
    await patiently(terminal.until, "Конец большого.")
    await patiently(terminal.pump, 1.0)
    as_koboldcpp(model, " ".join(f"ш{n}" for n in range(1500)) + " последний", context=100_000)
    await patiently(terminal.type, "Много кусков?", ENTER)
    await patiently(terminal.until, "последний")
    await patiently(terminal.type, TAB, "k", "k", "\x1b[5~", "\x1b[6~", "g", "G", ESCAPE)
    await patiently(paste, terminal, 1_000_000)
    await patiently(terminal.until, lambda s: "100" in s)          # that it is too long, with the most that is not
    await patiently(paste, terminal, 30_000)
    await patiently(terminal.until, "вставка текста")
    await patiently(terminal.type, *"ещё")


async def test_a_long_chat_long_replies_and_large_pastes(home: Path, model: ScriptedServer) -> None:
    async def attempt(number: int) -> list[str]:
        slow = slowness()
        place = home / f"try{number}"
        place.mkdir()
        house = House(place)
        as_koboldcpp(model, "слово " * 18_000 + "\n\nКонец большого.", chunk=10**6, context=100_000)
        try:
            async with house.guest() as guest:
                await guest.call("connection.use", kind="koboldcpp", url=model.url, template="chatml")
                data = base64.b64encode(chat_lines(MESSAGES, russian)).decode()
                told = await guest.call("import", name="Mira - long.jsonl", data_base64=data)
                await guest.call("samplers.set", chat=told["files"][0]["id"], values={"max_tokens": 32_000})
            terminal = Terminal(columns=120, rows=40, env=house.env)
            try:
                await use_it(terminal, model)
                stalls = [*Log(place / "data" / "logs" / "terminal.log").news(), *house.log.news()]
                await patiently(terminal.type, CTRL_Q)
                await patiently(terminal.ended)
            finally:
                terminal.close()
            return [f"{s.ms} ms\n{s.where}" for s in stalls if s.ms > house.limit * max(slow, slowness())]
        finally:
            house.end()

    stalls = await fails_every_time(attempt)
    assert not stalls, "a loop was blocked each time:\n" + "\n".join(stalls)

