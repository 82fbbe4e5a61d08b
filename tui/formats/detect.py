"""What kind of file this is, by its first bytes and its shape, never by its suffix alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from tui.domain.errors import BadInput
from tui.domain.samplers import SAMPLER_NAMES
from tui.formats.card_fields import looks_like_card
from tui.formats.chat_read import looks_like_chat
from tui.formats.files import shown_name
from tui.formats.jsontext import parse_json
from tui.formats.lore_read import dialect_of
from tui.formats.yaml_read import read_yaml

Kind = Literal["card", "lorebook", "chat", "template", "samplers", "prompt", "profile"]


def detect_kind(data: bytes, filename: str = "") -> Kind | None:
    """The kind of a file, None where it is none that can be read. Never raises."""
    pictures = (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\xff\xd8\xff")
    if data.startswith(pictures) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP"):
        return "card"
    name = shown_name(filename) or "file"
    try:
        if re.search(r"\.ya?ml$", name, re.IGNORECASE):
            return _kind_of_yaml(read_yaml(data, name).value)
        return _kind_of(parse_json(data, name).value)
    except BadInput:
        return "chat" if looks_like_chat(data) else None


def _kind_of(value: Any) -> Kind | None:
    if looks_like_chat(value):
        return "chat"
    if isinstance(value, Mapping) and str(value.get("spec", "")).startswith("chara_card"):
        return "card"
    if dialect_of(value) not in (None, "card"):
        return "lorebook"
    if looks_like_card(value):
        return "card"
    content = value.get("content") if isinstance(value, Mapping) else None
    return "lorebook" if isinstance(content, Mapping) and "lorebook" in content else None


def _kind_of_yaml(value: Any) -> Kind | None:
    if not isinstance(value, Mapping):
        return None
    names = set(value)
    if {"user_prefix", "assistant_prefix"} & names:
        return "template"
    if "backend" in names:
        return "profile"
    if {"story", "post_history", "summary_prompt", "history_share"} & names or names <= {"id", "label", "system"}:
        return "prompt"
    if names and names <= {"id", "label", *SAMPLER_NAMES}:
        return "samplers"
    if looks_like_card(value):
        return "card"
    return "lorebook" if "entries" in names else None
