"""What requests to the AI Horde say of who asks, in headers of its own."""

from __future__ import annotations

from tui import __version__

ANONYMOUS = "0000000000"
"""The key of those who have none."""


def horde_headers(key: str) -> dict[str, str]:
    """The key, and the program as `name:version:contact`."""
    return {"apikey": key or ANONYMOUS, "Client-Agent": f"Traktir:{__version__}:unknown"}


#: By which OpenRouter names the program in its statistics. A page (HTTP-Referer) can be added among an endpoint's own
#: headers; the program has none.
TITLE = {"X-Title": "Traktir"}
