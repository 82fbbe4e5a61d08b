"""The core as a process: started, found, shared, killed, outlived."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tui import paths
from tui.cli import main
from tui.client.connection import Connection, Event
from tui.client.launch import ensure_core, find_core
from tui.client.target import remote_target
from tui.domain.errors import ConnectionLost, StoreError, TraktirError
from tui.domain.notice import Notice
from tui.wire.place import socket_path
from tui.wire.target import Target

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs processes that outlive their parents")


@pytest.fixture(autouse=True)
def no_core_stays(short_tmp: Path, home: Path) -> Iterator[None]:
    yield
    for path in short_tmp.glob("*/core.sock"):
        with contextlib.suppress(OSError, TraktirError):
            asyncio.run(_kill(Target(socket=path)))


async def _kill(target: Target) -> None:
    os.kill((await _hello(target))["pid"], signal.SIGKILL)


async def _hello(target: Target) -> dict[str, Any]:
    connection = await Connection.open(target)
    await connection.close()
    return connection.hello


async def _pid() -> int:
    """The process of the running core."""
    target = await find_core()
    assert target is not None
    return int((await _hello(target))["pid"])


async def _gone(pid: int, within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while _alive(pid):
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet taken note of does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_is_started_once_and_outlives_its_starter() -> None:
    target = await ensure_core(60)
    hello = await _hello(target)
    pid = hello["pid"]
    assert pid != os.getpid()
    assert os.getsid(pid) != os.getsid(0)
    assert hello["home"] == str(paths.data_dir())
    assert await ensure_core(60) == target
    assert await _pid() == pid
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)                # not our child: nothing to wait for


def test_status_and_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "No core is running" in capsys.readouterr().err
    asyncio.run(ensure_core(60))
    assert main(["status"]) == 0
    assert str(paths.data_dir()) in capsys.readouterr().out
    assert main(["stop"]) == 0
    assert not socket_path().exists()
    assert main(["status", "--json"]) == 1
    assert capsys.readouterr().out == '{"type":"status","running":false}\n'
    assert main(["stop"]) == 0


async def test_a_killed_core_is_started_again() -> None:
    await ensure_core(60)
    pid = await _pid()
    os.kill(pid, signal.SIGKILL)
    await _gone(pid)
    assert socket_path().exists()                  # nobody was left to remove it
    assert await find_core() is None
    await ensure_core(60)
    assert await _pid() != pid


async def test_starters_at_the_same_time_share_one_core() -> None:
    script = (
        "import asyncio\n"
        "from tui.client.connection import Connection\n"
        "from tui.client.launch import ensure_core\n"
        "async def main():\n"
        "    connection = await Connection.open(await ensure_core(60))\n"
        "    print(connection.hello['pid'])\n"
        "    await connection.close()\n"
        "asyncio.run(main())\n"
    )
    starters = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE) for _ in range(3)
    ]
    answers = [(await starter.communicate())[0].strip() for starter in starters]
    assert answers == [str(await _pid()).encode()] * 3


async def test_nobody_needs_it_so_it_ends() -> None:
    connection = await Connection.open(await ensure_core(0.6))
    pid = connection.hello["pid"]
    stream = connection.events()
    reader = asyncio.create_task(anext(stream))
    await asyncio.sleep(1.5)                       # attached, well beyond the idle time
    assert _alive(pid)
    reader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reader
    await stream.aclose()
    await connection.close()
    await _gone(pid)
    assert not socket_path().exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    await ensure_core(60)
    pid = await _pid()
    os.kill(pid, number)
    await _gone(pid)
    assert not socket_path().exists()
    assert "Traceback" not in (paths.log_dir() / "core.log").read_text()


async def test_a_hangup_does_not_touch_it() -> None:
    await ensure_core(60)
    pid = await _pid()
    os.kill(pid, signal.SIGHUP)
    assert await _pid() == pid


async def test_the_death_of_its_starters_session_does_not_touch_it() -> None:
    script = (
        "import asyncio, os, signal\nfrom tui.client.launch import ensure_core\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\nasyncio.run(ensure_core(60))\n"    # tests may run under nohup
        "os.killpg(0, signal.SIGHUP)\nsignal.pause()\n"
    )
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", script, start_new_session=True)
    assert await starter.wait() == -signal.SIGHUP
    assert _alive(await _pid())


async def test_a_long_directory_for_temporary_files(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = short_tmp / ("d" * 60) / ("e" * 60)
    long.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(long))
    target = await ensure_core(60)
    try:
        assert (await _hello(target))["pid"] == await _pid()
    finally:
        await _kill(target)
        assert target.socket is not None
        for left in target.socket.parent.iterdir():
            left.unlink()
        target.socket.parent.rmdir()


async def test_another_directory_for_temporary_files_finds_the_same_core(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await ensure_core(60)
    (short_tmp / "nix").mkdir()
    monkeypatch.setenv("TMPDIR", str(short_tmp / "nix"))
    assert await ensure_core(60) == target


async def test_a_home_given_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAKTIR_HOME", "here")
    assert (await _hello(await ensure_core(60)))["home"] == str(tmp_path / "here" / "data")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
async def test_it_keeps_the_environment_of_its_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "from the starter")
    await ensure_core(60)
    assert b"\0SOME_KEY=from the starter\0" in Path(f"/proc/{await _pid()}/environ").read_bytes()


async def test_a_key_from_another_shell_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await Connection.open(await ensure_core(60))
    await connection.call("connection.use", kind="openai", url="http://127.0.0.1:9/v1", key_env="SOME_KEY")
    assert (await connection.greet())["wants"] == ["SOME_KEY"]
    monkeypatch.setenv("SOME_KEY", "secret")
    another = await Connection.open(await ensure_core(60))
    assert (await connection.greet())["wants"] == []
    await another.close()
    await connection.close()


async def test_why_it_does_not_start_is_told(home: Path) -> None:
    (home / "data" / "traktir.db").mkdir(parents=True)
    with pytest.raises(StoreError):
        await ensure_core(60)
    assert not socket_path().exists()


async def test_a_home_that_cannot_be_written_is_told(home: Path) -> None:
    (home / "data").write_text("a file")
    with pytest.raises(TraktirError, match="cannot be started"):
        await ensure_core(60)


_OLD_CORE = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import ScriptedCore
from tui.server.run import Serving, serve
from tui.wire.place import socket_path

class Core(ScriptedCore):
    async def call(self, method, params):
        self.is_busy = params["busy"]
        return {}

async def make():
    return Core()

serve(make, Serving(socket=socket_path(), build="old"), ready_fd=1)
"""


@contextlib.asynccontextmanager
async def _old_core() -> AsyncIterator[tuple[subprocess.Popen[bytes], Connection]]:
    with subprocess.Popen(
        [sys.executable, "-c", _OLD_CORE, str(Path(__file__).parent)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert b'"ok"' in await asyncio.to_thread(process.stdout.readline)
        connection = await Connection.open(Target(socket=socket_path()))
        try:
            yield process, connection
        finally:
            await connection.close()
            process.kill()


async def test_an_idle_core_of_another_build_is_restarted() -> None:
    async with _old_core() as (old, _):
        assert await ensure_core(60, accept_any_build=True) == Target(socket=socket_path())
        assert await _pid() == old.pid
        await ensure_core(60)
        assert await _pid() != old.pid
        assert await asyncio.to_thread(old.wait, 10) == 0


async def test_a_busy_core_of_another_build_is_announced_and_waited_for() -> None:
    async with _old_core() as (old, connection):
        await connection.call("set", busy=True)
        told: list[Notice] = []
        waiting = asyncio.create_task(ensure_core(60, on_wait=told.append))
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
        assert "still writing a reply" in str(told[0])
        assert old.poll() is None
        await connection.call("set", busy=False)
        await asyncio.wait_for(waiting, 20)
        assert len(told) == 1
        assert await _pid() != old.pid


async def _until(events: list[Event], wanted: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(20):
        while not any(wanted(event.data) for event in events):
            await asyncio.sleep(0.01)


async def test_a_client_revives_a_core_that_died_but_not_one_that_was_stopped() -> None:
    async def revive() -> Target:
        return await ensure_core(60, accept_any_build=True)

    connection = await Connection.open(await ensure_core(60), revive=revive)
    heard: list[Event] = []

    async def listen() -> None:
        async for event in connection.events():
            heard.append(event)

    listener = asyncio.create_task(listen())
    await _until_attached(connection)
    os.kill(connection.hello["pid"], signal.SIGKILL)
    await _until(heard, lambda data: data == {"type": "link", "state": "back"})
    await _until(heard, lambda data: data["type"] == "reset")
    heard.clear()
    await connection.call("stop")
    await _until(heard, lambda data: data == {"type": "link", "state": "lost"})
    began = time.monotonic()
    while time.monotonic() - began < 1.0:          # several attempts to connect fall into this
        assert await find_core() is None
        await asyncio.sleep(0.1)
    await connection.call("status")                # whoever asks for something wants the core back
    await _until(heard, lambda data: data == {"type": "link", "state": "back"})
    listener.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listener
    await connection.close()


async def _until_attached(connection: Connection) -> None:
    async with asyncio.timeout(10):
        while not (await connection.call("status"))["clients"]:
            await asyncio.sleep(0.01)


async def test_serving_on_tcp(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tui", "serve", "--host", "127.0.0.1", "--port", "0"]
    refused = await asyncio.create_subprocess_exec(*words, stderr=subprocess.PIPE)
    _, said = await refused.communicate()
    assert refused.returncode == 1
    assert b"needs a token" in said
    token_file = tmp_path / "token"
    with subprocess.Popen([*words, "--token-file", str(token_file)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = (await asyncio.to_thread(process.stderr.readline)).split()[-1]
        connection = await Connection.open(remote_target(url, token_file))
        assert connection.hello["pid"] == process.pid
        await connection.close()
        process.send_signal(signal.SIGHUP)         # in the foreground the end of the terminal is the end
        assert await asyncio.to_thread(process.wait, 15) == 0
    with pytest.raises(ConnectionLost):
        await Connection.open(remote_target(url, token_file))
