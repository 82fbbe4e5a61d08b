"""What kind of file this is, by its first bytes and its shape, never by its suffix alone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal

from tui.domain.errors import BadInput
from tui.domain.profile import PromptPreset
from tui.domain.quick_replies import holds_quick_replies
from tui.domain.regex_scripts import holds_scripts
from tui.domain.samplers import SAMPLER_NAMES
from tui.domain.template import Template
from tui.formats.card_fields import looks_like_card
from tui.formats.charx import holds_archive
from tui.formats.chat_read import looks_like_chat
from tui.formats.files import shown_name
from tui.formats.jsontext import decode_text, parse_json
from tui.formats.lore_read import dialect_of
from tui.formats.preset_sniff import foreign_preset, foreign_yaml, plain_settings
from tui.formats.yaml_read import read_yaml

#: "preset" is another program's; preset_import says of which, and makes it ours.
Kind = Literal[
    "card", "lorebook", "chat", "template", "samplers", "prompt", "profile", "preset", "regex", "quick replies",
]

_SHARED = {"id", "label", "sillytavern"}
_TEMPLATE = {f.name for f in dataclasses.fields(Template)}
_PROMPT = {f.name for f in dataclasses.fields(PromptPreset)}


def detect_kind(data: bytes, filename: str = "") -> Kind | None:
    """The kind of a file, None where it is none that can be read. Never raises."""
    pictures = (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"PK\x05\x06", b"\xff\xd8\xff")
    if data.startswith(pictures) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP"):
        return "card"
    name = shown_name(filename) or "file"
    if name.lower().endswith(".charx") and holds_archive(data):
        return "card"
    try:
        if re.search(r"\.ya?ml$", name, re.IGNORECASE):
            return _kind_of_yaml(read_yaml(data, name).value)
        if name.lower().endswith((".txt", ".settings")) and plain_settings(decode_text(data)[0]):
            return "preset"
        return _kind_of(parse_json(data, name).value, name)
    except BadInput:
        return "chat" if looks_like_chat(data) else None


def _kind_of(value: Any, name: str) -> Kind | None:
    if holds_scripts(value):
        return "regex"
    if holds_quick_replies(value):
        return "quick replies"
    if isinstance(value, Mapping) and str(value.get("spec", "")).startswith("chara_card"):
        return "card"
    if foreign_preset(value, name) is not None:
        return "preset"
    if looks_like_chat(value):
        return "chat"
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
    if foreign_yaml(value) is not None:
        return "preset"
    if {"user_prefix", "assistant_prefix"} & names or (names <= _TEMPLATE and names - _SHARED):
        return "template"
    if "backend" in names:
        return "profile"
    if {"story", "post_history", "summary_prompt", "history_share"} & names or (names and names <= _PROMPT):
        return "prompt"
    if names and names <= {"id", "label", "sillytavern", *SAMPLER_NAMES}:
        return "samplers"
    if looks_like_card(value):
        return "card"
    return "lorebook" if "entries" in names else None
