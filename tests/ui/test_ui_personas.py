"""Personas, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chat_stage import Stage, stage


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


@pytest.mark.parametrize("size", [(120, 40), (40, 10)])
async def test_a_persona_is_made_worn_and_changed_by_name(size: tuple[int, int]) -> None:
    async with stage("Yes.", size=size) as play:
        await say(play, "/personas")
        await play.sees("Your personas")
        await play.until(lambda: play.app.screen.form.chosen is not None, "the list")  # type: ignore[attr-defined]
        play.app.screen.form.go_to("new")  # type: ignore[attr-defined]
        await play.press("enter")
        await play.sees("What are you called?")
        await play.pilot.press(*"Oak", "enter")
        await play.until(lambda: type(play.app.screen).__name__ == "PersonaForm", "its form")
        await play.press("escape")
        await play.until(lambda: "Oak" in play.screen(), "Oak in the list")
        await play.press("escape")
        await say(play, "/persona oak")
        await play.sees("You are Oak now")
        await say(play, "Hello.")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        assert play.app.state.path[-2].name == "Oak"
        await say(play, "/персона никто")
        await play.sees("No persona is locked there")
        await say(play, "Hello again.")
        await play.until(lambda: len(play.texts()) == 5, "the reply")
        await play.idle()
        assert play.app.state.path[-2].name == "Guest"


async def test_a_backup_is_imported_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "personas.json"
    file.write_text(json.dumps({
        "personas": {"a.png": "Оля"}, "persona_descriptions": {"a.png": {"description": "Рыжая."}},
        "default_persona": "a.png",
    }), "utf-8")
    async with stage("Yes.", size=(80, 24)) as play:
        await say(play, "/personas")
        await play.sees("Your personas")
        await play.until(lambda: play.app.screen.form.chosen is not None, "the list")  # type: ignore[attr-defined]
        play.app.screen.form.go_to("import")  # type: ignore[attr-defined]
        await play.press("enter")
        await play.sees("Which file?")
        await play.pilot.press(*(c if c not in "/._-" else {"/": "slash", ".": "full_stop", "_": "underscore",
                                                            "-": "minus"}[c] for c in str(file)), "enter")
        await play.sees("1 came in")
        await play.sees("by default")
        await play.sees("Рыжая.")
