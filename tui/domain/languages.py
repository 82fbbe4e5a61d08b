"""Two languages in one chat: the person writes and reads one, the prompt stays in the other.

A message keeps the text it was written in, and beside it, for each of its revisions, the other language's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tui.domain.chat import Node

Show = Literal["mine", "model", "both"]
SHOWS: tuple[Show, ...] = ("mine", "model", "both")


@dataclass(frozen=True, slots=True)
class Languages:
    """`mine` is what the person writes and reads, `model` what the prompt is in, both as one would name them to a
    translator. Messages from number `since` on (`Node.seq`) are translated; what was said before stays as it was."""

    mine: str
    model: str
    show: Show = "mine"
    since: int = 0


def languages_of(fields: Mapping[str, Any]) -> Languages | None:
    """The languages of a chat; None where it has one alone."""
    value = fields.get("languages")
    if not isinstance(value, Mapping) or not value.get("mine") or not value.get("model"):
        return None
    show = value.get("show", "mine")
    return Languages(
        str(value["mine"]), str(value["model"]), show if show in SHOWS else "mine", int(value.get("since") or 0),
    )


def translation(node: Node) -> str:
    """The other language's text of the revision on view; "" where there is none."""
    found = (node.extra.get("translation") or {}).get(node.current)
    return str(found.get("text") or "") if isinstance(found, Mapping) else ""


def missing(path: Sequence[Node], languages: Languages) -> list[Node]:
    """The person's messages of a path that the prompt needs in the other language and has not."""
    return [
        n for n in path
        if n.role == "user" and n.seq >= languages.since and not n.hidden and n.text.strip() and not translation(n)
    ]


def in_prompt(path: Sequence[Node]) -> list[Node]:
    """A path as the prompt has it: the person's messages in the model's language where they were translated."""
    return [_spoken(n, translation(n)) if n.role == "user" and n.extra.get("translation") else n for n in path]


def _spoken(node: Node, text: str) -> Node:
    if not text:
        return node
    revisions = tuple(replace(r, text=text) if r.id == node.current else r for r in node.revisions)
    return replace(node, revisions=revisions)


def shown(node: Node, languages: Languages | None) -> tuple[str, str]:
    """What a person sees of a message: its text, and beneath it the other language's ("" for none)."""
    other = translation(node)
    if not other:
        return node.text, ""
    show = languages.show if languages is not None else "mine"
    mine, model = (node.text, other) if node.role == "user" else (other, node.text)
    return {"mine": (mine, ""), "model": (model, ""), "both": (mine, model)}[show]
