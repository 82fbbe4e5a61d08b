"""Our own secrets, taken out of what servers and libraries say: their words are shown, logged and stored."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

#: Characters below which a word may stand in any sentence, and is no secret worth spoiling it for.
_SHORTEST = 6
_MASK = "***"
_DEEPEST = 40


class Redaction:
    """Knows `secrets` as they are, quoted for an address, and in Base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _MASK)
        return text

    def data(self, value: Any, depth: int = _DEEPEST) -> Any:
        """The same for every text in a value made of JSON's types. What lies deeper than `depth` is left out: nobody
        reads it, and a document may go deeper than a program can follow."""
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, dict | list):
            return value
        if depth == 0:
            return None
        if isinstance(value, dict):
            return {self.text(str(name)): self.data(one, depth - 1) for name, one in value.items()}
        return [self.data(one, depth - 1) for one in value]


def credentials(url: str | None) -> list[str]:
    """What is secret in an address: its password, and user and password as a header carries them."""
    try:
        parts = urlsplit(url or "")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return []
    return [password, f"{user}:{password}"] if password else [user] if user else []


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "replace")
    return {
        secret, quote(secret), quote(secret, safe=""), base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
