"""HTTP to a core elsewhere, over TCP, by httpx."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Mapping

import httpx

from tui.client.exchange import CONNECT_S, WRITE_S, Answer, Broken, Unreachable

#: Seconds that a connection is kept for the next call: a telephone may have another address by then.
_KEPT_S = 5.0
#: Seconds in which the other side must take what was sent, and answer probes while an answer is waited for. A fifth of
#: all packets lost is borne that long.
_UNHEARD_S, _PROBE_AFTER_S, _PROBE_EVERY_S, _PROBES = 30, 15, 5, 4


class RemoteExchange:
    """Speaks with the core at `url`; every request carries the `token`."""

    def __init__(self, url: str, token: str | None) -> None:
        limits = httpx.Limits(max_connections=32, keepalive_expiry=_KEPT_S)
        verify = url.startswith("https:")          # reading certificates took 95 ms: only where they are needed
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                limits=limits, verify=verify, trust_env=False, socket_options=_noticing_loss()
            ),
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {}, trust_env=False,
        )

    @contextlib.asynccontextmanager
    async def ask(
        self, verb: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, silence_s: float
    ) -> AsyncIterator[Answer]:
        timeout = httpx.Timeout(CONNECT_S, read=silence_s, write=WRITE_S)
        content = body if verb == "POST" else None
        try:
            async with self._http.stream(verb, path, content=content, headers=headers, timeout=timeout) as response:
                yield Answer(response.status_code, _pieces(response))
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise Unreachable(str(problem)) from problem
        except httpx.TransportError as problem:
            raise Broken(str(problem) or type(problem).__name__) from problem

    async def close(self) -> None:
        await self._http.aclose()


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except httpx.TransportError as problem:
        raise Broken(str(problem) or type(problem).__name__) from problem


def _noticing_loss() -> list[tuple[int, int, int]]:
    """Have the system notice a line that died without a word: a call would else wait for its answer for minutes."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    wanted = {
        "TCP_KEEPIDLE": _PROBE_AFTER_S, "TCP_KEEPINTVL": _PROBE_EVERY_S, "TCP_KEEPCNT": _PROBES,
        "TCP_USER_TIMEOUT": _UNHEARD_S * 1000,
    }
    for name, value in wanted.items():
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options
