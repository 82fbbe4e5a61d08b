"""How a command reaches the core: the one that runs, one elsewhere, or one in this very process."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.options import add_connect as add_connect
from tui.cli.output import exactly, say_aside
from tui.domain.errors import BadInput, Refused
from tui.domain.notice import notice

if TYPE_CHECKING:
    from tui.client.connection import Connection, Event
    from tui.server.service import CoreService
    from tui.wire.target import Target


class Session:
    """A connection as commands use it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def call(self, method: str, /, **params: Any) -> Any:
        return await self._connection.call(method, **params)

    @contextlib.asynccontextmanager
    async def events(self, after: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        """The core's events from `after` on, for as long as the block lasts."""
        async with contextlib.aclosing(self._connection.events(after)) as events:
            yield events


def on_core(args: argparse.Namespace, act: Callable[[Session], Awaitable[int]]) -> int:
    """Run `act` with a connection to the core that `args` mean, starting one when none runs."""

    async def main() -> int:
        async with reached(args) as connection:
            return await act(Session(connection))

    return asyncio.run(main())


@contextlib.asynccontextmanager
async def reached(args: argparse.Namespace) -> AsyncIterator[Connection]:
    """A connection to the core that `args` mean. Raises TraktirError."""
    from tui.client.connection import Connection

    target, stop = await target_of(args)
    try:
        connection = await Connection.open(target)
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        if stop is not None:
            await asyncio.to_thread(stop)


async def target_of(args: argparse.Namespace) -> tuple[Target, Callable[[], None] | None]:
    """Where the core is, and what ends it when it lives in this process."""
    if args.connect:
        from tui.client.target import remote_target

        return remote_target(args.connect, args.token_file), None
    from tui.client.launch import ensure_core, find_core
    from tui.wire.place import prefers_standalone

    if args.standalone or prefers_standalone():
        running = None if args.standalone else await find_core()
        if running is not None:
            return running, None
        from tui.server.standalone import run_in_thread

        return await asyncio.to_thread(run_in_thread, core_factory)
    return await ensure_core(on_wait=say_aside), None


async def core_factory() -> CoreService:
    """The core on the user's own folders."""
    from tui.core.config import CoreConfig
    from tui.core.front import Front
    from tui.wire.place import socket_path

    return await Front.start(CoreConfig(socket=str(socket_path())))


def write_file(result: dict[str, Any], output: str) -> int:
    """Write what the core exported. Standard output for `-`; an existing file is replaced whole or not at all, pipes
    and devices are written to."""
    data = base64.b64decode(result["data_base64"])
    if output == "-" and sys.stdout.isatty():
        exactly(data.decode("utf-8", "replace"))
        return 0
    if output == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    path = Path(output)
    direct = path.exists() and not path.is_file()          # a rename would put a file in the place of /dev/null
    path = path if direct else path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if direct:
            path.write_bytes(data)
            return 0
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        told = notice("{file} cannot be written: {reason}.", file=output, reason=error.strerror or "?")
        raise BadInput(told, file=output) from error
    return 0


def edit_text(given: str | None, text: str, suffix: str = ".txt") -> str:
    """New text for an old one: `given`, standard input for `-`, else what the person's editor makes of it."""
    if given is not None:
        return sys.stdin.read() if given == "-" else given
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise Refused("There is no editor: the variable EDITOR is not set.", "Set it, or give the text with --text.")
    with tempfile.TemporaryDirectory(prefix="traktir-") as folder:
        file = Path(folder) / f"text{suffix}"
        file.write_text(text, "utf-8")
        if subprocess.run([*shlex.split(editor), str(file)], check=False).returncode:
            raise Refused("The editor ended with an error; nothing has changed.")
        return file.read_text("utf-8")
