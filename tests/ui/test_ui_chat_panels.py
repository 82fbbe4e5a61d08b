"""Panels beside the story: where there is room they push it aside, elsewhere a full screen shows the same."""

from __future__ import annotations

from chat_stage import stage


async def test_the_panel_of_the_prompt_opens_beside_the_story_and_goes_again() -> None:
    async with stage(size=(140, 30)) as play:
        await play.type("Good evening!", "enter")
        await play.idle()
        await play.press("ctrl+e")
        await play.sees("What the model sees")
        await play.sees("card: description")
        assert "Good evening!" in play.screen()                   # the story is still there
        await play.press("escape")
        await play.until(lambda: "What the model sees" not in play.screen(), "the panel to go")
        await play.until(lambda: play.app.focused is play.composer, "the composer")


async def test_a_chat_is_opened_from_the_panel_of_chats() -> None:
    async with stage(size=(140, 30)) as play:
        await play.press("ctrl+b")
        await play.sees("Chats and characters")
        await play.sees("Ansel Bly")
        await play.press("ctrl+b")
        await play.until(lambda: "Chats and characters" not in play.screen(), "the panel to go")


async def test_where_there_is_no_room_the_same_keys_open_full_screens() -> None:
    async with stage(size=(48, 18)) as play:
        await play.press("ctrl+e")
        await play.until(lambda: play.app.screen is not play.app.chat, "the inspector")
        await play.press("escape")
        await play.until(lambda: play.app.screen is play.app.chat, "the story")


async def test_a_panel_that_has_no_room_any_more_closes() -> None:
    async with stage(size=(140, 30)) as play:
        await play.press("ctrl+e")
        await play.sees("What the model sees")
        await play.pilot.resize_terminal(60, 20)
        await play.until(lambda: "What the model sees" not in play.screen(), "the panel to go")


async def test_the_earlier_text_of_an_edited_message_is_a_key_away() -> None:
    async with stage(size=(120, 30)) as play:
        await play.type("Good evening!", "enter")
        await play.idle()
        chat = play.app.state.chat
        assert chat is not None
        said = play.app.state.path[-2].id
        await play.app.link.call("node.edit", chat=chat.id, node=said, revision="R" * 26, text="Good morning!")
        await play.sees("Good morning!")
        await play.press("tab", "up")
        await play.press("left_square_bracket")
        await play.sees("Good evening!")
        await play.press("right_square_bracket")
        await play.sees("Good morning!")
