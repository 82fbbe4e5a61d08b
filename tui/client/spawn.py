"""Starting the core as a process of its own that outlives its starter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from tui import paths
from tui.client.daemon import Begun, begin, core_log
from tui.domain.errors import TraktirError
from tui.domain.notice import notice
from tui.wire.codec import decode

#: Seconds in which a new core must answer.
START_TIMEOUT = 20.0


async def start_core(idle_exit_s: float | None, env: Mapping[str, str] | None = None) -> None:
    """Start the core in the background and return when it serves. Raises TraktirError saying why it does not."""
    try:
        begun = await asyncio.to_thread(begin, idle_exit_s, env)
    except OSError as problem:
        raise cannot_start(problem) from problem
    await served(begun)


def cannot_start(problem: OSError) -> TraktirError:
    """Why there is not even a process."""
    return TraktirError(
        notice("The core cannot be started ({reason}).", reason=str(problem)),
        notice("Check that {path} can be written to.", path=str(paths.data_dir())),
    )


async def served(begun: Begun) -> None:
    """Return when a core that was begun serves. Raises TraktirError saying why it does not."""
    word = b""
    try:
        word = await _word_from(begun.ready)
    finally:
        os.close(begun.ready)
        if not word:
            begun.process.kill()                   # it may hang before it is anything: nobody must wait for it for ever
        await asyncio.to_thread(begun.process.wait)
    if not word:
        raise TraktirError(
            notice("The core did not start. It said: {text}", text=_tail(core_log()) or "…"),
            notice("All it said is in {file}.", file=str(core_log())),
        )
    answer = decode(word)
    if "error" in answer:
        raise TraktirError.from_json(answer["error"])


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
