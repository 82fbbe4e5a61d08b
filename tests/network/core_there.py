"""A core on TCP, as `traktir serve --host … --token-file …` serves one: `core_there.py PING_S TOKEN`.

Its pings are short, and so is its patience with a line to a model that died. Prints the port when it serves.
"""

from __future__ import annotations

import logging
import socket
import sys

from tui.backends import http
from tui.core.app import Core, CoreConfig
from tui.server.run import Serving, serve
from tui.wire.place import socket_path


def main() -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    http._KEEPALIVE = [
        (level, name, 1 if name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL) else value)
        for level, name, value in http._KEEPALIVE
    ]
    path = socket_path()
    how = Serving(
        socket=path, host="0.0.0.0", port=0, token=sys.argv[2], ping_s=float(sys.argv[1]),
        on_tcp=lambda _, port: print(port, flush=True),
    )
    return serve(lambda: Core.start(CoreConfig(socket=str(path))), how, ready_fd=None)


if __name__ == "__main__":
    sys.exit(main())
