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
