"""The routes: hello, calls, events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tui.domain.errors import BadInput, NotFound, TraktirError
from tui.domain.notice import notice
from tui.server.service import Service
from tui.server.token import TokenGate
from tui.wire import PING_SECONDS
from tui.wire.codec import decode, encode
from tui.wire.ids import new_id
from tui.wire.pace import paced
from tui.wire.pieces import LARGE, decode_steps, encode_steps
from tui.wire.sse import PING, frame

#: Files to import travel inside a call, as base64.
MAX_BODY = 64 * 1024 * 1024
#: Seconds in which the deltas for one client are gathered into one.
GATHER_SECONDS = 1 / 30
_STATUS = {
    "bad_input": 400, "not_found": 404, "refused": 409, "prompt_too_long": 422, "backend": 502, "engine": 502,
}
_log = logging.getLogger(__name__)


def make_app(service: Service, *, token: str | None = None, ping_s: float = PING_SECONDS) -> Starlette:
    """The web application. With a `token`, every request must carry `Authorization: Bearer TOKEN`."""
    routes = _Routes(service, ping_s)
    return Starlette(
        routes=[
            Route("/v1/hello", routes.hello),
            Route("/v1/call/{method}", routes.call, methods=["POST"]),
            Route("/v1/events", routes.events),
        ],
        middleware=[Middleware(TokenGate, token=token)] if token is not None else [],
        exception_handlers={HTTPException: _no_such_route},
    )


class _Routes:
    def __init__(self, service: Service, ping_s: float) -> None:
        self._service = service
        self._ping_s = ping_s

    async def hello(self, request: Request) -> Response:
        return _json({"ok": self._service.hello()})

    async def call(self, request: Request) -> Response:
        method = request.path_params["method"]
        try:
            return await _answer({"ok": await self._service.call(method, await _params(request))})
        except TraktirError as error:
            return error_response(error)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            _log.exception("%s failed", method)
            return error_response(
                TraktirError(
                    notice("Something went wrong inside the core: {error}", error=f"{type(error).__name__}: {error}"),
                    notice("Nothing that was stored is lost. The log of the core has the details."),
                )
            )

    async def events(self, request: Request) -> Response:
        after = request.query_params.get("after") or request.headers.get("last-event-id")
        client = request.headers.get("x-client-id") or new_id()
        return StreamingResponse(
            self._stream(client, after), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _stream(self, client: str, after: str | None) -> AsyncIterator[bytes]:
        log = self._service.log
        place = log.number(after) if after else log.last
        with self._service.client(client):
            if place is None:
                place = log.last
                yield frame(log.id(), encode({"type": "reset"}))
            else:
                yield frame(log.id(place))
            while True:
                if not log.reaches(place):
                    place = log.last
                    yield frame(log.id(), encode({"type": "reset"}))
                elif place < log.last:
                    news = log.after(place)
                    place = news[-1][0]
                    yield b"".join(frame(log.id(number), data) for number, data in news)
                    await log.rare.wait(GATHER_SECONDS)        # a reply's first text is one: it waits for nothing
                elif self._service.ended:
                    return
                elif not await log.news.wait(self._ping_s):
                    yield PING


async def _params(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BadInput(notice("The request is larger than {limit} MiB.", limit=MAX_BODY >> 20), status=413)
    try:
        params = await _decoded(body) if body else {}
    except ValueError as problem:
        raise BadInput(notice("The request is not JSON: {reason}", reason=str(problem))) from None
    if not isinstance(params, dict):
        raise BadInput(notice("The parameters of a call must be a JSON object."))
    return params


async def _decoded(body: bytearray) -> Any:
    return decode(bytes(body)) if len(body) < LARGE else await paced(decode_steps(body))


async def _answer(value: Any) -> Response:
    """A result of any size."""
    pieces = await paced(encode_steps(value))
    if len(pieces) == 1:
        return Response(pieces[0], media_type="application/json")
    length = {"Content-Length": str(sum(map(len, pieces)))}
    return StreamingResponse(_one_by_one(pieces), media_type="application/json", headers=length)


async def _one_by_one(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")


def error_response(error: TraktirError, status: int | None = None) -> Response:
    """The answer that carries `error`; its status follows the kind of error."""
    code = status or error.details.get("status") if isinstance(error, BadInput) else status
    return _json({"error": error.to_json()}, code or _STATUS.get(error.code, 500))


async def _no_such_route(request: Request, error: Exception) -> Response:
    path = request.url.path[:100]
    status = error.status_code if isinstance(error, HTTPException) else 404
    return error_response(NotFound(notice("The core knows no {path}.", path=path)), status)
