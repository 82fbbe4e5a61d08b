"""`traktir serve`: the core, in the foreground or (started by a client) in the background."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from tui.i18n import tr

    parser.add_argument("--host", metavar="ADDRESS", help=tr("listen on TCP too, on this address (127.0.0.1, 0.0.0.0)"))
    parser.add_argument("--port", type=_port, default=8777, help=tr("the TCP port (8777; 0 takes a free one)"))
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help=tr("the token that TCP clients must have; made where it is missing (else TRAKTIR_TOKEN)"),
    )
    parser.add_argument(
        "--idle-exit", type=_seconds, metavar="SECONDS",
        help=tr("end after so long without a client or a reply in progress (0, the default: never)"),
    )
    parser.add_argument("--daemon", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serve until told to end. Raises TraktirError when the core cannot start."""
    if args.daemon and os.fork():
        os._exit(0)                                # the starter waits for this half; the core has init for a parent
    from tui.core.config import CoreConfig
    from tui.core.front import Front
    from tui.server.run import Serving, serve
    from tui.wire.place import socket_path

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    path = socket_path()
    how = Serving(
        socket=path, host=args.host, port=args.port, token=_token(args), idle_exit_s=_idle_exit_s(args),
        on_tcp=_announce,
    )
    return serve(
        lambda: Front.start(CoreConfig(socket=str(path))), how, ready_fd=args.ready_fd, ignore_hangup=args.daemon
    )


def _idle_exit_s(args: argparse.Namespace) -> float:
    """As asked for; else never in the foreground, and in the background what the settings say."""
    if args.idle_exit is not None or not args.daemon:
        return args.idle_exit or 0.0
    from tui import paths
    from tui.core.settings import Settings

    return float(Settings(paths.config_dir()).get("exit_minutes")) * 60


def _token(args: argparse.Namespace) -> str | None:
    if args.host is None:
        return None
    from tui.server.token import token_for_serving

    return token_for_serving(args.token_file)


def _announce(host: str, port: int) -> None:
    from tui.i18n import tr

    shown = f"[{host}]" if ":" in host else host
    print(tr("Listening on {url}", url=f"http://{shown}:{port}"), file=sys.stderr, flush=True)
    if not (host.startswith("127.") or host == "::1"):
        print(
            tr("The connection is not encrypted: use it in a network you trust, or through ssh -L or a VPN."),
            file=sys.stderr, flush=True,
        )


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
