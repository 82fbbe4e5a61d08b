"""Loops and phrases, as a person meets them."""

from __future__ import annotations

from chat_stage import stage

ROUND = "The lamp burned low that night. " + "She said that she would wait for him by the sea. " * 8


async def test_a_loop_is_told_and_one_key_leads_out_of_it() -> None:
    async with stage(ROUND, " Then he came.", size=(48, 18)) as play:
        await play.type("And then?", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        await play.sees("loop 98%: Ctrl+L")
        await play.press("ctrl+l")
        await play.until(lambda: play.texts()[-1].endswith("Then he came."), "the other version")
        await play.idle()
        assert play.texts()[-1].startswith("The lamp burned low that night. She said")
        assert play.texts()[-1].count("She said") == 1
        assert "‹2/2›" in play.screen()
        assert "loop" not in play.screen()
        await play.press("alt+left")
        await play.until(lambda: play.texts()[-1] == ROUND.rstrip(), "the one with the loop")


async def test_phrases_are_forbidden_and_allowed_again() -> None:
    async with stage("Hm.", size=(120, 40)) as play:
        async def say(line: str) -> None:
            play.app.compose_line("")
            await play.type(line, "enter")

        def banned() -> list[str]:
            return list((play.app.state.field("samplers") or {}).get("banned_strings") or ())

        await say("/ban «shivers down»")
        await play.until(lambda: banned() == ["shivers down"], "the ban")
        await say("/запрет едва слышно, почти шёпотом")
        await play.until(lambda: len(banned()) == 2, "the second ban")
        assert banned()[1] == "едва слышно, почти шёпотом"
        await say("/ban")
        await play.sees("Forbidden: «shivers down», «едва")
        await say("/unban Shivers Down")
        await play.until(lambda: len(banned()) == 1, "one less")
        await say("/unban nothing")
        await play.sees("is not forbidden")
        await say("/unban")
        await play.sees("No phrase is forbidden")
        assert banned() == []
