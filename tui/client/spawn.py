"""Starting the core as a process of its own that outlives its starter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import site
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tui import paths
from tui.domain.errors import TraktirError
from tui.domain.notice import notice
from tui.wire.codec import decode

#: Seconds in which a new core must answer.
START_TIMEOUT = 20.0
_LOG_MAX = 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]


def core_log() -> Path:
    """Where a core that was started in the background writes what it has to say."""
    return paths.log_dir() / "core.log"


async def start_core(idle_exit_s: float | None, env: Mapping[str, str] | None = None) -> None:
    """Start the core in the background and return when it serves. Raises TraktirError saying why it does not."""
    read, write = os.pipe()
    try:
        try:
            await asyncio.to_thread(_spawn, write, idle_exit_s, env)
        except OSError as problem:
            raise TraktirError(
                notice("The core cannot be started ({reason}).", reason=str(problem)),
                notice("Check that {path} can be written to.", path=str(paths.data_dir())),
            ) from problem
        finally:
            os.close(write)
        word = await _word_from(read)
    finally:
        os.close(read)
    if not word:
        raise TraktirError(
            notice("The core did not start. It said: {text}", text=_tail(core_log()) or "…"),
            notice("All it said is in {file}.", file=str(core_log())),
        )
    answer = decode(word)
    if "error" in answer:
        raise TraktirError.from_json(answer["error"])


def _spawn(ready: int, idle_exit_s: float | None, env: Mapping[str, str] | None) -> None:
    """The process forks once and its first half ends, so that ours has no child to wait for later."""
    log = core_log()
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_MAX:
            log.replace(log.with_suffix(".log.1"))
    words = [sys.executable, "-m", "tui", "serve", "--daemon", "--ready-fd", str(ready)]
    if idle_exit_s is not None:
        words += ["--idle-exit", f"{idle_exit_s:g}"]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=descriptor, pass_fds=(ready,), cwd="/",
            start_new_session=True, env=_environment(os.environ if env is None else env), check=False,
        )
    finally:
        os.close(descriptor)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given`, fit for another working directory, and with the way to this very program."""
    env = dict(given)
    for name in ("TRAKTIR_HOME", "TMPDIR"):
        if env.get(name):
            env[name] = str(Path(env[name]).expanduser().absolute())
    search = [str(Path(entry).absolute()) for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if str(_ROOT) not in (*site.getsitepackages(), site.getusersitepackages()) and str(_ROOT) not in search:
        search.insert(0, str(_ROOT))
    if search:
        env["PYTHONPATH"] = os.pathsep.join(search)
    return env


async def _word_from(read: int) -> bytes:
    """The line that the core writes when it serves or cannot; empty when it died or took too long."""
    loop = asyncio.get_running_loop()
    os.set_blocking(read, False)
    word = bytearray()
    done: asyncio.Future[None] = loop.create_future()

    def more() -> None:
        chunk = os.read(read, 65536)
        word.extend(chunk)
        if (not chunk or chunk.endswith(b"\n")) and not done.done():
            done.set_result(None)

    loop.add_reader(read, more)
    try:
        await asyncio.wait_for(done, START_TIMEOUT)
    except TimeoutError:
        word.clear()
    finally:
        loop.remove_reader(read)
    return bytes(word)


def _tail(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""
