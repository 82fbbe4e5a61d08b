"""`traktir` alone: open the terminal UI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui.cli.early import start_early
from tui.cli.options import add_connect
from tui.domain.errors import Refused

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tui.client.connection import Connection
    from tui.wire.target import Target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from tui import __version__

    parser.add_argument("--character", metavar="NAME", help="open the last chat with this character, or a new one")
    parser.add_argument("--chat", metavar="ID", help="open this chat")
    parser.add_argument("--profile", metavar="NAME", help="backend, template, samplers and prompt to use")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument("--version", action="version", version=f"traktir {__version__}")
    add_connect(parser)


def run(args: argparse.Namespace) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("The terminal UI needs a terminal.", "Use traktir say to talk from a script.")
    early = start_early(args)
    from tui.ui.app import UiOptions, run
    from tui.wire.place import prefers_standalone

    connect, end = connector(args, early)
    inside = not args.connect and (args.standalone or prefers_standalone())
    try:
        return run(
            UiOptions(
                connect=connect, character=args.character, chat=args.chat, profile=args.profile,
                mouse=False if args.no_mouse else None, ending=end if inside else None,
            )
        )
    finally:
        end()


def connector(
    args: argparse.Namespace, early: Future[Target] | None = None
) -> tuple[Callable[[], Awaitable[Connection]], Callable[[], None]]:
    """What connects to the core that `args` mean, and what ends the core afterwards if it lives in this process.
    `early` is that core where it is being started already."""
    ends: list[Callable[[], None]] = []

    async def connect() -> Connection:
        """Called after the first frame is on the screen: what it imports must not delay that."""
        import asyncio

        from tui.cli.session import target_of
        from tui.client.connection import Connection
        from tui.client.launch import revive_core

        target, stop = (await asyncio.wrap_future(early), None) if early is not None else await target_of(args)
        if stop is not None:
            ends.append(stop)
        return await Connection.open(target, revive=None if args.connect or stop else revive_core)

    def end() -> None:
        while ends:
            ends.pop()()

    return connect, end
