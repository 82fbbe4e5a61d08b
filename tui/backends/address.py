"""What people type as a server's address, made into one that can be called."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import notice

_ROUTES = (
    "/chat/completions", "/completions", "/models", "/generate", "/extra/generate/stream",
)
_BASES = ("/api/v1", "/api/v2", "/v1", "/api")

#: Public services, by host: what their API is called here.
KNOWN_HOSTS = {
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.openai.com": "openai",
    "aihorde.net": "horde",
    "stablehorde.net": "horde",
    "generativelanguage.googleapis.com": "openai",
    "api.x.ai": "openai",
    "api.groq.com": "openai",
    "api.together.xyz": "openai",
    "api.together.ai": "openai",
    "api.featherless.ai": "openai",
    "nano-gpt.com": "openai",
    "api.moonshot.ai": "openai",
    "api.moonshot.cn": "openai",
    "router.huggingface.co": "openai",
}
#: Where their API hangs, where that is not /v1.
_APIS = {
    "openrouter.ai": "/api/v1", "nano-gpt.com": "/api/v1", "api.groq.com": "/openai/v1",
    "generativelanguage.googleapis.com": "/v1beta/openai",
}


@dataclass(frozen=True, slots=True)
class Address:
    """`root` has no trailing slash and no API suffix; `api` is where `/chat/completions` hangs."""

    root: str
    api: str
    host: str
    given_api: bool = False

    @property
    def shown(self) -> str:
        """The root for people: without a user name and password that it may carry."""
        return clean_line(without_user(self.root), 200)

    @property
    def secure(self) -> bool:
        return self.root.startswith("https://")

    @property
    def loopback(self) -> bool:
        return self.host == "localhost" or self.host.endswith(".localhost") or _ip(self.host, "is_loopback")

    @property
    def private(self) -> bool:
        """On this machine or in the local network, as far as the name tells."""
        named = self.host.endswith((".local", ".lan")) or "." not in self.host.replace(":", ".")
        return self.loopback or named or _ip(self.host, "is_private")


def parse_address(url: str) -> Address:
    """Read an address. Raises BadInput when it is none."""
    text = url.strip()
    if not text or re.search(r"[\s\x00-\x1f]", text):
        raise _bad(url)
    if "://" not in text:
        text = f"{'http' if _looks_local(text) else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        raise _bad(url) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise _bad(url)
    path, base = _split_path(parts.path.rstrip("/"))
    if host in KNOWN_HOSTS and not base:
        path = ""                                               # there is but one place where it can hang
    root = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return Address(root, root + (base or _APIS.get(host, "/v1")), host, bool(base))


def without_user(url: str) -> str:
    """An address without the user name and password that it may carry."""
    scheme, mark, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _split_path(path: str) -> tuple[str, str]:
    for route in _ROUTES:
        path = path.removesuffix(route)
    for base in _BASES:
        if path.endswith(base):
            return path.removesuffix(base), base
    return path, ""


def _looks_local(text: str) -> bool:
    host = re.split(r"[/?#]", text, maxsplit=1)[0]
    bare = host.rpartition("@")[2]
    name = bare[1:].partition("]")[0] if bare.startswith("[") else bare.partition(":")[0]
    return "." not in name or name.endswith((".local", ".lan", ".localhost")) or _ip(name, "version")


def _ip(host: str, attribute: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), attribute))
    except ValueError:
        return False


def _bad(url: str) -> BadInput:
    return BadInput(
        notice("{url} is not the address of a server.", url=clean_line(without_user(url), 80) or '""'),
        notice("Write it like http://localhost:5001 or https://example.org/v1."),
        field="url",
    )
