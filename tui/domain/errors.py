"""Errors that a person can act on.

    TraktirError            what happened, and what to do about it
    ├── BadInput            a file or a value that cannot be taken: names the file, line and field
    ├── NotFound            a chat, character, preset … that does not exist
    ├── Refused             asked for something that cannot be done now (busy, nothing to undo, …)
    ├── PromptTooLong       head and one turn do not fit; carries the segments
    ├── BackendError        a server or the engine failed; says whether trying again makes sense
    │   └── EngineError     the embedded llama.cpp worker
    ├── StoreError          the database or the disk under it
    └── ConnectionLost      client only: the core cannot be reached
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tui.domain.notice import Notice


class TraktirError(Exception):
    """Base of all errors meant for a person's eyes.

    `what` says what happened and what it means; `remedy` the next thing to do, if there is one.
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: Notice | str, remedy: Notice | str | None = None, **details: Any) -> None:
        self.what = what if isinstance(what, Notice) else Notice(what)
        self.remedy = Notice(remedy) if isinstance(remedy, str) else remedy
        self.details: dict[str, Any] = details
        super().__init__(str(self.what))

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}" if self.remedy else str(self.what)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "what": self.what.to_json(),
            "remedy": self.remedy.to_json() if self.remedy else None,
            "details": self.details,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TraktirError:
        """Rebuild the error that a server sent; an unknown code becomes a plain TraktirError."""
        kind = _BY_CODE.get(str(data.get("code")), TraktirError)
        remedy = data.get("remedy")
        return kind(
            Notice.from_json(data["what"]),
            Notice.from_json(remedy) if remedy else None,
            **dict(data.get("details") or {}),
        )


class BadInput(TraktirError):
    """Input that cannot be taken. `details` may hold `file`, `line`, `field`."""

    code = "bad_input"


class NotFound(TraktirError):
    code = "not_found"


class Refused(TraktirError):
    code = "refused"


class PromptTooLong(TraktirError):
    """Head, one user turn and the reserve do not fit. `details["segments"]` lists them with their tokens."""

    code = "prompt_too_long"


class BackendError(TraktirError):
    """A backend failed. `details` may hold `status` (HTTP), `retryable` (bool), `kind`."""

    code = "backend"

    @property
    def retryable(self) -> bool:
        return bool(self.details.get("retryable"))


class EngineError(BackendError):
    code = "engine"


class StoreError(TraktirError):
    code = "store"


class ConnectionLost(TraktirError):
    code = "connection_lost"


_BY_CODE: dict[str, type[TraktirError]] = {
    c.code: c
    for c in (
        TraktirError, BadInput, NotFound, Refused, PromptTooLong, BackendError, EngineError, StoreError,
        ConnectionLost,
    )
}
