"""The screens about the story in front: presets, samplers, note, persona, memory, lore, the prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import detail_of, go_to, lines, listed, own_characters, titles, write_card

SIZES = [(40, 10), (120, 40)]


async def field(play: Stage, name: str) -> object:
    assert play.app.state.chat is not None
    got = await play.app.link.call("chats.open", id=play.app.state.chat.id)
    return got["chat"]["fields"].get(name)


async def test_a_profile_and_sampler_values_are_chosen_in_one_list() -> None:
    async with stage(size=(120, 40)) as play:
        await play.press("f3")
        await go_to(play, "Creative")
        await play.press("enter")
        await play.sees("This chat now uses the sampler values of")
        own = await field(play, "samplers")
        assert isinstance(own, dict)
        assert own
        await play.press(*"llama 3.1")
        await play.until(lambda: "Creative" not in titles(play.app), "the filter")
        await play.press("enter")
        await play.sees("This chat now uses the prompt format llama-3.1")
        assert await field(play, "template") == "llama-3.1"


async def test_a_broken_preset_says_line_and_field(home: Path) -> None:
    folder = home / "config" / "presets" / "samplers"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("label: Mine\ntemperature: hot\n", "utf-8")
    async with stage(size=(120, 40)) as play:
        await play.press("f3", *"mine")
        await play.sees("mine.yaml")
        assert "temperature" in play.screen()
        await play.press("enter")                      # nothing to use: its text is shown instead
        await play.sees("temperature: hot")


@pytest.mark.parametrize("size", SIZES)
async def test_a_sampler_value_within_its_range(size: tuple[int, int]) -> None:
    async with stage(size=size) as play:
        play.app.open_screen("samplers")
        await go_to(play, "temperature")
        await play.press("enter")
        await play.sees("0 … 5")
        await play.press("ctrl+u", *"9", "enter")
        await play.sees("temperature must lie between 0.0 and")
        await play.press("enter")
        await play.sees("0 … 5")
        await play.press("ctrl+u", *"1,25", "enter")   # a Russian decimal sign
        await play.until(lambda: "1.25" in detail_of(play.app, "temperature"), "the new value")
        assert await field(play, "samplers") == {"temperature": 1.25}


async def test_the_authors_note_is_written_and_kept() -> None:
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("note")
        await go_to(play, "Text")
        await play.press("enter")
        await play.sees("Ctrl+S")
        await play.press(*"It rains", "escape")        # what was written is not lost by a key too many
        await play.sees("Keep what you wrote?")
        await play.press("enter")
        await play.until(lambda: any(line.note == "It rains" for line in lines(play.app)), "the note")
        assert await field(play, "note") == "It rains"
        await go_to(play, "Depth")
        await play.press("enter")
        await play.sees("how many messages")
        await play.press("ctrl+u", *"-2", "enter")
        await play.sees("The depth is a number of messages")


async def test_the_persona_of_a_chat_and_of_all_chats() -> None:
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("persona")
        await listed(play, "In all chats")
        await play.press("enter")
        await play.sees("empty: as in all chats")
        await play.press(*"Ivan", "enter")
        await play.until(lambda: detail_of(play.app, "Name") == "Ivan", "the name")
        assert await field(play, "persona") == "Ivan"


async def test_a_summary_is_made_read_taken_away_and_brought_back() -> None:
    async with stage("She nods.", "They met at the lighthouse.", size=(48, 18)) as play:
        await play.type("Hello", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        play.app.open_screen("memory")
        await go_to(play, "Have the model write a new one…")
        await play.press("enter")
        await play.sees("Which messages")
        await play.press(*"1..9", "enter")
        await play.sees("This chat has messages 1 to 3.")
        await play.press("n")
        await play.sees("Which messages")
        await play.press(*"1..2", "enter")
        await listed(play, "Messages 1 to 2")
        await play.sees("They met at the lighthouse.")
        await go_to(play, "Messages 1 to 2")
        await play.press("enter")
        await go_to(play, "Take it away")
        await play.press("enter")
        await play.until(lambda: "taken away" in detail_of(play.app, "Messages 1 to 2") + play.screen(), "its going")
        await go_to(play, "Messages 1 to 2")
        await play.press("enter")
        await play.until(lambda: "taken away" not in play.screen(), "its coming back")


async def test_the_offer_of_a_summary_is_one_line_away() -> None:
    async with stage("She nods.", "They met.", size=(48, 18)) as play:
        await play.type("Hello", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        first, second = (node.id for node in list(play.app.state.path)[:2])
        told = {"state": "done", "offer": {"first": first, "last": second, "messages": 2}}
        assert play.app.state.chat is not None
        play.app.on_core_event({"type": "turn", "chat": play.app.state.chat.id, "node": None, **told})
        play.app.open_screen("memory")
        await listed(play, "Summarise messages 1 to 2 now")
        await play.press("home", "enter")
        await listed(play, "Messages 1 to 2")
        await play.until(lambda: "offer" not in [line.id for line in lines(play.app)], "the offer's going")


async def test_what_the_next_turn_sends_and_which_lore_fires(home: Path) -> None:
    write_card(own_characters(home), "Isolde")
    async with stage(size=(120, 40), character="Isolde") as play:
        await play.type("Who is counting?", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        await play.press("f5")
        await listed(play, "card: description")
        assert "of" in play.screen().split("\n")[0]    # used of the whole window
        await go_to(play, "card: description")
        await play.press("enter")
        await play.sees("lighthouse [bold]markup[/bold]")
        await play.press("escape", "tab")
        await play.sees("What changed since the prompt before")
        await play.press("tab")
        await play.sees("Lore: what fired and why")
        await play.sees("through “counting”")
        await play.press("tab")
        await play.sees("Macros that keep their value")
        await play.press("tab")
        await play.sees("The next prompt in numbers")
        await play.press("escape")
        await play.until(lambda: play.app.screen is play.app.chat, "the chat")


async def test_a_prompt_that_cannot_fit_shows_what_it_is_made_of_the_largest_first() -> None:
    async with stage(size=(120, 40)) as play:
        chat = play.app.state.chat
        assert chat is not None
        await play.app.link.call("chats.set", id=chat.id, field="persona_text", value="A long past. " * 3000)
        await play.press("f5")
        await play.sees("The prompt does not fit")
        await play.until(lambda: titles(play.app)[:1] == ["persona"], "the largest part")


async def test_what_was_sent_for_a_reply() -> None:
    async with stage(size=(120, 40)) as play:
        await play.type("Hello", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        await play.press("tab", "i")
        await play.sees("What was sent for this reply")
        await listed(play, "card: description")
        await play.press("shift+tab")
        await play.sees("How this reply was made")
        assert "Model" in titles(play.app)


async def test_lorebooks_are_switched_on_for_a_chat(home: Path) -> None:
    folder = home / "config" / "lorebooks"
    folder.mkdir(parents=True)
    (folder / "sea.json").write_text('{"entries": {"0": {"uid": 0, "key": ["gull"], "content": "Gulls."}}}', "utf-8")
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("lore")
        await listed(play, "sea")
        await play.press("enter")
        await play.until(lambda: lines(play.app)[0].mark == "●", "the mark")
        assert await field(play, "lorebooks") == ["sea"]
        await play.press("tab")
        await play.sees("Gulls.")


async def test_settings_count_at_once(home: Path) -> None:
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("settings")
        await go_to(play, "Language")
        await play.press("enter")
        await go_to(play, "Русский")
        await play.press("enter")
        await listed(play, "Язык")
        await go_to(play, "Язык")
        await play.press("enter")
        await go_to(play, "English")
        await play.press("enter")
        await listed(play, "Language")
        await go_to(play, "Colours")
        await play.press("enter")
        await go_to(play, "nord")
        await play.press("enter")
        await play.until(lambda: play.app.theme == "nord", "the theme")


async def test_help_lists_keys_and_commands_and_finds_them() -> None:
    async with stage(size=(40, 10)) as play:
        await play.press("f1")
        await listed(play, "While writing")
        await play.press(*"память")
        await play.until(lambda: "/memory" in titles(play.app), "the command")
        await play.press("enter")
        await play.sees("Memory")
