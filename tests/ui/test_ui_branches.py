"""The tree of a chat in the hand: said otherwise, written anew from a place, moved, marked, and walked on a map."""

from __future__ import annotations

import pytest
from chat_stage import Stage, stage
from screens_stage import go_to, lines, titles


def prompts(play: Stage) -> list[str]:
    return [request.json["prompt"] for request in play.server.asked("/api/extra/generate/stream")]


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


async def talk(play: Stage, *said: str) -> None:
    for text in said:
        count = len(play.texts())
        await say(play, text)
        await play.until(lambda count=count: len(play.texts()) == count + 2, f"the reply to {text!r}")  # type: ignore[misc]
        await play.idle()


async def test_said_otherwise_in_a_branch_and_the_old_one_stays() -> None:
    async with stage("First.", "Second.", "Otherwise.") as play:
        await talk(play, "Hello.", "And?")
        await play.press("tab", "up", "up", "up")     # to the message before the last reply but one
        await play.until(lambda: play.app.chosen() is not None and play.app.chosen().text == "Hello.", "the message")
        await play.press("E")
        assert play.composer.text == "Hello."
        await play.type(" Who are you?", "enter")
        await play.until(lambda: play.texts()[1:] == ["Hello. Who are you?", "Otherwise."], "the other branch")
        await play.idle()
        await play.press("f6")
        await play.until(lambda: any(line.title.endswith("Guest: Hello.") for line in lines(play.app)), "the map")
        await go_to(play, next(line.title for line in lines(play.app) if line.title.endswith("Guest: Hello.")))
        await play.press("enter")
        await play.until(lambda: play.texts()[1:] == ["Hello.", "First.", "And?", "Second."], "the old branch")


async def test_a_reply_is_written_anew_from_the_cursor_on() -> None:
    async with stage("She opens the door. She screams.", " She laughs.", size=(48, 18)) as play:
        await talk(play, "Knock.")
        await play.press("tab", "e")
        assert play.composer.text == "She opens the door. She screams."
        await play.press(*["left"] * len("She screams."), "ctrl+r")
        await play.until(lambda: play.texts()[-1] == "She opens the door. She laughs.", "the other reply")
        await play.idle()
        assert prompts(play)[1].endswith("She opens the door.")
        assert play.composer.text == ""
        await say(play, "/переписать the door")
        await play.until(lambda: play.texts()[-1].startswith("She opensShe opens"), "from the words on")
        await play.idle()
        assert len(play.app.state.versions(play.app.state.path[-1])) == 3


async def test_a_reply_begins_as_it_was_changed_before_the_cursor() -> None:
    async with stage("She opens the door.", " It rains.") as play:
        await talk(play, "Knock.")
        await play.press("tab", "e", "home")
        await play.type("Then she wakes. ", "ctrl+r")
        await play.until(lambda: play.texts()[-1] == "Then she wakes. It rains.", "the other reply")
        await play.idle()
        assert prompts(play)[1].endswith("Then she wakes.")
        await play.press("alt+left")
        await play.until(lambda: play.texts()[-1] == "She opens the door.", "the one before, as it was")


async def test_messages_move_and_the_order_before_is_one_undo_away() -> None:
    async with stage("One.", "Two.") as play:
        await talk(play, "A?", "B?")
        await play.press("tab", "K")
        await play.until(lambda: play.texts()[1:] == ["A?", "One.", "Two.", "B?"], "the new order")
        assert play.app.chosen() is not None
        assert play.app.chosen().text == "Two."
        await play.press("u")
        await play.until(lambda: play.texts()[1:] == ["A?", "One.", "B?", "Two."], "the old order")


@pytest.mark.parametrize("size", [(40, 10), (120, 40)])
async def test_a_checkpoint_is_a_place_to_come_back_to(size: tuple[int, int]) -> None:
    async with stage("One.", "Two.", "Other.", size=size) as play:
        await talk(play, "A?")
        await say(play, "/checkpoint before the storm")
        await play.until(lambda: play.app.state.path[-1].extra.get("checkpoint") == "before the storm", "the mark")
        await talk(play, "B?")
        await play.press("tab", "up", "up", "b")      # a branch from the reply that is marked
        await talk(play, "C?")
        assert play.texts()[1:] == ["A?", "One.", "C?", "Other."]
        await say(play, "/отметки")
        await play.until(lambda: "before the storm" in titles(play.app), "the list")
        await play.press("enter")
        await play.until(lambda: play.app.chat.story.selected == 2, "the place")
        await play.press("f6")
        await play.until(lambda: any("⚑ before the storm" in line.note for line in lines(play.app)), "the map")
        assert [line.detail for line in lines(play.app)].count("‹1/2›") == 1
