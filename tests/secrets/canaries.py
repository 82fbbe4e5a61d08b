"""Secrets that sing wherever they are found, and a server that repeats all it is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripted import SSE, Handler, Line, Request, ScriptedServer, answer, event, play

#: By where the secret lies.
CANARIES: Mapping[str, str] = {
    "key file": "sk-canary/file+7d1f0e5c9b2a", "variable": "sk-canary-variable-51c8e2d07f94",
    "handed variable": "sk-canary-handed-9a3b6c1d8e20", "token": "tok-canary-serving-4f7a1b9c3d6e",
    "address": "pw-canary-address-8b2e5f0c7a19", "proxy": "pw-canary-proxy-6c9d2a4e1f83",
    "hub": "hf-canary-hub-3e8b7d5a0c16", "header": "hd-canary-header-2c7e9a1d5b40",
    "kept": "sk-canary-kept-d4b81f6a0e93",
}


def found_in(data: bytes | str, but: Iterable[str] = ()) -> list[str]:
    """Which of the secrets are in `data`: as they are, in Base64 at any place of it, or quoted for an address."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    return [
        name for name, secret in CANARIES.items() if name not in but and any(form in raw for form in _forms(secret))
    ]


def _forms(secret: str) -> set[bytes]:
    forms = {secret.encode(), quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode()}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret.encode())
        forms.add(coded[4 if shift else 0 : -4])
    return forms


def files_with_secrets(*places: Path, but: Iterable[Path] = ()) -> dict[str, list[str]]:
    """Which files hold which secrets, whatever kind of file it is."""
    skipped = set(but)
    out = {}
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and path not in skipped and (found := found_in(path.read_bytes())):
                out[str(path)] = found
    return out


def _told(request: Request) -> str:
    """All that could be secret in a request, in the server's own words."""
    return "; ".join(f"{k}: {v}" for k, v in request.headers.items() if k != "content-type") + request.path


def _refusing(status: str) -> Handler:
    async def handler(request: Request, line: Line) -> None:
        words = f"Incorrect API key provided: {_told(request)}"
        key = request.headers.get("authorization", "")
        await answer({"error": {"message": words, "type": key, "code": key}}, status, X_Your_Key=key, Retry_After=key)(
            request, line
        )

    return handler


async def _redirecting(request: Request, line: Line) -> None:
    key = request.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("Basic ")
    await answer("moved", "307 Temporary Redirect", Location=f"http://127.0.0.1:9/next?key={key}")(request, line)


async def _failing_later(request: Request, line: Line) -> None:
    await play(SSE, event({"choices": [{"index": 0, "text": "Well", "delta": {"content": "Well"}}]}),
               event({"error": {"message": f"your key is {_told(request)}"}}))(request, line)


async def _page(request: Request, line: Line) -> None:
    page = f"<html><h1>502</h1>{_told(request)}</html>"
    await answer(page, "502 Bad Gateway", content_type="text/html")(request, line)


async def _naming(request: Request, line: Line) -> None:
    """The list of models, each named after the key."""
    key = request.headers.get("authorization", "")
    await answer({"object": "list", "data": [{"id": key or "none", "object": "model", "owned_by": key}]})(request, line)


#: What a server does, by the first word of its path.
MANNERS: Mapping[str, tuple[Handler, Handler]] = {
    "refusing": (_refusing("401 Unauthorized"), _refusing("401 Unauthorized")),
    "failing": (_naming, _refusing("500 Internal Server Error")), "limiting": (_naming, _refusing("400 Bad Request")),
    "page": (_page, _page), "redirecting": (_redirecting, _redirecting), "later": (_naming, _failing_later),
}


def teach(server: ScriptedServer) -> None:
    """Make the server repeat what it is told, in every manner."""
    for name, (models, complete) in MANNERS.items():
        server.on(f"GET /{name}/v1/models", models)
        for route in ("completions", "chat/completions"):
            server.on(f"POST /{name}/v1/{route}", complete)


def texts(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
