"""Messages put in by hand, dice, and regex scripts, as a person uses them."""

from __future__ import annotations

import json

from chat_stage import Stage, stage

from tui import paths


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


def prompts(play: Stage) -> list[str]:
    return [request.json["prompt"] for request in play.server.asked("/api/extra/generate/stream")]


def last(play: Stage) -> str:
    return play.texts()[-1]


async def test_narrator_comment_and_another_voice_stand_in_the_chat_and_a_comment_in_no_prompt() -> None:
    async with stage("Good.", "Again.", size=(80, 24)) as play:
        for line, text in (
            ("/sys Night falls on {{char}}.", "Night falls on Mira."), ("/комментарий Ask her name.", "Ask her name."),
            ('/sendas "Old Bob" Who goes there?', "Who goes there?"), ("/send It is me.", "It is me."),
        ):
            await say(play, line)
            await play.until(lambda text=text: last(play) == text, line)
        assert [n.role for n in play.app.state.path[-4:]] == ["system", "system", "assistant", "user"]
        assert play.app.state.path[-2].name == "Old Bob"
        assert prompts(play) == []
        await say(play, "/trigger")
        await play.until(lambda: last(play) == "Good.", "the reply")
        await play.idle()
        await say(play, "/trigger")
        await play.until(lambda: last(play) == "Again.", "another reply after it")
        await play.idle()
        for prompt in prompts(play):
            assert "Night falls on Mira." in prompt
            assert "Who goes there?" in prompt
            assert "Ask her name" not in prompt
        assert play.app.state.path[-2].text == "Good."


async def test_dice_fall_into_the_story_or_for_oneself() -> None:
    async with stage(size=(48, 18)) as play:
        before = len(play.texts())
        await say(play, "/roll 3d1+4")
        await play.until(lambda: last(play).endswith("3d1+4: (1, 1, 1) + 4 = 7"), "the throw")
        assert play.app.state.path[-1].extra["kind"] == "narrator"
        await say(play, "/бросок 2d1 тайно")
        await play.sees("2d1: (1, 1) = 2")
        assert len(play.texts()) == before + 1
        await say(play, "/roll nonsense")
        await play.sees("nothing that can be rolled")


async def test_scripts_are_listed_switched_and_tried_and_change_what_is_shown() -> None:
    folder = paths.config_dir() / "regex"
    folder.mkdir(parents=True)
    script = {"scriptName": "Cats", "findRegex": "/cat/g", "replaceString": "dog", "placement": [1, 2],
              "markdownOnly": True}
    (folder / "cats.json").write_text(json.dumps(script), "utf-8")
    async with stage("No cat here.", size=(48, 18)) as play:
        await play.type("A cat?", "enter")
        await play.sees("No dog here.")
        await play.sees("A dog?")
        await play.idle()
        assert last(play) == "No cat here."
        await say(play, "/регекс")
        await play.sees("Cats")
        await play.sees("shown")
        await play.press("t")
        await play.sees("A text to try")
        await play.press(*"my", "space", *"cat")
        await play.press("enter")
        await play.sees("my dog")
        await play.press("enter")
        await play.until(lambda: play.app.state.displayed == {}, "switched off")
        await play.press("escape")
        await play.sees("No cat here.")


async def test_a_quick_reply_runs_its_script_and_an_unknown_command_stops_all_of_it() -> None:
    folder = paths.config_dir() / "quick-replies"
    folder.mkdir(parents=True)
    replies = [
        {"label": "Look", "message": "/incvar looks | /sys Look {{pipe}} of {{char}}."},
        {"label": "Think", "message": "/gen What does {{char}} think? | /comment {{pipe}}"},
        {"label": "Bad", "message": "/send never | /bg rain"},
    ]
    (folder / "kit.json").write_text(json.dumps({"version": 2, "name": "Kit", "qrList": replies}), "utf-8")
    async with stage("She thinks of tea.", size=(60, 20)) as play:
        await say(play, "/qr")
        await play.sees("Look · Kit")
        await play.press("enter")
        await play.until(lambda: last(play) == "Look 1 of Mira.", "the first")
        await say(play, "/быстро look")
        await play.until(lambda: last(play) == "Look 2 of Mira.", "variables are kept")
        await say(play, "/qr think")
        await play.until(lambda: last(play) == "She thinks of tea.", "a text written aside")
        assert play.app.state.path[-1].hidden
        count = len(play.texts())
        await say(play, "/qr bad")
        await play.sees("/bg")
        assert len(play.texts()) == count
        await say(play, "/script /times 2 {: /addvar key=n 2 :} | /send {{pipe}} it is")
        await play.until(lambda: last(play) == "4 it is", "a typed script")
        await say(play, "/script /rand from=3 to=3 | /send {{pipe}} is chance")
        await play.until(lambda: last(play) == "3 is chance", "chance")
