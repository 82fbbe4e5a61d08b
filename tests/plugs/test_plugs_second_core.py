"""A second core on the same data: refused with a sentence, however the first one stands, and the first is unharmed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from plugs_kit import CHECKOUT, StartCore, assert_sound, new_chat, opened_store


def starting(home: Path, **env: str) -> subprocess.Popen[str]:
    """A core that may be refused."""
    return subprocess.Popen(
        [sys.executable, "-m", "tui", "serve"], env={**os.environ, "TRAKTIR_HOME": str(home), **env}, cwd=CHECKOUT,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )


async def refused(home: Path, **env: str) -> str:
    """Start one that cannot start; what it said."""
    second = starting(home, **env)
    try:
        _, said = await asyncio.to_thread(second.communicate, None, 60)
    finally:
        second.kill()
    assert second.returncode == 1
    assert "Traceback" not in said
    return said


async def test_a_second_core_is_refused_and_the_first_goes_on(
    home: Path, tmp_path: Path, start_core: StartCore
) -> None:
    first = await start_core()
    connection = await first.connect()
    chat = await new_chat(connection)
    assert "running already" in await refused(home)
    other = tmp_path / "t"
    other.mkdir(mode=0o700)
    said = await refused(home, TMPDIR=str(other))              # its socket would be free; the store is not
    assert str(first.process.pid) in said
    assert "traktir stop" in said
    assert (await connection.call("chats.open", id=chat))["nodes"]
    await connection.call("chats.set", id=chat, field="title", value="Still mine")
    assert first.target.socket is not None
    assert first.target.socket.exists()
    await connection.close()

    first.kill()                                               # its socket, its pointer and its lock file stay behind
    assert first.target.socket.exists()
    assert json.loads((home / "data" / "traktir.db.owner").read_text())["pid"] == first.process.pid
    heir = await start_core(TMPDIR=str(other))
    connection = await heir.connect()
    assert connection.hello["pid"] == heir.process.pid
    assert (await connection.call("chats.open", id=chat))["chat"]["fields"]["title"] == "Still mine"
    assert str(heir.process.pid) in await refused(home)        # for whom the dead one's socket lies in the way
    await connection.close()
    heir.kill()
    async with opened_store(home) as store:
        await assert_sound(store, [chat])


async def test_the_leftovers_of_a_dead_core_whose_number_another_process_has(
    home: Path, start_core: StartCore
) -> None:
    first = await start_core()
    first.kill()
    owner = home / "data" / "traktir.db.owner"
    owner.write_text(json.dumps({**json.loads(owner.read_text()), "pid": os.getpid()}))
    second = await start_core()
    assert json.loads(owner.read_text())["pid"] == second.process.pid


async def test_of_cores_started_at_the_same_instant_one_wins(home: Path, tmp_path: Path) -> None:
    """One of them with another folder for sockets, so that only the store's lock decides between it and the others."""
    other = tmp_path / "t"
    other.mkdir(mode=0o700)
    for _ in range(10):
        rivals = [starting(home), starting(home), starting(home, TMPDIR=str(other))]
        try:
            async with asyncio.timeout(120):
                while sum(rival.poll() is None for rival in rivals) > 1:
                    await asyncio.sleep(0.02)
                winner = next(rival for rival in rivals if rival.poll() is None)
                losers = [rival for rival in rivals if rival is not winner]
                while not _serves(home, winner.pid):
                    assert winner.poll() is None, "nobody has won"
                    await asyncio.sleep(0.02)
            for loser in losers:
                assert loser.stderr is not None
                said = loser.stderr.read()
                loser.stderr.close()
                assert loser.returncode == 1
                assert "running already" in said or "in use by another" in said, said
            winner.send_signal(signal.SIGTERM)
            _, said = await asyncio.to_thread(winner.communicate, None, 60)
            assert winner.returncode == 0
            assert "Traceback" not in said
            assert not (home / "data" / "traktir.db.owner").exists()
        finally:
            for rival in rivals:
                rival.kill()
                rival.wait()


def _serves(home: Path, pid: int) -> bool:
    """Whether that core holds the store and has said where it listens."""
    try:
        owner = json.loads((home / "data" / "traktir.db.owner").read_text())
        pointer = json.loads((home / "data" / "core.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(owner["pid"] == pid and Path(pointer["socket"]).exists())
