"""A chat in two languages: the person reads and writes one, the prompt stays in the other."""

from __future__ import annotations

from chat_stage import Stage, stage

# What the scripted model answers in turn: a translation of what was said, the reply, the reply's translation.
SAID, REPLY, READ = "Is it cold at sea?", "It is always cold at sea.", "В море всегда холодно."


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


def prompts(play: Stage) -> list[str]:
    return [request.json["prompt"] for request in play.server.asked("/api/extra/generate/stream")]


async def test_one_writes_russian_and_the_prompt_is_english() -> None:
    async with stage(SAID, REPLY, READ, "Is it far?", "It is far.", "Далеко.", size=(100, 30)) as play:
        await say(play, "/языки Russian English")
        await play.until(lambda: (play.app.state.field("languages") or {}).get("model") == "English", "two languages")
        await play.type("Холодно ли в море?", "enter")
        await play.until(lambda: READ in play.screen(), "the reply in one's own language")
        ask, reply, back = prompts(play)
        assert "from Russian into English" in ask
        assert "Холодно ли" in ask
        assert SAID in reply
        assert "Холодно" not in reply
        assert "from English into Russian" in back
        assert "Холодно ли в море?" in play.screen()
        assert SAID not in play.screen()
        await play.type("Это далеко?", "enter")
        await play.until(lambda: "Далеко." in play.screen(), "the next")
        second = prompts(play)[4]
        assert second.index(SAID) < second.index(REPLY) < second.index("Is it far?")
        assert second.startswith(reply.rstrip())
        assert "Холодно" not in second
        await say(play, "/languages show both")
        await play.until(lambda: SAID in play.screen(), "both")
        assert "В море всегда холодно." in play.screen()
        assert "— It is always cold at sea." in play.screen()
        await say(play, "/languages model")
        await play.until(lambda: READ not in play.screen(), "the model's")
        assert REPLY in play.screen()
        await say(play, "/languages off")
        await play.sees("This chat has one language")


async def test_what_cannot_be_translated_is_not_said_and_not_lost() -> None:
    async with stage(" ", SAID, REPLY, READ, size=(48, 18)) as play:
        await say(play, "/languages Russian English")
        await play.until(lambda: play.app.state.field("languages"), "two languages")
        await play.type("Холодно?", "enter")
        await play.sees("no translation")
        assert play.texts()[-1] == "Холодно?"
        assert len(prompts(play)) == 1
        await play.press("ctrl+r")
        await play.until(lambda: READ in play.screen(), "the reply")
        assert "Холодно" not in prompts(play)[2]


async def test_any_message_can_be_translated_later() -> None:
    async with stage("Она греет руки.", size=(100, 30)) as play:
        await say(play, "/translate")
        await play.sees("/languages MINE MODEL gives it two")
        await say(play, "/languages Russian English")
        await play.until(lambda: play.app.state.field("languages"), "two languages")
        await say(play, "/перевод")
        await play.until(lambda: "Она греет руки." in play.screen(), "the greeting in Russian")
