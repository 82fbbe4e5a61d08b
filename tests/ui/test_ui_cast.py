"""Group chats, as a person meets them."""

from __future__ import annotations

import pytest
from chat_stage import Stage, stage

from tui import paths


def characters() -> None:
    folder = paths.config_dir() / "characters"
    folder.mkdir(parents=True, exist_ok=True)
    for card, name in (("bob", "Bob"), ("anna", "Анна")):
        text = f'name: {name}\ndescription: "{name} is here."\nfirst_mes: "I am {name}."\n'
        (folder / f"{card}.yaml").write_text(text, "utf-8")


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


def names(play: Stage) -> list[str]:
    return [node.name for node in play.app.state.path]


@pytest.mark.parametrize("size", [(120, 40), (48, 18), (40, 10)])
async def test_a_group_is_chosen_from_the_library_and_plays(size: tuple[int, int]) -> None:
    characters()
    async with stage("Aye.", "Ага.", size=size) as play:
        await say(play, "/group")
        await play.sees("A new group")
        for name in ("Bob", "Анна"):
            await play.pilot.press(*name)
            await play.sees(name)
            await play.until(lambda n=name: play.app.screen.picker.listing.chosen.title == n, name)  # type: ignore[attr-defined,misc]
            await play.press("enter")
        await play.until(lambda: "2 chosen" in play.screen(), "both")
        await play.press("home", "enter")
        await play.until(lambda: names(play) == ["Bob", "Анна"], "the greetings")
        await play.until(lambda: play.app.screen is play.app.chat, "the story")
        await say(play, "/mute bob")
        await play.sees("Bob is muted")
        await say(play, "Скажи что-нибудь, Боб")
        await play.until(lambda: len(play.texts()) == 4, "a reply")
        await play.idle()
        assert names(play)[-1] == "Анна", "who is muted does not answer"
        await say(play, "/unmute bob")
        await say(play, "/speak bob")
        await play.until(lambda: len(play.texts()) == 5, "the next reply")
        await play.idle()
        assert names(play)[-1] == "Bob"


async def test_the_cast_screen_says_who_is_next_and_lets_them_speak() -> None:
    characters()
    async with stage("Mm.", "Ага.", "Hm.", size=(48, 18)) as play:
        await say(play, "/cast")
        await play.sees("One character plays here alone.")
        await play.press("escape")
        await say(play, "/join bob")
        await play.sees("Bob is here from now on")
        await say(play, "/состав")
        await play.sees("Who speaks next")
        await play.sees("Members")
        await play.until(lambda: "Bob" in play.screen(), "the members")
        next_line = next(r for r in play.screen().splitlines() if "let them speak" in r)
        assert "Bob" in next_line, "Mira spoke last"
        await play.press("home", "enter")
        await play.until(lambda: len(play.texts()) == 2, "the reply")
        await play.idle()
        assert names(play)[-1] == "Bob"
        await say(play, "/cast")
        await play.sees("Who answers")
        await play.until(lambda: play.app.screen.form.chosen is not None, "the form")  # type: ignore[attr-defined]
        play.app.screen.form.go_to("strategy")  # type: ignore[attr-defined]
        await play.press("enter")
        await play.sees("all, in order")
        await play.press("down", "enter")
        await play.until(lambda: (play.app.state.field("cast") or {}).get("strategy") == "list", "the strategy")
        await play.press("escape")
        await play.press("enter")                      # with nothing written: somebody speaks
        await play.until(lambda: len(play.texts()) == 4, "all in order")
        await play.idle()
        assert names(play)[-2:] == ["Mira", "Bob"]


async def test_a_group_begins_from_the_library_too_and_any_name_in_it_is_heard() -> None:
    characters()
    async with stage("Ага.", size=(80, 24)) as play:
        await play.press("f2")
        await play.until(lambda: hasattr(play.app.screen, "picker"), "the library")
        await play.pilot.press(*"group")
        await play.sees("New group")
        await play.press("enter")
        await play.sees("who is in it?")
        await play.press("escape")
        await say(play, "/собрать bob, Анна")
        await play.until(lambda: names(play) == ["Bob", "Анна"], "the greetings")
        for line, told in (("/mute Анну", "Анна is muted"), ("/unmute fyyf", "Анна answers again"),
                           ("/leave bob", "Bob has left"), ("/leave Анна", "Somebody must stay")):
            await say(play, line)
            await play.sees(told)
        await say(play, "/auto soon")
        await play.sees("/auto takes on")
        await say(play, "/auto 3000")
        await play.sees("They talk by themselves now")
        await play.until(lambda: len(play.texts()) == 3, "the first word")
        await play.idle()
        await say(play, "/stop")
        await play.until(lambda: not play.app.state.field("cast")["auto"], "the stop")
        assert play.app.state.field("cast")["delay"] == 3000


async def test_a_whisper_says_to_whom_and_can_be_let_out() -> None:
    characters()
    async with stage("I keep it.", size=(80, 24)) as play:
        await say(play, "/join Анна")
        await play.sees("is here from now on")
        await say(play, "/speak Анну")
        await play.until(lambda: len(play.texts()) == 2, "her word")
        await play.idle()
        await say(play, "/шепнуть Анне The key is under the mat.")
        await play.until(lambda: len(play.texts()) == 4, "the answer")
        await play.idle()
        assert names(play)[-1] == "Анна"
        await play.sees("→ Анна")
        await play.sees("(Анна)")
        await say(play, "/reveal")
        await play.sees("All know of it now")
        await play.until(lambda: "seen_by" in play.app.state.path[-2].extra, "the last first")
        await say(play, "/reveal")
        await play.until(lambda: all("seen_by" not in n.extra for n in play.app.state.path), "both")
        await say(play, "/whisper nobody hm")
        await play.sees("is not in this group")
