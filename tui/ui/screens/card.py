"""A character card as text to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui.domain.cleantext import clean, clean_line
from tui.i18n import tr
from tui.ui.screens.page import notice_text


def card_text(got: Mapping[str, Any]) -> Content:
    """Everything a reader may want to know of a card (as `characters.get` tells it), one heading a field."""
    card: Mapping[str, Any] = got["card"]
    parts: list[Content] = []
    for warning in got.get("warnings") or ():
        parts.append(Content.styled(notice_text(warning), "$text-warning"))
    fields = (
        (tr("Notes of its author"), "creator_notes"),
        (tr("Description"), "description"),
        (tr("Personality"), "personality"),
        (tr("Scenario"), "scenario"),
        (tr("First message"), "first_mes"),
        (tr("Example dialogue"), "mes_example"),
        (tr("System prompt"), "system_prompt"),
        (tr("Instructions after the history"), "post_history_instructions"),
    )
    for label, field in fields:
        if text := str(card.get(field) or "").strip():
            parts.append(_section(label, text))
    for number, greeting in enumerate(card.get("alternate_greetings") or (), start=2):
        parts.append(_section(tr("Greeting {n}", n=number), str(greeting)))
    about = [str(card.get("creator") or ""), str(card.get("character_version") or ""), str(card.get("spec") or "")]
    parts.append(Content.styled(clean_line(" · ".join(part for part in about if part), 300), "dim"))
    return Content("\n\n").join(parts)


def _section(label: str, text: str) -> Content:
    return Content.assemble((label, "bold"), "\n", clean(text, 50_000))
