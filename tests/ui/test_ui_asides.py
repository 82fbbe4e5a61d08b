"""The model writes into the composer: the person's next message, and suggestions for it."""

from __future__ import annotations

from chat_stage import Stage, stage


def prompts(play: Stage) -> list[str]:
    return [request.json["prompt"] for request in play.server.asked("/api/extra/generate/stream")]


async def test_the_model_goes_on_with_what_was_typed_and_sends_nothing() -> None:
    async with stage(" the lamp and sit down by the fire.", "Good.", size=(48, 18)) as play:
        await play.type("I take", "ctrl+g")
        await play.until(lambda: play.composer.text == "I take the lamp and sit down by the fire.", "the message")
        assert len(play.texts()) == 1
        assert prompts(play)[0].rstrip().endswith("I take")
        assert "<|im_start|>user" in prompts(play)[0][-60:]
        await play.press("enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        assert play.texts()[1] == "I take the lamp and sit down by the fire."


async def test_a_command_says_what_it_shall_be_about() -> None:
    async with stage("Guest: *I bow.* Good evening.", size=(120, 40)) as play:
        await play.type("/impersonate a polite greeting", "enter")
        await play.until(lambda: play.composer.text == "*I bow.* Good evening.", "the message")
        assert "a polite greeting" in prompts(play)[0]


async def test_escape_stops_it_and_what_came_stays() -> None:
    async with stage("word " * 400, delay=0.05, size=(120, 40)) as play:
        await play.type("So", "ctrl+g")
        await play.until(lambda: "word" in play.composer.text, "its beginning")
        await play.press("escape")
        await play.until(lambda: not play.app.asides.active, "the end")
        assert play.composer.text.startswith("So")
        assert len(play.composer.text) < 1500
        assert play.server.asked("/api/extra/abort")


async def test_who_types_takes_over() -> None:
    async with stage("word " * 400, delay=0.05, size=(120, 40)) as play:
        await play.press("ctrl+g")
        await play.until(lambda: "word" in play.composer.text, "its beginning")
        await play.type("!")
        await play.until(lambda: not play.app.asides.active, "the end")
        await play.until(lambda: play.server.asked("/api/extra/abort"), "the stop")
        assert "!" in play.composer.text


async def test_one_of_the_suggestions_comes_into_the_line() -> None:
    async with stage('1. "I am fine."\n2) *I yawn.*\n\n- Who are you?\n- And more', size=(48, 18)) as play:
        await play.type("/подскажи", "enter")
        await play.sees("*I yawn.*")
        assert "And more" not in play.screen()
        await play.press("down", "enter")
        await play.until(lambda: play.composer.text == "*I yawn.*", "the line")
        assert "what {{user}}" not in prompts(play)[0]
        assert "Guest could say or do next" in prompts(play)[0]
