"""What a look at something gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tui.domain.notice import Notice, notice
from tui.i18n import tr_notice

Severity = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `id` is stable, for programs; the part before the full stop is the topic. `do` is a command
    or a line of a configuration file that mends it, empty where there is nothing to do or `says` holds it in words."""

    id: str
    severity: Severity
    says: Notice
    do: str = ""

    @property
    def topic(self) -> str:
        return self.id.partition(".")[0]

    def to_json(self) -> dict[str, Any]:
        """For programs, and for the terminal UI, which translates `notice` by itself."""
        return {
            "type": "finding", "id": self.id, "topic": self.topic, "severity": self.severity,
            "says": tr_notice(self.says), "do": self.do, "notice": self.says.to_json(),
        }


def ok(id: str, says: str, /, **args: Any) -> Finding:  # noqa: A002
    """All is well there."""
    return Finding(id, "ok", notice(says, **args))


def note(id: str, says: str, /, do: str = "", **args: Any) -> Finding:  # noqa: A002
    """Worth knowing, not wrong."""
    return Finding(id, "note", notice(says, **args), do)


def problem(id: str, says: str, /, do: str = "", **args: Any) -> Finding:  # noqa: A002
    """Wrong: something does not work, or will not."""
    return Finding(id, "problem", notice(says, **args), do)
