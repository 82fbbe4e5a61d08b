"""Finding the core of the home in use, and starting it where none runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from tui.client.connection import Connection
from tui.client.daemon import Begun, open_start_lock
from tui.client.spawn import served, start_core
from tui.domain.errors import ConnectionLost, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.wire import PROTOCOL
from tui.wire.build import build_id
from tui.wire.place import check_private, pointed, socket_path
from tui.wire.target import Target

#: Seconds to wait for another starter, or for an old core to end.
_PATIENCE = 30.0

OnWait = Callable[[Notice], None]


async def find_core() -> Target | None:
    """The running core of this home, of whatever build; None if there is none. Raises Refused (`check_private`)."""
    for path in dict.fromkeys(p for p in (socket_path(), pointed()) if p is not None):
        target = Target(socket=path)
        if await _greet(target) is not None:
            return target
    return None


async def ensure_core(
    idle_exit_s: float | None = None,
    env: Mapping[str, str] | None = None,
    *,
    on_wait: OnWait | None = None,
    accept_any_build: bool = False,
) -> Target:
    """The running core, started if there is none, restarted if it is of another build than the program on the disk.

    An old core that is writing a reply is announced through `on_wait` and waited for. `env` is what a new core gets as
    its environment (by default ours); it ends after `idle_exit_s` without a client or a reply in progress (by default
    what its settings say, `exit_minutes`). `accept_any_build` takes a running core as it is. Raises TraktirError with
    what the core said when it could not start.
    """
    while True:
        target = await find_core()
        if target is None:
            async with _only_starter():
                target = await find_core()
                if target is None:
                    await start_core(idle_exit_s, env)
                    return Target(socket=socket_path())
        if accept_any_build or await _is_current(target, on_wait):
            return target


async def await_core(begun: Begun, lock: int) -> Target:
    """The core that was begun under the starters' `lock` (a descriptor), once it serves. Raises TraktirError."""
    try:
        await served(begun)
        return Target(socket=socket_path())
    finally:
        os.close(lock)


async def revive_core() -> Target:
    """What a `Connection` revives a dead core with.

    It takes a running core as it is: clients of two installations would else end each other's core in turn.
    """
    return await ensure_core(accept_any_build=True)


async def _is_current(target: Target, on_wait: OnWait | None) -> bool:
    """Whether the core is of the build on the disk. If not, it was asked to end and has; a busy one finishes first."""
    told = False
    while (hello := await _greet(target)) is not None:
        if hello.get("build") == build_id() and hello.get("protocol") == PROTOCOL:
            return True
        if hello.get("standalone"):
            raise Refused(
                notice("Another terminal runs an older Traktir with the core inside it (process {pid}).",
                       pid=hello.get("pid")),
                notice("Quit it there first."),
            )
        if not hello.get("busy"):
            await _end(target)
            return False
        if not told and on_wait is not None:
            told = True
            on_wait(notice("An older Traktir is still writing a reply; it is restarted when the reply is done."))
        await asyncio.sleep(0.5)
    return False


async def _end(target: Target) -> None:
    """Ask an old core to end and wait until it has; one that became busy meanwhile is left for the next look."""
    with contextlib.suppress(ConnectionLost, Refused):
        connection = Connection(target)
        try:
            await connection.call("stop", upgrade=True)
        finally:
            await connection.close()
        await _greet(target)


async def _greet(target: Target) -> dict[str, Any] | None:
    """The hello of a core that listens there; None if none does."""
    assert target.socket is not None
    try:
        check_private(target.socket.parent)
    except FileNotFoundError:
        return None
    connection = Connection(target)
    try:
        return await _greet_living(connection)
    finally:
        await connection.close()


async def _greet_living(connection: Connection) -> dict[str, Any] | None:
    """A core that is ending is waited for; one that hung up in the middle is asked once more."""
    broken = False
    for _ in range(int(_PATIENCE / 0.05)):
        try:
            hello = await connection.greet()
            if not hello.get("ending"):
                return hello
        except ConnectionLost as lost:
            if lost.details.get("unsent"):
                return None
            if broken:
                raise
            broken = True
        await asyncio.sleep(0.05)
    raise TraktirError(notice("The core does not end."), notice("End it with: traktir stop --force"))


@contextlib.asynccontextmanager
async def _only_starter() -> AsyncIterator[None]:
    """Hold the lock under which a core is started; wait while another starter holds it."""
    import fcntl

    descriptor = open_start_lock()
    try:
        for _ in range(int(_PATIENCE / 0.02)):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(0.02)
        else:
            raise TraktirError(
                notice("Another Traktir has been starting the core for {seconds} seconds.", seconds=int(_PATIENCE)),
                notice("Look for a process that hangs: traktir serve"),
            )
        yield
    finally:
        os.close(descriptor)

