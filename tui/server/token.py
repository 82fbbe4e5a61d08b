"""The gate before a TCP port: no token, no entry."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from tui.domain.errors import BadInput, Refused
from tui.domain.notice import notice
from tui.wire.codec import encode

#: Characters below which a token could be guessed.
MIN_TOKEN = 16


class TokenGate:
    """Lets pass only requests that carry the token; compares in constant time."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._admits(scope):
            await self._app(scope, receive, send)
            return
        error = Refused(
            notice("The core wants a token, and this is not it."),
            notice("Give the token of the core with --token-file, or in TRAKTIR_TOKEN."),
        )
        body = encode({"error": error.to_json()})
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _admits(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return hmac.compare_digest(given, self._expected)


def token_for_serving(file: Path | None) -> str:
    """The token of a TCP port: from `file` (made with a random one where it is missing), else from `TRAKTIR_TOKEN`.

    Raises BadInput when there is none, or one too short to keep anybody out.
    """
    if file is not None:
        token = _read_or_make(file)
    elif not (token := os.environ.get("TRAKTIR_TOKEN", "").strip()):
        raise BadInput(
            notice("A TCP port needs a token, on this machine too: any program here could connect."),
            notice("Add --token-file FILE (it is made where it is missing), or set TRAKTIR_TOKEN."),
        )
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
        raise BadInput(
            notice("The token is shorter than {count} characters, or holds other than plain ASCII.", count=MIN_TOKEN),
            notice("Name a file that does not exist yet, and a good one is made there."),
        )
    return token


def _read_or_make(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as made:
            made.write(secrets.token_urlsafe(32) + "\n")
    except FileExistsError:
        pass
    except OSError as problem:
        raise BadInput(
            notice("{file} cannot be made ({reason}).", file=str(file), reason=problem.strerror or ""), file=str(file)
        ) from problem
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError) as problem:
        raise BadInput(notice("{file} cannot be read ({reason}).", file=str(file), reason=str(problem)),
                       file=str(file)) from problem
