"""HTTP to a core elsewhere, over TCP, by httpx."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import httpx

from tui.client.exchange import CONNECT_S, WRITE_S, Answer, Broken, Unreachable


class RemoteExchange:
    """Speaks with the core at `url`; every request carries the `token`."""

    def __init__(self, url: str, token: str | None) -> None:
        limits = httpx.Limits(max_connections=32, keepalive_expiry=30.0)
        verify = url.startswith("https:")          # reading certificates took 95 ms: only where they are needed
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(limits=limits, verify=verify, trust_env=False), base_url=url,
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
