"""A server that answers as the Hugging Face hub does, and whose faults can be chosen."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Repositories by name, their files by path. `break_after` bytes of an answer the line breaks, so many times as
    `breaks`; `corrupt` sends other bytes; `deaf` ignores ranges; `unavailable` so many answers are 503; `token` opens
    gated repositories. `asked` is what came: method, path, range, and whether a token was with it."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_secret"
    break_after: int = 0
    breaks: int = 0
    corrupt: bool = False
    deaf: bool = False
    unavailable: int = 0
    slow: threading.Event | None = None
    asked: list[tuple[str, str, str, bool]] = field(default_factory=list)
    url: str = ""
    cdn: str = ""

    def transfers(self) -> list[tuple[str, str, str, bool]]:
        return [one for one in self.asked if one[0] == "GET" and one[1].startswith("/cdn/")]


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port = server.server_address[1]
    hub.url, hub.cdn = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        if hub.slow is not None:
            hub.slow.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        authorized = self.headers.get("Authorization")
        self.hub.asked.append((self.command, path, self.headers.get("Range") or "", bool(authorized)))
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._listing("/".join(parts[2:4]), authorized)
        elif parts[0] == "cdn":
            self._bytes("/".join(parts[1:3]), "/".join(parts[3:]))
        elif "resolve" in parts:
            self._resolve("/".join(parts[:2]), "/".join(parts[4:]), authorized)
        else:
            self._send(404, b"{}")

    def _allowed(self, repo: str, authorized: str | None) -> bool:
        if repo not in self.hub.files:
            self._send(401 if authorized is None else 404, b'{"error":"Repository not found"}',
                       {"X-Error-Code": "RepoNotFound"})
            return False
        if repo in self.hub.gated and authorized != f"Bearer {self.hub.token}":
            self._send(401 if authorized is None else 403, b'{"error":"gated"}', {"X-Error-Code": "GatedRepo"})
            return False
        return True

    def _listing(self, repo: str, authorized: str | None) -> None:
        if not self._allowed(repo, authorized):
            return
        siblings = [
            {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest(),
             "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}}
            for name, data in self.hub.files[repo].items()
        ]
        body = {"_id": "1", "id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "private": False,
                "gated": repo in self.hub.gated, "tags": [], "downloads": 0, "likes": 0}
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _resolve(self, repo: str, name: str, authorized: str | None) -> None:
        if not self._allowed(repo, authorized):
            return
        data = self.hub.files[repo].get(name)
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        self._send(302, b"", {
            "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data)),
            "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"', "Location": f"{self.hub.cdn}/cdn/{repo}/{name}",
        })

    def _bytes(self, repo: str, name: str) -> None:
        if self.hub.unavailable:
            self.hub.unavailable -= 1
            self._send(503, b"")
            return
        data = self.hub.files[repo][name]
        if self.hub.corrupt:
            data = bytes(len(data))
        start = 0
        if (wanted := self.headers.get("Range")) and not self.hub.deaf:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        rest = data[start:]
        if self.hub.breaks:
            self.hub.breaks -= 1
            self.wfile.write(rest[:self.hub.break_after])
            self.wfile.flush()
            self.close_connection = True
            return
        if self.hub.slow is not None:
            self.wfile.write(rest[:self.hub.break_after])
            self.wfile.flush()
            self.hub.slow.wait(60)
            self.close_connection = True
            return
        self.wfile.write(rest)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
