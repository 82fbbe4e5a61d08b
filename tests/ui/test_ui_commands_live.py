"""Slash commands and the palette in the program itself."""

from __future__ import annotations

from pathlib import Path

from chat_stage import Stage, stage
from screens_stage import listed, own_characters, titles, write_card
from textual import events

from tui.ui.screens.memory import MemoryPage


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


async def test_commands_change_the_chat_and_say_so() -> None:
    async with stage(size=(120, 40)) as play:
        await say(play, "/set temp 0.5")
        await play.until(lambda: (play.app.state.field("samplers") or {}).get("temperature") == 0.5, "the value")
        await say(play, "/set temperature preset")
        await play.until(lambda: not play.app.state.field("samplers"), "the preset's value")
        await say(play, ".ыуе ещз_л 40")               # /set top_k with the Russian layout on
        await play.until(lambda: (play.app.state.field("samplers") or {}).get("top_k") == 40, "the value")
        await say(play, "/note It rains.")
        await play.until(lambda: play.app.state.field("note") == "It rains.", "the note")
        await say(play, "/rename The storm")
        await play.until(lambda: play.app.state.field("title") == "The storm", "the title")
        await say(play, "/samplers creative")
        await play.until(lambda: len(play.app.state.field("samplers") or {}) > 1, "the values of the preset")


async def test_what_cannot_be_done_is_said_in_a_sentence() -> None:
    async with stage(size=(120, 40)) as play:
        await say(play, "/set temperature 99")
        await play.sees("must lie between")
        await say(play, "/delte")
        await play.sees("/delete")
        await say(play, "/summarise")
        await play.sees("too little to summarise")


async def test_messages_are_hidden_by_number_and_come_back() -> None:
    async with stage(size=(120, 40)) as play:
        await say(play, "/hide 1")
        await play.until(lambda: play.app.state.path[0].hidden, "the hiding")
        await say(play, "/unhide 1")
        await play.until(lambda: not play.app.state.path[0].hidden, "the showing")
        await say(play, "/hide 1..7")
        await play.sees("This chat has messages 1 to")


async def test_a_new_chat_by_name_and_the_screens_by_command(home: Path) -> None:
    write_card(own_characters(home), "Isolde")
    async with stage(size=(48, 18)) as play:
        await say(play, "/new isol")
        await play.until(lambda: play.app.state.character == "Isolde", "the chat")
        for line, heading in (
            ("/память", "Memory"), ("/lore", "Lorebooks"), ("/persona", "Who you are"), ("/settings", "Settings"),
            ("/prompt", "What the next turn sends"), ("/profile", "Profiles"), ("/search hear it", "Found: hear it"),
        ):
            await say(play, line)
            await play.sees(heading)
            await play.press("escape")
            await play.until(lambda: play.app.screen is play.app.chat, f"the way back from {line}")


async def test_export_writes_a_file_and_import_takes_it_back(home: Path, tmp_path: Path) -> None:
    write_card(own_characters(home), "Isolde")
    async with stage(size=(120, 40), character="Isolde") as play:
        await say(play, f"/export {tmp_path / 'out.json'}")
        await play.until((tmp_path / "out.json").exists, "the card")
        await say(play, f"/export {tmp_path / 'out.txt'}")
        await play.until((tmp_path / "out.txt").exists, "the chat")
        await say(play, f"/import {tmp_path / 'out.json'}")
        await play.sees("Imported: Isolde")


async def test_the_palette_finds_commands_in_any_layout_and_chats_by_title() -> None:
    async with stage(size=(120, 40)) as play:
        await say(play, "/rename Lighthouse")
        await play.until(lambda: play.app.state.field("title") == "Lighthouse", "the title")
        await play.press("ctrl+p")
        await play.press(*"ьуьщкн")                    # memory
        await play.sees("Summaries, pinned facts, chapters, documents, and what is recalled.")
        await play.press("ctrl+u", *"lighth")
        await listed(play, "Lighthouse")
        await play.press("ctrl+u", *"memory")
        await listed(play, "Summaries, pinned facts, chapters, documents, and what is recalled.")
        await play.press("enter")
        await listed(play, "Have the model write a new one…")


async def test_a_command_that_needs_more_goes_from_the_palette_into_the_composer() -> None:
    async with stage(size=(40, 10)) as play:
        await play.press("ctrl+p", *"sampler value of")
        await play.until(lambda: titles(play.app)[-1:] == ["Set one sampler value of this chat."], "the command")
        await play.press("enter")
        await play.until(lambda: play.composer.text == "/set ", "the beginning of the command")


async def test_keys_that_come_at_once_are_the_command_that_they_spell() -> None:
    """Enter overtakes word of the letters before it: what was suggested for fewer of them is not meant."""
    async with stage(size=(120, 40)) as play:
        await play.type("/")
        await play.until(lambda: play.app.chat.suggestions.open, "what the slash may become")
        for key in "memory":
            play.app.chat.composer.post_message(events.Key(key, key))
        play.app.chat.composer.post_message(events.Key("enter", "\r"))
        await play.sees("Memory")
        assert isinstance(play.app.screen, MemoryPage)
