"""Translation: English sentences are the keys, a catalogue per language maps them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from tui.domain.notice import Notice, fill

LANGUAGES = ("en", "ru")
_catalogue: Mapping[str, str] = {}
_language = "en"


def use_language(code: str) -> None:
    """Switch all later translations to `code`; an unknown one means English."""
    global _catalogue, _language
    _language = code if code in LANGUAGES else "en"
    _catalogue = {} if _language == "en" else importlib.import_module(f"tui.i18n.{_language}").CATALOGUE


def language() -> str:
    return _language


def language_from_environment() -> str:
    """The language that the locale variables ask for, in their order of precedence."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value[:2].lower() if value[:2].lower() in LANGUAGES else "en"
    return "en"


def tr(text: str, /, **args: Any) -> str:
    """`text` in the language in use, its `{named}` places filled from `args`."""
    return fill(_catalogue.get(text, text), args)


def tr_notice(message: Notice) -> str:
    """A notice in the language in use."""
    return fill(_catalogue.get(message.id, message.id), message.args)


def mark(text: str) -> str:
    """`text` itself: says that it is a sentence for a person, translated where it is shown."""
    return text
