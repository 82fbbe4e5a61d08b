"""Settings of what the program does with a reply by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.domain.errors import BadInput
from tui.i18n import tr
from tui.ui.widgets.form import Field
from tui.ui.words import rounded

_NUMBERS = ("auto_continue", "auto_swipe", "auto_swipe_least")
_SWITCHES = ("trim_sentences", "rewrite_loops")
#: Every setting that `reply_value` reads.
REPLY_SETTINGS = (*_NUMBERS, *_SWITCHES, "auto_swipe_words", "translation_profile")


def reply_fields(core: Mapping[str, Any]) -> list[Field]:
    """The lines of the form, from the core's settings."""
    return [
        _number(core, "auto_continue", tr("Go on by itself"),
                tr("times that a reply is gone on with that reached its length; 0: never")),
        _switch(core, "trim_sentences", tr("Whole sentences"),
                tr("A last sentence that was only begun is taken away; [ brings it back.")),
        _number(core, "auto_swipe", tr("Other versions unasked"),
                tr("times at most, of a reply that is too short or says what is not wanted; 0: never")),
        _number(core, "auto_swipe_least", tr("Too short is under"), tr("characters")),
        Field("auto_swipe_words", tr("Not wanted"), ", ".join(core.get("auto_swipe_words") or ()),
              tr("words, divided by commas")),
        _switch(core, "rewrite_loops", tr("Loops rewritten"),
                tr("A reply that goes round in circles is cut back and written anew, twice at most.")),
        Field("translation_profile", tr("Profile that translates"), str(core.get("translation_profile") or ""),
              tr("for chats in two languages; empty: the chat's own")),
    ]


def reply_value(name: str, text: str) -> Any:
    """What was typed, as the core takes it. Raises BadInput."""
    if name in _SWITCHES:
        return text == "yes"
    if name == "auto_swipe_words":
        return [word.strip() for word in text.split(",") if word.strip()]
    if name not in _NUMBERS:
        return text.strip()
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise BadInput("That must be a number.") from None


def _number(core: Mapping[str, Any], name: str, label: str, hint: str) -> Field:
    return Field(name, label, rounded(core.get(name, "")), hint)


def _switch(core: Mapping[str, Any], name: str, label: str, hint: str) -> Field:
    value = "yes" if core.get(name) is True else "no"
    return Field(name, label, value, hint, "choice", (("yes", tr("on")), ("no", tr("off"))))
