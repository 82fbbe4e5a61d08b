"""Another user of the same machine reads nothing, connects to nothing and can put nothing in the program's way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from secrets_kit import CHECKOUT, STRANGER, children_of, stranger, traktir

from tui.client.connection import Connection
from tui.wire.place import socket_path
from tui.wire.target import Target

pytestmark = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def house(home: Path, tmp_path: Path) -> Iterator[Path]:
    """A home with everything in it that the program makes, made where nothing is private by itself."""
    for place in (home, *home.parents, tmp_path, *tmp_path.parents, Path(os.environ["TMPDIR"])):
        if place not in (Path("/"), Path("/tmp")):
            place.chmod(0o755)
    assert traktir("chats", "list").returncode == 0                 # starts the core
    out = tmp_path / "exported"
    out.mkdir(mode=0o755)
    assert traktir("export", "card", "mira", "-o", str(out / "mira.json")).returncode == 0
    yield home
    traktir("stop", "--force")


def _entries(*places: Path) -> list[Path]:
    return [entry for place in places for entry in (place, *place.rglob("*"))]


def _say(words: list[str]) -> None:
    async def main() -> None:
        connection = await Connection.open(Target(socket=socket_path()))
        for method in words:
            await connection.call(method)
        await connection.close()

    asyncio.run(main())


def test_nothing_that_the_program_writes_is_open_to_others(house: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    serving = subprocess.Popen(
        [sys.executable, "-m", "tui", "serve", "--host", "127.0.0.1", "--port", "0", "--token-file", str(token)],
        cwd=CHECKOUT, env={**os.environ, "TRAKTIR_HOME": str(house.parent / "second")}, umask=0,
        stderr=subprocess.PIPE, text=True,
    )
    try:
        assert serving.stderr is not None
        serving.stderr.readline()
        found = _entries(house, house.parent / "second", tmp_path / "exported" / "mira.json", token,
                         socket_path().parent)
        names = {path.name for path in found}
        assert {"traktir.db", "traktir.db-wal", "core.log", "core.json", "core.sock", "mira.json", "token"} <= names
        own = [house, house.parent / "second"]
        for path in found:
            if path not in own:
                assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
        with stranger():
            for path in found:
                if path not in own:
                    assert not os.access(path, os.R_OK | os.W_OK, effective_ids=True), path
                    with pytest.raises(PermissionError):
                        os.listdir(path) if path.name in ("data", "logs", "config", "backups") else path.open("rb")
    finally:
        serving.terminate()
        serving.communicate()


def test_a_home_that_was_made_open_is_closed(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data").chmod(0o777)
    assert traktir("chats", "list").returncode == 0
    traktir("stop", "--force")
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700


def test_the_socket_is_out_of_reach(house: Path) -> None:
    with stranger(), socket.socket(socket.AF_UNIX) as line, pytest.raises(PermissionError):
        line.connect(str(socket_path()))
    with stranger(), pytest.raises(PermissionError):
        socket_path().unlink()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_processes_tell_others_nothing(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = _pid()
    processes = [pid, *children_of(pid)]
    with stranger():
        for process in processes:
            for secret in ("environ", "mem", "maps", "fd"):
                path = f"/proc/{process}/{secret}"
                with pytest.raises(PermissionError):
                    os.listdir(path) if secret == "fd" else Path(path).read_bytes()


def _pid() -> int:
    async def main() -> int:
        connection = await Connection.open(Target(socket=socket_path()))
        await connection.close()
        return int(connection.hello["pid"])

    return asyncio.run(main())


@pytest.mark.parametrize("trap", ["directory", "open directory", "link", "file"])
def test_a_place_that_somebody_took_before_us_is_not_used(home: Path, trap: str, tmp_path: Path) -> None:
    place = socket_path().parent
    Path(os.environ["TMPDIR"]).chmod(0o1777)
    mine = tmp_path / "mine"
    with stranger():
        if trap == "directory":
            place.mkdir(mode=0o755)
        elif trap == "open directory":
            place.mkdir()
            place.chmod(0o777)
        elif trap == "link":
            place.symlink_to(mine)
        else:
            place.write_text("")
    mine.mkdir(mode=0o700)
    found = traktir("chats", "list")
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert str(place) in found.stderr
    assert list(mine.iterdir()) == []
    assert trap in ("link", "file") or list(place.iterdir()) == []
    place.rmdir() if "directory" in trap else place.unlink()
    assert traktir("chats", "list").returncode == 0
    traktir("stop", "--force")


def test_whoever_wins_the_race_for_the_place_the_socket_is_ours(home: Path) -> None:
    """Another user makes and removes the directory as fast as he can while the core is started."""
    place = socket_path().parent
    Path(os.environ["TMPDIR"]).chmod(0o1777)
    racing = (
        f"import os, sys, time\nos.setgid({STRANGER}); os.setuid({STRANGER})\nuntil = time.monotonic() + 60\n"
        "while time.monotonic() < until:\n"
        "    for act in (os.mkdir, os.rmdir):\n"
        f"        try: act({str(place)!r})\n        except OSError: pass\n"
    )
    racer = subprocess.Popen([sys.executable, "-c", racing])
    try:
        for _ in range(3):
            found = traktir("chats", "list")
            if found.returncode == 0:
                info = place.stat()
                assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o700)
                assert socket_path().stat().st_uid == 0
                traktir("stop", "--force")
                with contextlib.suppress(OSError):
                    for left in place.iterdir():
                        left.unlink()
                    place.rmdir()
            else:
                assert "Traceback" not in found.stderr
    finally:
        racer.kill()
        racer.wait()
    deadline = time.monotonic() + 10
    while place.exists() and time.monotonic() < deadline and place.stat().st_uid == STRANGER:
        place.rmdir()
    traktir("stop", "--force")
