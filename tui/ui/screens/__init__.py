"""Screens by name. Each is loaded when it is first opened."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any
from typing import cast as typed  # a screen's module is called cast

if TYPE_CHECKING:
    from textual.screen import Screen

#: Name → module, class, and options that the name stands for.
_PLACES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "firstrun": ("firstrun", "FirstRun", {}),
    "chats": ("chats", "Library", {}),
    "characters": ("chats", "Library", {"part": "characters"}),
    "presets": ("presets", "Presets", {}),
    "samplers": ("samplers", "SamplerForm", {}),
    "connection": ("connection", "Connection", {}),
    "server": ("server", "ServerPage", {}),
    "models": ("models", "ModelChoice", {}),
    "hub": ("modelpages", "HubPage", {}),
    "inspector": ("inspector", "Inspector", {}),
    "difference": ("inspector", "Inspector", {"view": "difference"}),
    "trace": ("inspector", "Inspector", {"view": "lore"}),
    "macros": ("inspector", "Inspector", {"view": "macros"}),
    "context": ("inspector", "Inspector", {"view": "numbers"}),
    "tokens": ("tokens", "TokensPage", {}),
    "message": ("messagemenu", "MessageMenu", {}),
    "map": ("branchmap", "BranchMap", {}),
    "checkpoints": ("branchmap", "BranchMap", {"part": "marks"}),
    "lore": ("lore", "LorePage", {}),
    "memory": ("memory", "MemoryPage", {}),
    "cast": ("castpage", "CastPage", {}),
    "group": ("castchoice", "GroupChoice", {}),
    "regex": ("regexpage", "RegexPage", {}),
    "note": ("note", "NotePage", {}),
    "personas": ("personas", "PersonasPage", {}),
    "persona": ("persona", "PersonaPage", {}),
    "settings": ("settings", "SettingsPage", {}),
    "doctor": ("doctor", "DoctorPage", {}),
    "help": ("help", "HelpPage", {}),
    "palette": ("palette", "Palette", {}),
}
NAMES = tuple(_PLACES)


def load_all() -> None:
    """Load every screen, for when it is first opened. May be called from a thread."""
    for module, _, _ in _PLACES.values():
        import_module(f"tui.ui.screens.{module}")
        time.sleep(0.01)                               # the thread that draws comes first


def make_screen(name: str, **options: Any) -> Screen[Any]:
    """A new screen of that name. Raises KeyError."""
    module, kind, fixed = _PLACES[name]
    made = getattr(import_module(f"tui.ui.screens.{module}"), kind)(**{**fixed, **options})
    return typed("Screen[Any]", made)
