"""Chats out: SillyTavern's JSONL (the path on view, siblings as swipes) and plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tui.domain.chat import Chat, Node
from tui.domain.cleantext import clean
from tui.formats.chat_meta import header_of_fields


def chat_jsonl(chat: Chat, character: str = "", user: str = "") -> bytes:
    """The chat as SillyTavern reads it: a header line, then one line a message of the path. A character's message has
    its siblings as swipes; a person's is written alone. Names default to those that the messages bear."""
    path = chat.path()
    below: dict[str | None, list[Node]] = {}       # once for all: asked of the chat, it is a walk through it a message
    for node in chat.nodes.values():
        if not node.deleted:
            below.setdefault(node.parent, []).append(node)
    header = {
        "user_name": user or _name(path, "user") or "User",
        "character_name": character or _name(path, "assistant") or "Character",
        "create_date": _iso(chat.created_ms), "chat_metadata": header_of_fields(chat.fields),
    }
    lines = [header, *(_line(node, below.get(node.parent, [])) for node in path)]
    return b"".join(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for line in lines)


def _name(path: list[Node], role: str) -> str:
    return next((node.name for node in path if node.role == role and node.name), "")


def _iso(stamp_ms: int) -> str:
    moment = datetime.fromtimestamp(max(0, stamp_ms) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(node: Node, siblings: list[Node]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if node.role == "system":
        extra["type"] = "narrator"
    if node.revision.reasoning:
        extra["reasoning"] = node.revision.reasoning
    if node.revision.images:
        extra["traktir_images"] = [dict(image) for image in node.revision.images]
    if isinstance(model := node.revision.generation.get("model"), str) and model:
        extra["model"] = model
    line: dict[str, Any] = {
        "name": node.name, "is_user": node.role == "user", "is_system": node.hidden or node.role == "system",
        "send_date": _iso(node.created_ms), "mes": node.text, "extra": extra,
    }
    versions = sorted((n for n in siblings if n.role == node.role), key=lambda n: n.seq)
    if node.role == "assistant" and len(versions) > 1:
        line["swipes"] = [version.text for version in versions]
        line["swipe_id"] = next(n for n, version in enumerate(versions) if version.id == node.id)
        line["swipe_info"] = [_info(version) for version in versions]
    return line


def _info(node: Node) -> Mapping[str, Any]:
    thought = node.revision.reasoning
    return {"send_date": _iso(node.created_ms), "extra": {"reasoning": thought} if thought else {}}


def chat_text(chat: Chat) -> bytes:
    """The path on view as `Name: text` paragraphs in UTF-8; hidden messages are left out, as SillyTavern does.

    It is for reading, in a pager or with `cat`: what a terminal would obey is left out too.
    """
    text = "\n\n".join(f"{node.name}: {_said(node)}" for node in chat.path() if not node.hidden)
    return (clean(text) + "\n").encode()


def _said(node: Node) -> str:
    """The text of a message, its pictures named before it."""
    return "\n".join([*(f"[image: {image['name']}]" for image in node.revision.images), node.text])
