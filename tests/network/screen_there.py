"""The terminal UI as `traktir --connect URL` opens it, with short pings: `screen_there.py PING_S TOKEN URL`."""

from __future__ import annotations

import sys

from tui.ui.app import UiOptions, run


async def connect() -> object:
    """As the program connects, its patience with the system's share of the line measured in pings too."""
    from tui.client import remote
    from tui.client.connection import Connection
    from tui.wire import PING_SECONDS
    from tui.wire.target import Target

    ping_s, token, url = float(sys.argv[1]), *sys.argv[2:4]
    remote._UNHEARD_S = max(1, round(remote._UNHEARD_S * ping_s / PING_SECONDS))
    remote._PROBE_AFTER_S = remote._PROBE_EVERY_S = 1
    return await Connection.open(Target(url=url, token=token), ping_s=ping_s)


if __name__ == "__main__":
    sys.exit(run(UiOptions(connect=connect)))
