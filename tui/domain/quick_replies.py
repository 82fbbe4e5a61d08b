"""Sets of quick replies: buttons that send a text or run a script, in SillyTavern's files (version 2, and 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_REPLIES = 200


@dataclass(frozen=True, slots=True)
class QuickReply:
    """One of a set: `message` is sent, or run where it begins with a slash. `title` says what it does."""

    label: str
    message: str
    title: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class QuickReplySet:
    """A file of quick replies. `fill_only` (SillyTavern's disableSend): a text goes into the composer, unsent."""

    name: str
    replies: tuple[QuickReply, ...]
    fill_only: bool = False

    def to_json(self) -> dict[str, Any]:
        shown = (r for r in self.replies if not r.hidden)
        replies = [{"label": r.label, "message": r.message, "title": r.title} for r in shown]
        return {"name": self.name, "fill_only": self.fill_only, "replies": replies}


def holds_quick_replies(value: Any) -> bool:
    """Whether a parsed file is a set."""
    return isinstance(value, Mapping) and any(isinstance(value.get(k), list) for k in ("qrList", "quickReplySlots"))


def read_set(value: Mapping[str, Any], name: str) -> QuickReplySet:
    """A set from its JSON; what is no quick reply is left out."""
    items = value.get("qrList") if isinstance(value.get("qrList"), list) else value.get("quickReplySlots")
    replies = []
    for item in (items or [])[:MOST_REPLIES]:
        if not isinstance(item, Mapping):
            continue
        message = str(item.get("message") or item.get("mes") or "")
        label = str(item.get("label") or "").strip() or message[:30]
        if message.strip():
            replies.append(QuickReply(label, message, str(item.get("title") or ""), item.get("isHidden") is True))
    return QuickReplySet(str(value.get("name") or name), tuple(replies), value.get("disableSend") is True)
