"""The core in a thread of this process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tui.client.connection import Connection
from tui.client.launch import ensure_core, find_core
from tui.domain.errors import ConnectionLost, Refused, StoreError
from tui.domain.notice import notice
from tui.server import standalone
from tui.server.standalone import run_in_thread
from tui.wire.place import prefers_standalone, socket_path
from tui.wire.target import Target


def _made(core: Any) -> Any:
    async def make() -> Any:
        return core

    return make


async def test_the_same_client_speaks_to_it_and_another_terminal_finds_it(core: Any) -> None:
    target, stop = run_in_thread(_made(core))
    assert target == Target(socket=socket_path())
    connection = await Connection.open(target)
    assert connection.hello["pid"] == os.getpid()
    assert connection.hello["standalone"]
    assert await connection.call("echo", a=1) == {"a": 1}
    assert await find_core() == target
    with pytest.raises(Refused, match="running already") as refused:
        run_in_thread(_made(core))
    assert refused.value.details["running"]
    await connection.close()
    await asyncio.to_thread(stop)
    assert core.closed
    assert not socket_path().exists()
    assert "core" not in [thread.name for thread in threading.enumerate()]


async def test_it_is_not_restarted_by_a_newer_program(core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, stop = run_in_thread(_made(core))
    monkeypatch.setattr("tui.client.launch.build_id", lambda: "newer")
    with pytest.raises(Refused, match="Another terminal runs an older Traktir"):
        await ensure_core()
    await asyncio.to_thread(stop)


@pytest.mark.parametrize("lacks", ["the sockets", "a directory for them"])
async def test_without_a_place_for_a_unix_socket_it_is_a_loopback_port(
    core: Any, lacks: str, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacks == "the sockets":
        monkeypatch.setattr(standalone, "HAS_UNIX", False)
    else:
        monkeypatch.setenv("TMPDIR", str(short_tmp / "absent"))
    target, stop = run_in_thread(_made(core))
    assert target.url is not None
    assert target.url.startswith("http://127.0.0.1:")
    connection = await Connection.open(target)
    assert await connection.call("echo", a=1) == {"a": 1}
    with pytest.raises(Refused):
        await Connection.open(Target(url=target.url, token="guessed"))
    await connection.close()
    await asyncio.to_thread(stop)
    with pytest.raises(ConnectionLost):
        await Connection.open(target)


async def test_stopped_over_the_wire_it_ends_too(core: Any) -> None:
    target, stop = run_in_thread(_made(core))
    connection = await Connection.open(target)
    await connection.call("stop")
    await connection.close()
    await asyncio.to_thread(stop)
    assert core.closed


async def test_why_it_does_not_start_is_told() -> None:
    async def make() -> Any:
        raise StoreError(notice("The disk is full."))

    with pytest.raises(StoreError, match="The disk is full"):
        run_in_thread(make)
    assert not socket_path().exists()


@pytest.mark.parametrize("variable", ["TERMUX_VERSION", None])
def test_it_is_the_way_on_android(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERMUX_VERSION", raising=False)
    if variable:
        monkeypatch.setenv(variable, "0.118")
    else:
        monkeypatch.setattr(sys, "platform", "android")
    assert prefers_standalone()


_ANDROID = """
import importlib.abc, importlib.machinery, os, sys
own = os.path.dirname(os.__file__)
sys.platform = "android"

class NoCompiled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        compiled = spec and spec.origin and spec.origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
        if compiled and (not spec.origin.startswith(own) or "-packages" in spec.origin):
            raise ImportError(f"{name} is compiled")
        return None

sys.meta_path.insert(0, NoCompiled())
sys.path.insert(0, sys.argv[1])
import asyncio
from conftest import ScriptedCore
from tui.client.connection import Connection
from tui.server.standalone import run_in_thread

async def make():
    return ScriptedCore()

async def main():
    target, stop = run_in_thread(make)
    connection = await Connection.open(target)
    print(await connection.call("echo", a=1))
    await connection.close()
    await asyncio.to_thread(stop)

asyncio.run(main())
"""


def test_it_runs_on_android_without_a_compiled_module() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ANDROID, str(Path(__file__).parent)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "{'a': 1}\n"
