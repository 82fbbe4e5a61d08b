"""F2: finding, opening, renaming, deleting, restoring, searching and importing, as a person does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import go_to, lines, listed, own_characters, titles, write_card

from tui.client.connection import Connection
from tui.wire.ids import new_id

Library = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def library(home: Path) -> Library:
    """The program with F2 open, two characters of one's own, and a chat of each title."""
    write_card(own_characters(home), "Isolde")
    write_card(own_characters(home), "Bernard")

    @asynccontextmanager
    async def opened(*chats: str, size: tuple[int, int] = (48, 18)) -> AsyncIterator[Stage]:
        async def before(core: Connection) -> None:
            for title in ("first", *chats):
                await core.call("chats.create", id=new_id(), character="isolde", title=title)

        async with stage(character=None, before=before, size=size) as play:
            await play.until(lambda: play.app.state.chat is not None, "the last chat")
            await play.press("f2")
            await listed(play, "first")
            yield play

    return opened


async def test_typing_in_the_wrong_layout_finds_the_chat_and_enter_opens_it(library: Library) -> None:
    async with library("Lighthouse", "Cellar") as play:
        await play.press(*"дшпре")                     # the keys of `light` in the Russian layout
        await play.until(lambda: "Cellar" not in titles(play.app), "the filter")
        await play.press("enter")
        await play.until(lambda: play.app.state.field("title") == "Lighthouse", "the chat")


async def test_a_new_chat_with_a_character_shows_its_greeting(library: Library) -> None:
    async with library(size=(40, 10)) as play:
        await play.press(*"bern")
        await play.until(lambda: "Bernard" in titles(play.app), "the filter")
        await play.press("enter")
        await play.until(lambda: play.app.state.character == "Bernard", "the chat")
        assert play.texts()[0].startswith("*She listens.*")


async def test_foreign_markup_and_escape_sequences_are_text(library: Library) -> None:
    async with library(size=(120, 40)) as play:
        await play.sees("For [red]long[/red] evenings.")
        await play.press(*"isolde")
        await go_to(play, "Isolde")
        await play.press("tab")
        await go_to(play, "Read the card")
        await play.press("enter")
        await play.sees("lighthouse [bold]markup[/bold].")
        assert "\x1b" not in play.screen()


async def test_deleting_names_what_goes_and_the_trash_gives_it_back(library: Library) -> None:
    async with library("Lighthouse") as play:
        await go_to(play, "Lighthouse")
        await play.press("delete")
        await play.sees("Messages: 1")
        assert "Lighthouse" in play.screen()
        assert "Isolde: *She" in play.screen()
        await play.press("enter")                      # the cursor is on the safe answer
        await listed(play, "Lighthouse")
        await play.press("delete")
        await play.sees("Messages: 1")
        await play.press("down", "enter")
        await play.until(lambda: "first" in titles(play.app) and "Lighthouse" not in titles(play.app), "its going")
        await play.press("ctrl+t")
        await play.until(lambda: titles(play.app) == ["Lighthouse"], "the trash")
        await play.press("enter")
        await play.until(lambda: titles(play.app) == [], "the empty trash")
        await play.press("escape")
        await listed(play, "Lighthouse")


async def test_deleting_the_chat_in_front_brings_another_and_then_none(library: Library) -> None:
    async with library("Lighthouse") as play:
        for title, left in (("Lighthouse", "first"), ("first", None)):
            await go_to(play, title)
            await play.press("delete")
            await play.sees("Messages: 1")
            await play.press("down", "enter")
            await play.until(lambda left=left: play.app.state.field("title") == left, "what is in front now")
        await play.press("escape")
        await play.sees("No chat is open.")
        await play.type("Hello?", "enter")
        await play.sees("No chat is open.")


async def test_rename_by_the_menu_of_a_line(library: Library) -> None:
    async with library("Old", size=(40, 10)) as play:
        await go_to(play, "Old")
        await play.press("tab")
        await listed(play, "Rename")
        await play.press("r")
        await play.sees("The name of this chat")
        await play.press("ctrl+u", *"New", "enter")
        await listed(play, "New")


async def test_full_text_search_opens_the_chat_at_the_message(library: Library) -> None:
    async with library("Lighthouse", size=(120, 40)) as play:
        await play.press(*"listens")
        await go_to(play, "Search the text of all chats for “listens”")
        await play.press("enter")
        await play.sees("»listens«")
        await go_to(play, "first")
        await play.press("enter")
        await play.until(lambda: play.app.state.field("title") == "first", "the chat")


async def test_importing_a_file_by_its_path(library: Library, tmp_path: Path) -> None:
    path = write_card(tmp_path, "Otto")
    async with library(size=(120, 40)) as play:
        await go_to(play, "Import from a file…")
        await play.press("enter")
        await play.sees("Which file?")
        await play.press(*str(tmp_path / "none.json"), "enter")
        await play.sees("There is no file")
        await play.press("enter")
        await play.sees("Which file?")
        await play.press(*str(path), "enter")
        await play.sees("Imported: Otto (card)")
        await listed(play, "Otto")


@pytest.mark.parametrize("key", ["escape", "ctrl+g", "left", "f2", "ctrl+п"])
async def test_more_than_one_key_leads_back(library: Library, key: str) -> None:
    async with library() as play:
        await play.press(key)
        await play.until(lambda: play.app.screen is play.app.chat, "the chat")


async def test_a_tap_on_the_heading_leads_back_and_a_tap_on_a_line_opens(library: Library) -> None:
    async with library() as play:
        await play.pilot.click("HeadLine", offset=(4, 0))
        await play.until(lambda: play.app.screen is play.app.chat, "the chat")
        await play.press("f2")
        await listed(play, "Bernard")
        await play.press(*"bern")
        await play.until(lambda: "first" not in titles(play.app), "the filter")
        row = next(y for y, text in enumerate(play.screen().split("\n")) if text.strip().startswith("Bernard"))
        await play.pilot.click(offset=(6, row))
        await play.until(lambda: play.app.state.character == "Bernard", "the chat")


async def test_favourites_stand_first_then_those_talked_to_last_and_tags_find(library: Library) -> None:
    def characters(play: Stage) -> list[str]:
        return [line.title for line in lines(play.app) if line.id.startswith("char:")]

    async with library(size=(120, 40)) as play:
        await play.until(lambda: characters(play)[0] == "Isolde", "the one talked to")
        await go_to(play, "Bernard")
        await play.press("tab")
        await listed(play, "Make it a favourite")
        await go_to(play, "Make it a favourite")
        await play.press("enter")
        await play.until(lambda: characters(play)[:2] == ["Bernard", "Isolde"], "the favourite")
        await play.sees("★")
        await play.press(*"#sea")
        await play.until(lambda: characters(play) == ["Bernard", "Isolde"], "those with the tag")
        await play.press("escape")
        play.app.compose_line("")
        await play.type("/favourite", "enter")
        await play.sees("isolde is a favourite now")
