"""A sentence for a person, carried as an English source text and its arguments, so that any client can translate it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


def fill(template: str, args: Mapping[str, Any]) -> str:
    """Put `args` into the `{named}` places of `template`; a place without an argument stays as it is."""
    return _PLACE.sub(lambda m: str(args[m[1]]) if m[1] in args else m[0], template)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for a person. `id` is the English sentence, and the key of its translations."""

    id: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return fill(self.id, self.args)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "args": dict(self.args)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Notice:
        return cls(str(data["id"]), dict(data.get("args") or {}))


def notice(id: str, /, **args: Any) -> Notice:  # noqa: A002
    """Shorthand: `notice("{name} was not found", name="mira")`."""
    return Notice(id, args)
