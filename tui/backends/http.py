"""HTTP to one server, with the limits that strangers need: short waits, small answers, no redirects.

The only module that talks to httpx. Failures leave it as BackendError.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from tui.backends import failures
from tui.backends.address import KNOWN_HOSTS, Address
from tui.backends.agent import TITLE, horde_headers
from tui.backends.bounded import MAX_PARTS, parse_json
from tui.backends.guard import GuardedTransport
from tui.backends.redaction import Redaction, credentials
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BadInput
from tui.domain.notice import notice

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 30.0
NEAR_SECONDS = 3.0
FAR_SECONDS = 8.0
"""How long a question may go unanswered, in the local network and beyond."""
EVENT_STREAM = "text/event-stream"
MAX_JSON = 4 << 20
#: A longer answer, in bytes, is read on a thread: with what is looked for in it that takes a tenth of a second.
_QUICK = 64 << 10
MAX_ERROR_BODY = 64 << 10
BREATH_SECONDS = 0.005
"""How long to work on what a server sent before others get their turn."""

_SECRET_HEADER = re.compile("auth|key|token|secret|cookie", re.IGNORECASE)
#: What these say of each request holds addresses with passwords, and what servers repeat in their headers.
for _talkative in ("httpx", "httpcore"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

_STREAM_TIMEOUT = httpx.Timeout(None, connect=CONNECT_SECONDS, write=WRITE_SECONDS)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `data` is its JSON, None where it is none."""

    status: int
    headers: Mapping[str, str]
    data: Any
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def field(self, name: str) -> Any:
        """A key of a JSON object, None where there is no object or no such key."""
        return self.data.get(name) if isinstance(self.data, dict) else None


class Http:
    """Calls to one endpoint. A stream has a connection of its own, so that closing it is seen at once and no
    request meets a connection that the server has just given up; questions share one for two seconds."""

    def __init__(self, endpoint: Endpoint, address: Address) -> None:
        self.address = address
        self.model = ""                           # which of its models a router is asked about
        self._key = endpoint.api_key.strip()
        self._headers = _headers(endpoint, address)
        self._proxy = proxy = _proxy(address, endpoint.proxy)
        own = [value for name, value in endpoint.headers.items() if _SECRET_HEADER.search(name)]
        own += endpoint.secret_headers.values()
        self.redaction = Redaction([self._key, *own, *credentials(address.root), *credentials(proxy)])
        self._verify = _verification(endpoint, address)
        self._clients: dict[bool, httpx.AsyncClient] = {}

    @property
    def key_given(self) -> bool:
        return bool(self._key)

    async def ask(
        self, url: str, body: Any = None, *, seconds: float | None = None, limit: int = MAX_JSON,
        max_parts: int = MAX_PARTS, method: str = "",
    ) -> Answer:
        """GET, or POST where there is a body, or `method`, within `seconds` beside connecting. Any HTTP status is an
        Answer, except a redirect. `limit` is in bytes, `max_parts` as in `parse_json`. Raises BackendError."""
        if self.model and isinstance(body, dict):
            body = {"model": self.model, **body}
        seconds = seconds or (NEAR_SECONDS if self.address.private else FAR_SECONDS)
        wait = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            async with (
                asyncio.timeout(CONNECT_SECONDS + seconds),
                self._open(url, body, "application/json", timeout=wait, method=method) as response,
            ):
                raw = await self._read(response, limit)
        except TimeoutError as error:
            raise failures.not_reached(error, self.address.shown) from None
        if len(raw) < _QUICK:
            return self._answer(response, raw, max_parts)
        return await asyncio.to_thread(self._answer, response, raw, max_parts)

    @asynccontextmanager
    async def stream(self, url: str, body: Any) -> AsyncIterator[httpx.Response]:
        """POST for an event stream. The caller reads `response.aiter_raw()`, guarded by `translated`."""
        async with self._open(url, body, EVENT_STREAM) as response:
            yield response

    async def error_answer(self, response: httpx.Response) -> Answer:
        """What came instead of a stream; at most 64 KiB of it, within three seconds."""
        raw, breath = bytearray(), Breath()
        try:
            async with asyncio.timeout(NEAR_SECONDS):
                async for chunk in response.aiter_raw():
                    raw += chunk
                    if len(raw) >= MAX_ERROR_BODY:
                        break
                    await breath.take()
        except (TimeoutError, httpx.HTTPError):
            pass                                                # the status alone must do
        return self._answer(response, raw[:MAX_ERROR_BODY])

    async def close(self) -> None:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    @asynccontextmanager
    async def _open(
        self, url: str, body: Any, accept: str, timeout: httpx.Timeout = _STREAM_TIMEOUT, method: str = "",
    ) -> AsyncIterator[httpx.Response]:
        """One request. Lone surrogates of a body travel as `\\udXXX` escapes, which JSON allows."""
        with self.translated():
            client = self._client(streaming=accept == EVENT_STREAM)
            content = None if body is None else json.dumps(body).encode()
            headers = {"Accept": accept} | ({} if body is None else {"Content-Type": "application/json"})
            method = method or ("GET" if body is None else "POST")
            async with client.stream(method, url, content=content, headers=headers, timeout=timeout) as response:
                if response.is_redirect or 300 <= response.status_code < 400:
                    raise failures.redirected(
                        self.address.shown, self.redaction.text(response.headers.get("location", "?")))
                packed = response.headers.get("content-encoding", "").strip()
                if packed.lower() not in {"", "identity"}:
                    raise failures.packed(self.address.shown, self.redaction.text(packed))
                yield response

    def _answer(self, response: httpx.Response, raw: bytearray, max_parts: int = MAX_PARTS) -> Answer:
        """The answer without our secrets, should the server repeat them: its words may be shown and stored."""
        text = self.redaction.text(raw.decode("utf-8", "replace"))
        headers = {name: self.redaction.text(value) for name, value in response.headers.items()}
        return Answer(response.status_code, headers, self.redaction.data(parse_json(text, max_parts)), text)

    async def _read(self, response: httpx.Response, limit: int) -> bytearray:
        raw, breath = bytearray(), Breath()
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > limit:
                raise failures.too_big(self.address.shown)
            await breath.take()
        return raw

    def _client(self, streaming: bool) -> httpx.AsyncClient:
        if streaming not in self._clients:
            limits = httpx.Limits(max_keepalive_connections=0 if streaming else 2, keepalive_expiry=2.0)
            try:
                transport = GuardedTransport(
                    verify=self._verify, trust_env=True, proxy=self._proxy, limits=limits,
                    socket_options=_KEEPALIVE)
            except ValueError as error:                         # a proxy of an unknown kind
                raise failures.not_reached(ValueError(self.redaction.text(str(error))), self.address.shown) from None
            self._clients[streaming] = httpx.AsyncClient(
                transport=transport, headers=self._headers, follow_redirects=False, trust_env=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())))
        return self._clients[streaming]

    def translated(self) -> Translated:
        return Translated(self.address.shown)


class Translated:
    """A block from which failures of the network come out as BackendError."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _OF_THE_NETWORK) and not isinstance(error, TimeoutError):
            raise failures.not_reached(error, self._address) from None


#: A ValueError comes from the HTTP library, over a number in a head that is none.
_OF_THE_NETWORK = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ImportError, OSError, ValueError)


class Breath:
    """Taken between portions of work, it lets others run every few milliseconds: data that has arrived already is
    read without a pause."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def take(self) -> None:
        if time.perf_counter() - self._since > BREATH_SECONDS:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


def _headers(endpoint: Endpoint, address: Address) -> dict[str, str]:
    headers = {"User-Agent": "traktir", "Accept-Encoding": "identity"}
    key = endpoint.api_key.strip()
    if endpoint.kind == "horde" or (endpoint.kind == "auto" and KNOWN_HOSTS.get(address.host) == "horde"):
        headers |= horde_headers(key)
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    if "openrouter" in {endpoint.kind, KNOWN_HOSTS.get(address.host)}:
        headers |= TITLE
    headers |= {**endpoint.headers, **endpoint.secret_headers}
    for name, value in headers.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            secret = name in {"Authorization", "apikey"}
            what = (
                notice("The key holds characters that no header can carry.") if secret
                else notice("The header {name} holds characters that no header can carry.", name=name[:60])
            )
            raise BadInput(what, notice("Copy it again, without line breaks and quotation marks."), field=name[:60])
    return headers


def _verification(endpoint: Endpoint, address: Address) -> bool | ssl.SSLContext:
    """Which certificates count: the usual ones, and those of the endpoint's own file. Raises BadInput."""
    if not (endpoint.verify_tls and address.secure and endpoint.ca_file):
        return endpoint.verify_tls and address.secure
    try:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=str(Path(endpoint.ca_file).expanduser()))
    except (OSError, ValueError) as error:                      # ssl.SSLError is an OSError
        raise BadInput(
            notice("The file of certificates {file} cannot be used ({reason}).", file=endpoint.ca_file[:200],
                   reason=getattr(error, "strerror", None) or type(error).__name__),
            notice("It must hold certificates in PEM form."), field="ca_file") from None
    return context


def _proxy(address: Address, wanted: str = "") -> str | None:
    """The proxy for this address: the one `wanted` or the environment's; never one for this machine itself."""
    if address.loopback or wanted == "none":
        return None
    if wanted:
        return wanted
    if proxy_bypass(address.host):
        return None
    found = getproxies()
    return found.get("https" if address.secure else "http") or found.get("all")


def _keepalive() -> list[tuple[int, int, int]]:
    """Have the kernel notice a peer that vanished while we wait for a slow prompt."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), seconds))
    return options


_KEEPALIVE = _keepalive()
