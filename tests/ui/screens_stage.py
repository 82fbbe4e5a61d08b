"""Helpers for tests of the screens beside the chat: what is shown, what is listed, a card to import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chat_stage import Stage
from textual.app import App

from tui.ui.widgets.listing import Line, Listing

_CARD: dict[str, Any] = {
    "name": "", "description": "Keeper of a \x1b[31mlighthouse [bold]markup[/bold].", "personality": "calm",
    "scenario": "A storm.", "first_mes": "*She listens.* \"You hear it too, {{user}}?\"",
    "alternate_greetings": ["Another greeting."], "mes_example": "", "creator_notes": "For [red]long[/red] evenings.",
    "tags": ["sea"],
    "character_book": {"extensions": {}, "entries": [
        {"keys": [key], "content": text, "enabled": True, "insertion_order": 10, "extensions": {}}
        for key, text in (("storm", "The storm has a name."), ("counting", "He counts waves."))
    ]},
}


def write_card(folder: Path, name: str) -> Path:
    """A card with markup, an escape sequence and a lorebook in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.lower()}.json"
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**_CARD, "name": name}}
    path.write_text(json.dumps(card), "utf-8")
    return path


def own_characters(home: Path) -> Path:
    return home / "config" / "characters"


def lines(app: App[Any]) -> list[Line]:
    """The lines of the listing in front."""
    found = list(app.screen.query(Listing))
    return list(found[-1].lines) if found else []


def titles(app: App[Any]) -> list[str]:
    return [line.title for line in lines(app)]


async def listed(play: Stage, title: str) -> None:
    """Wait until a line of that title is listed."""
    await play.until(lambda: title in titles(play.app), f"the line {title!r}")


async def go_to(play: Stage, title: str) -> None:
    """Walk with the arrows to the line of that title."""
    await listed(play, title)
    listing = list(play.app.screen.query(Listing))[-1]
    for _ in range(len(lines(play.app)) + 1):
        if listing.chosen is not None and listing.chosen.title == title:
            return
        await play.press("down")
    raise AssertionError(f"the arrows do not lead to {title!r}: {titles(play.app)}")


def detail_of(app: App[Any], title: str) -> str:
    """What stands at the right of the line of that title."""
    return next(line.detail for line in lines(app) if line.title == title)
