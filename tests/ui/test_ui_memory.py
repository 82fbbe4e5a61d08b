"""The memory screen and its commands, on the smallest screens too."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import detail_of, go_to, lines, listed, titles

SMALL = [(48, 18), (40, 10)]


def _fields(play: Stage) -> dict[str, object]:
    assert play.app.state.chat is not None
    return dict(play.app.state.chat.fields)


async def _say(play: Stage, text: str, messages: int) -> None:
    await play.type(text, "enter")
    await play.until(lambda: len(play.texts()) == messages, "the reply")
    await play.idle()


@pytest.mark.parametrize("size", SMALL)
async def test_a_fact_is_pinned_by_a_command_edited_and_unpinned(size: tuple[int, int]) -> None:
    async with stage(size=size) as play:
        await play.type("/закрепить Мира не умеет плавать.", "enter")
        await play.until(lambda: "pins" in _fields(play), "the pin")
        await play.type("/memory", "enter")
        await go_to(play, "Мира не умеет плавать.")
        await play.press("enter")
        await go_to(play, "Edit")
        await play.press("enter")
        await play.sees("Ctrl+S")
        await play.press(*" Never.", "ctrl+s")
        await listed(play, "Мира не умеет плавать. Never.")
        await go_to(play, "Мира не умеет плавать. Never.")
        await play.press("enter")
        await go_to(play, "Unpin it")
        await play.press("enter")
        await play.until(lambda: "pins" not in _fields(play), "its going")


async def test_a_message_is_pinned_with_a_key_and_shortened_by_the_person() -> None:
    async with stage("I cannot swim.", size=(48, 18)) as play:
        await _say(play, "Come in!", 3)
        await play.press("tab", "p")
        await play.sees("It stands in every prompt")
        await play.press("ctrl+s")
        await play.until(lambda: "pins" in _fields(play), "the pin")
        pins = _fields(play)["pins"]
        assert isinstance(pins, list)
        assert pins[0]["text"] == "I cannot swim."
        play.app.run_command("/memory")
        await go_to(play, "I cannot swim.")
        await play.press("enter")
        await go_to(play, "Go to where it was said")
        await play.press("enter")
        await play.until(lambda: play.app.chat.story.selected == 2, "the message")


@pytest.mark.parametrize("size", SMALL)
async def test_summaries_are_folded_unfolded_and_read_in_the_original(size: tuple[int, int]) -> None:
    async with stage("She nods.", "She waits.", "First.", "Second.", "Both of it.", size=size) as play:
        await _say(play, "Hello", 3)
        await _say(play, "Well?", 5)
        for numbers, told in (("1..2", "Messages 1 to 2"), ("3..4", "Messages 3 to 4")):
            play.app.run_command(f"/summarise {numbers}")
            await play.until(lambda n=told: n in _summaries(play), told)
        play.app.open_screen("memory")
        await listed(play, "Sum up several in one…")
        await play.press("m")
        await listed(play, "Messages 1 to 4")
        assert [t.strip() for t in titles(play.app)[:3]] == [
            "Messages 1 to 4", "↳ Messages 1 to 2", "↳ Messages 3 to 4",
        ]
        await go_to(play, "Messages 1 to 4")
        await play.press("o")
        await play.sees("She nods.")
        await play.press("escape")
        await go_to(play, "Messages 1 to 4")
        await play.press("u")
        await play.until(lambda: titles(play.app)[:2] == ["Messages 1 to 2", "Messages 3 to 4"], "the inner ones")
        await go_to(play, "Messages 1 to 4")
        await play.press("u")
        await listed(play, "  ↳ Messages 1 to 2")


def _summaries(play: Stage) -> list[str]:
    from tui.ui.screens.memory_lines import summary_lines

    assert play.app.state.chat is not None
    return [line.title for line in summary_lines(play.app.state.chat, list(play.app.state.path))]


async def test_a_summary_is_written_anew() -> None:
    async with stage("She nods.", "Old words.", "New words.", size=(48, 18)) as play:
        await _say(play, "Hello", 3)
        play.app.run_command("/summarise 1..2")
        await play.until(lambda: _summaries(play), "the summary")
        play.app.open_screen("memory")
        await go_to(play, "Messages 1 to 2")
        await play.press("r")
        await play.sees("New words.")
        await play.until(lambda: [line.faint for line in lines(play.app)[:2]] == [False, True], "the old one's end")


async def test_chapters_are_begun_listed_summarised_and_gone_to() -> None:
    async with stage("She nods.", "The storm came.", size=(48, 18)) as play:
        await play.type("/глава Начало", "enter")
        await play.until(lambda: any(n.extra.get("chapter") for n in play.app.state.path), "the chapter")
        await play.sees("§ Начало")
        await _say(play, "Hello", 3)
        play.app.run_command("/chapter The storm")
        await play.until(lambda: play.app.state.path[-1].extra.get("chapter"), "the second chapter")
        play.app.open_screen("memory")
        await listed(play, "1. Начало")
        await go_to(play, "2. The storm")
        await play.press("enter")
        await go_to(play, "Have it summarised")
        await play.press("enter")
        await play.sees("The storm came.")
        await go_to(play, "1. Начало")
        await play.press("enter")
        await go_to(play, "Go to its beginning")
        await play.press("enter")
        await play.until(lambda: play.app.chat.story.selected == 0, "the message")


@pytest.mark.parametrize("size", SMALL)
async def test_a_document_is_added_and_what_it_brings_back_is_shown_with_its_reason(
    size: tuple[int, int], tmp_path: Path
) -> None:
    place = tmp_path / "town.md"
    place.write_bytes("Начальник гавани Гримвальд берёт три бочки сельди.".encode("cp1251"))
    async with stage(size=size) as play:
        await play.type("/документ none.md", "enter")
        await play.sees("cannot be read")
        await play.type(f"/document {place}", "enter")
        await play.until(lambda: "documents" in _fields(play), "the document")
        await play.type("/вспомнить Кто в гавани начальник?", "enter")
        await listed(play, "document town.md")
        await play.sees("Гримвальд")
        assert "гавани, начальник" in detail_of(play.app, "document town.md")
        await play.press("escape")
        await _say(play, "Кто в гавани начальник?", 3)
        await play.press("f5")
        await listed(play, "recalled for #2")
        await go_to(play, "recalled for #2")
        await play.press("enter")
        await listed(play, "document town.md")


async def test_recalling_is_switched_off_by_a_command_and_on_in_the_screen() -> None:
    async with stage(size=(48, 18)) as play:
        await play.type("/recall off", "enter")
        await play.sees("stays out")
        await play.type("/recall", "enter")
        await go_to(play, "Bring it back where it matters")
        assert detail_of(play.app, "Bring it back where it matters") == "off"
        await play.press("enter")
        await play.until(lambda: detail_of(play.app, "Bring it back where it matters") == "on", "on")
        got = await play.app.link.call("settings.get")
        assert got["settings"]["recall"] is True


async def test_the_story_is_carried_into_a_new_chat() -> None:
    async with stage("She nods.", "They met in the rain.", size=(48, 18)) as play:
        await _say(play, "Hello", 3)
        assert play.app.state.chat is not None
        before = play.app.state.chat.id
        await play.type("/pin She likes tea.", "enter")
        await play.until(lambda: "pins" in _fields(play), "the pin")
        await play.type("/перенести Вторая часть", "enter")
        await play.until(lambda: play.app.state.chat is not None and play.app.state.chat.id != before, "the new chat")
        assert play.texts() == ["They met in the rain.", "She nods."]
        assert _fields(play)["title"] == "Вторая часть"
        assert "pins" in _fields(play)


async def test_shares_of_memory_are_percents_in_the_settings() -> None:
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("settings")
        share = "Percent of the window for memory as a whole"
        await go_to(play, share)
        await play.press("enter")
        await play.sees("pinned facts, summaries")
        await play.press("ctrl+u", *"20 %", "enter")
        await play.until(lambda: detail_of(play.app, share) == "20", "the share")
        got = await play.app.link.call("settings.get")
        assert got["settings"]["memory_share"] == pytest.approx(0.2)
