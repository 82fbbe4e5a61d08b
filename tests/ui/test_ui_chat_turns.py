"""Talking: what a person does in the chat, through the real core."""

from __future__ import annotations

from chat_stage import stage


async def test_say_something_and_see_the_reply() -> None:
    async with stage('*A long breath.* "Waves."') as play:
        greeting = play.texts()
        assert len(greeting) == 1
        await play.type("Counting what?", "enter")
        assert play.composer.text == ""
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        assert play.texts()[1:] == ["Counting what?", '*A long breath.* "Waves."']
        assert "Counting what?" in "\n".join(play.story())
        assert '*A long breath.* "Waves."' in "\n".join(play.story())


async def test_swipes_come_and_go_and_beyond_the_last_is_a_new_one() -> None:
    async with stage("First.", "Second.") as play:
        await play.type("Hello", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("alt+right")
        await play.until(lambda: play.texts()[-1] == "Second.", "the second version")
        await play.idle()
        assert "‹ 2/2 ›" in "\n".join(play.story())
        await play.press("alt+left")
        await play.until(lambda: play.texts()[-1] == "First.", "the first version")
        assert "‹ 1/2 ›" in "\n".join(play.story())
        await play.press("alt+right")
        await play.until(lambda: play.texts()[-1] == "Second.", "the second version again")
        assert len(play.server.asked("/api/extra/generate/stream")) == 2


async def test_greetings_are_swiped_without_asking_the_model() -> None:
    async with stage() as play:
        first = play.texts()[0]
        await play.press("alt+right")
        await play.until(lambda: play.texts()[0] != first, "the other greeting")
        assert not play.server.asked("/api/extra/generate/stream")


async def test_regenerate_edit_delete_undo() -> None:
    async with stage("First.", "Second.") as play:
        await play.type("Hello", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("ctrl+r")
        await play.until(lambda: play.texts()[-1] == "Second.", "another reply")
        await play.idle()
        await play.press("up")
        assert play.composer.text == "Hello"
        await play.type(" there", "enter")
        await play.until(lambda: play.texts()[1] == "Hello there", "the edit")
        assert play.texts()[2] == "Second."
        assert play.composer.text == ""
        await play.press("tab", "d")
        await play.sees("Delete this message of Mira?")
        await play.press("down", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the deletion shows the other version")
        await play.press("u")
        await play.until(lambda: play.texts()[-1] == "Second.", "undo")


async def test_what_was_being_written_comes_back_after_an_edit_and_after_a_failure() -> None:
    async with stage() as play:
        await play.type("Hello", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        await play.type("half a thought")
        play.app.do("edit_last")
        await play.until(lambda: play.composer.text == "Hello", "the old message")
        await play.press("escape")
        assert play.composer.text == "half a thought"


async def test_enter_on_nothing_continues_and_escape_stops() -> None:
    counting = "One two three four five six seven eight. " * 20
    async with stage(counting, "And nine.", delay=0.05) as play:
        await play.type("Count", "enter")
        await play.until(lambda: len(play.texts()) == 3 and len(play.texts()[-1]) > 8, "some of the reply")
        await play.press("escape")
        await play.idle()
        half = play.texts()[-1]
        assert counting.startswith(half)
        assert len(half) < 400
        await play.sees("Enter goes on")
        await play.press("enter")
        await play.until(lambda: play.texts()[-1].endswith("And nine."), "the continuation")
        assert play.texts()[-1].startswith(half)
        assert len(play.texts()) == 3


async def test_a_branch_begins_where_one_chooses_and_the_old_one_stays() -> None:
    async with stage("First.", "Second.") as play:
        await play.type("Hello", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("tab", "up", "up", "b")
        await play.until(lambda: len(play.texts()) == 1, "the branch")
        await play.type("Another way", "enter")
        await play.until(lambda: play.texts()[-1] == "Second.", "its reply")
        await play.idle()
        await play.press("tab", "up", "left")
        await play.until(lambda: play.texts()[1:] == ["Hello", "First."], "the old branch")


async def test_a_failing_server_is_a_sentence_below_the_story_and_nothing_is_lost() -> None:
    async with stage() as play:
        from chat_stage import scripted

        play.server.on("POST /api/extra/generate/stream", scripted().answer({"detail": "out of memory"}, "400 Bad"))
        await play.type("Hello", "enter")
        await play.until(lambda: play.app.state.turn.get("error"), "the error")
        await play.pilot.pause(0.1)
        assert play.texts()[-1] == "Hello"
        assert "out of memory" in "\n".join(play.story())


async def test_nobody_home_is_said_in_words() -> None:
    from textual.pilot import Pilot

    from tui.domain.errors import ConnectionLost
    from tui.ui.app import TraktirApp, UiOptions

    async def connect() -> None:
        raise ConnectionLost("No core answers.", "Start one.")

    app = TraktirApp(UiOptions(connect=connect))
    async with app.run_test(size=(80, 24)) as pilot:
        assert isinstance(pilot, Pilot)
        for _ in range(100):
            await pilot.pause(0.02)
            if app.chat.top.notice:
                break
        assert app.chat.top.notice == "No core answers. Start one."
