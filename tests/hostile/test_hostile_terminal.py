"""The bytes that the program sends to a real terminal while hostile things are on view: no sequence but its own."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from terminal import CTRL_Q, ENTER, ESCAPE, F2, Terminal
from test_hostile_replies import EVIL, load_scripted

from tui.cli.session import core_factory
from tui.client.connection import Connection
from tui.server.standalone import run_in_thread

DOWN, F5 = "\x1b[B", "\x1b[15~"
FILES = (
    "text/ansi.json", "text/rich_markup.json", "text/bidi.json", "text/invisible.json", "text/zalgo.json",
    "json/key_controls.json", "json/nul.json", "json/tags_long.json", "lore/decorators.json", "chat/st_types.jsonl",
)
SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL
)


class Recorded(Terminal):
    """Keeps every byte."""

    def __init__(self, *words: str) -> None:
        super().__init__(*words)
        self.record = bytearray()
        feed = self._stream.feed

        def keep(data: bytes) -> None:
            self.record.extend(data)
            feed(data)

        self._stream.feed = keep                            # type: ignore[method-assign]


def kinds(record: bytes) -> set[bytes]:
    """The sequences that were sent, colours and places left out: all of these are alike."""
    found = set()
    for sequence in SEQUENCE.findall(record):
        plain = re.fullmatch(rb"\x1b\[[\d;:]*([ABCDGHXJKmdr])", sequence)
        found.add(b"CSI " + plain[1] if plain else sequence)
    return found


@pytest.fixture
async def core(home: Path) -> AsyncIterator[tuple[Connection, Any]]:
    """A core with a server that first says something harmless and then EVIL."""
    scripted = load_scripted()
    server = scripted.ScriptedServer()
    scripted.as_koboldcpp(server, "Good evening.", EVIL + " and done.")
    await server.start()
    target, stop = await asyncio.to_thread(run_in_thread, core_factory)
    line = await Connection.open(target)
    await line.call("connection.use", kind="koboldcpp", url=server.url, template="chatml")
    yield line, server
    await line.close()
    await asyncio.to_thread(stop)
    await server.stop()


def evening(character: str, refused: Path, said: str) -> bytes:
    """Read a greeting, say something, look at the lists, the inspector and a refusal; every byte that was sent."""
    terminal = Recorded("--character", character)
    try:
        terminal.until(lambda s: "Write here" in s and ("#1" in s or "lone_esc" in s))
        terminal.type("Hello?", ENTER)
        terminal.until(lambda s: "Esc stop" not in s and said in s)
        terminal.type(F2)
        terminal.until("Import")
        for _ in range(16):
            terminal.type(DOWN)
        terminal.type(ESCAPE)
        terminal.until("Write here")
        terminal.type(F5)
        terminal.until("system prompt")
        for _ in range(6):
            terminal.type(DOWN)
        terminal.type(ESCAPE)
        terminal.until("Write here")
        terminal.type(f"/import {refused}", ENTER)
        terminal.until("nothing that Traktir can read")
        terminal.type(CTRL_Q)
        assert terminal.ended() == 0
    finally:
        terminal.close()
    return bytes(terminal.record)


async def test_a_terminal_gets_no_sequence_but_the_programs_own(
    hostile: Path, tmp_path: Path, core: tuple[Connection, Any]
) -> None:
    line, _ = core
    plain, odd = tmp_path / "plain.json", tmp_path / "[@click=app.quit]odd.json"
    plain.write_text('{"a": 1}')
    odd.write_text('{"\\u001b]0;owned\\u0007\\u009b2J": 1}')
    usual = kinds(await asyncio.to_thread(evening, "mira", plain, "Good evening."))
    taken = []
    for name in FILES:
        data = base64.b64encode((hostile / name).read_bytes()).decode("ascii")
        taken += (await line.call("import", name=Path(name).name, data_base64=data))["files"]
    assert all(result["error"] is None for result in taken)
    record = await asyncio.to_thread(evening, str(taken[0]["id"]), odd, "and done.")
    assert kinds(record) <= usual
    text = SEQUENCE.sub(b"", record).decode("utf-8")
    assert not re.search("[\x80-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]", text)
    assert b"[bold red]" in record, "it was on view"
