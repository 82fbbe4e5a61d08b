"""Profiles at the keyboard: what one holds, and for whom it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.domain.chat import Chat
from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.i18n import tr

_WORDS = {
    "--character": "character", "--персонаж": "character", "--chat": "chat", "--чат": "chat",
    "--summaries": "summaries", "--пересказ": "summaries",
}
_NONE = frozenset({"none", "нет", "-"})


def connection_of(chat: Chat | None) -> dict[str, str]:
    """Whose connection is meant in a chat: its own profile, else its character's, else the default."""
    fields = chat.fields if chat is not None else {}
    return {name: str(fields[name]) for name in ("profile", "character") if fields.get(name)}


def read_binding(rest: str) -> tuple[str, str]:
    """The profile's name ("" to take a binding away) and for whom it is to hold: "", character, chat or summaries.
    Raises BadInput."""
    words = rest.split()
    places = [_WORDS[word.casefold()] for word in words if word.casefold() in _WORDS]
    unknown = [word for word in words if word.startswith("--") and word.casefold() not in _WORDS]
    if unknown or len(places) > 1:
        raise BadInput(notice("/profile takes a name and one of --character, --chat, --summaries."), field="profile")
    name = " ".join(word for word in words if word.casefold() not in _WORDS)
    return ("" if name.casefold() in _NONE else name), (places[0] if places else "")


def holds_words(preset: Mapping[str, Any]) -> str:
    """What a profile holds, in a line."""
    holds = preset.get("holds")
    if not isinstance(holds, Mapping):
        return ""
    where = tr("llama.cpp in this program") if holds.get("kind") == "embedded" else str(holds.get("url") or "")
    model = str(holds.get("model") or "")
    if holds.get("kind") == "embedded":
        model = model.replace("\\", "/").rpartition("/")[2]
    parts = [where, model, str(holds.get("template") or ""), str(holds.get("samplers") or ""),
             str(holds.get("prompt") or "")]
    told = " · ".join(clean_line(part, 60) for part in parts if part)
    if characters := [clean_line(str(c), 40) for c in preset.get("characters") or ()]:
        told += " · " + tr("holds for {names}", names=", ".join(characters[:5]))
    return told
