"""A server that means harm: what it says and how it fails reaches a terminal as text."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tui.cli import main
from tui.cli.session import core_factory
from tui.server.standalone import run_in_thread

EVIL = (
    "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4K\x07\x9b31m\x90q\x9c\x07\x00[bold red]x[/] {{user}} {{setvar::a::b}} "
    "\u202egnp.exe\u2028<script>alert(1)</script> \U000e0041\x7f ![x](http://192.0.2.1/a.png)"
)
OBEYED = {chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), 0x2028)} - {"\n", "\t"}


def load_scripted() -> ModuleType:
    """The scripted servers of the tests of the backends."""
    if "scripted" not in sys.modules:
        path = Path(__file__).parents[1] / "backends" / "scripted.py"
        spec = importlib.util.spec_from_file_location("scripted", path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["scripted"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["scripted"])
    return sys.modules["scripted"]


@pytest.fixture
async def evil(home: Path) -> AsyncIterator[Any]:
    """A server that says EVIL, a profile that leads to it, and a core that stays."""
    scripted = load_scripted()
    server = scripted.ScriptedServer()
    scripted.as_openai(server, EVIL, model=f"evil {EVIL}")
    await server.start()
    profile = home / "config" / "presets" / "profiles" / "evil.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(f"backend: {{kind: openai, url: '{server.url}'}}\ntemplate: chatml\n", "utf-8")
    _, stop = await asyncio.to_thread(run_in_thread, core_factory)
    yield server
    await asyncio.to_thread(stop)
    await server.stop()


async def traktir(*words: str) -> tuple[int, str, str]:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = await asyncio.to_thread(main, words)
    out.flush()
    err.flush()
    return status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


async def said_plainly(*words: str, status: int = 0) -> tuple[str, str]:
    rc, out, err = await traktir(*words)
    assert rc == status, err
    for text in (out, err):
        assert not OBEYED & set(text), ascii(text)
    return out, err


async def test_a_reply_is_text_and_nothing_else(evil: Any) -> None:
    out, _ = await said_plainly("say", "--character", "mira", "--profile", "evil", "Hello")
    assert "[bold red]x[/]" in out
    assert "{{user}}" in out, "what a model writes is not expanded"
    lines, _ = await said_plainly("say", "--json", "Again")
    done = json.loads(lines.splitlines()[-1])
    (chat,) = [json.loads(line) for line in (await said_plainly("chats", "list", "--json"))[0].splitlines()]
    assert done["chat"] == chat["id"]
    for verb in (("show",), ("show", "--tree"), ("show", "--json"), ("export", "--format", "txt")):
        await said_plainly("chats", verb[0], chat["id"], *verb[1:])
    plan = ("prompt", "show", "--chat", chat["id"])
    for words in (("chats", "list"), ("chats", "search", "script"), ("status",), plan):
        await said_plainly(*words)
    shown, _ = await said_plainly("status", "--json")
    assert json.loads(shown)["running"]
    assert not [r for r in evil.requests if "a.png" in r.path]


async def test_an_error_is_text_and_nothing_else(evil: Any) -> None:
    scripted = load_scripted()
    for body in (json.dumps({"error": {"message": EVIL}}), EVIL, "<html>" + EVIL * 2000):
        for path in ("chat/completions", "completions"):
            evil.on(f"POST /v1/{path}", scripted.answer(body, "400 Bad\x1b[2J Request"))
        _, err = await said_plainly("say", "--chat", "new", "--character", "mira", "--profile", "evil", "Hi", status=1)
        assert err.startswith("traktir: ")
        assert len(err) < 2000
    evil.on("GET /v1/models", scripted.answer(EVIL))
    await said_plainly("probe", evil.url, status=(await traktir("probe", evil.url))[0])
