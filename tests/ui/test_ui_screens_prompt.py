"""Where a chat says what its prompt is made of: note, persona, scenario, prompt preset, lorebooks, reading ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import detail_of, go_to, lines, listed

from tui.ui.widgets.status import attention, numbers

SIZES = [(40, 10), (48, 18)]


async def field(play: Stage, name: str) -> object:
    assert play.app.state.chat is not None
    got = await play.app.link.call("chats.open", id=play.app.state.chat.id)
    return got["chat"]["fields"].get(name)


async def setting(play: Stage, name: str) -> object:
    return (await play.app.link.call("settings.get"))["settings"][name]


def write_books(home: Path) -> None:
    folder = home / "config" / "lorebooks"
    folder.mkdir(parents=True)
    for name in ("sea", "town"):
        (folder / f"{name}.json").write_text(
            '{"entries": {"0": {"uid": 0, "key": ["gull"], "content": "Gulls."}}}', "utf-8"
        )


@pytest.mark.parametrize("size", SIZES)
async def test_a_note_stands_where_and_as_often_as_one_says(size: tuple[int, int]) -> None:
    async with stage(size=size) as play:
        play.app.open_screen("note")
        await go_to(play, "Where it stands")
        await play.press("enter")
        await go_to(play, "before my message, and staying there")
        await play.press("enter")
        await play.until(lambda: any(line.mark == "–" for line in lines(play.app)), "the depth to count for nothing")
        assert await field(play, "note_position") == "anchored"
        await go_to(play, "How often")
        await play.press("enter")
        await play.sees("with every so many")
        await play.press("ctrl+u", "3", "enter")
        await play.until(lambda: detail_of(play.app, "How often") == "3", "the interval")
        assert await field(play, "note_interval") == 3
        await play.press("enter")
        await play.sees("with every so many")
        await play.press("ctrl+u", *"often", "enter")
        await play.sees("How often is a number")


async def test_a_chat_has_a_scenario_of_its_own() -> None:
    async with stage(size=(48, 18)) as play:
        await play.type("/сценарий A quiet harbour.", "enter")
        await play.sees("The scenario of this chat is set")
        assert await field(play, "scenario") == "A quiet harbour."
        play.app.open_screen("note")
        await listed(play, "Scenario")
        shown = await play.app.link.call("prompt.show", chat=play.app.state.chat.id)  # type: ignore[union-attr]
        assert "A quiet harbour." in shown["text"]


async def test_the_persona_stands_where_one_says() -> None:
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("persona")
        await go_to(play, "Where it stands")
        await play.press("enter")
        await go_to(play, "at a depth")
        await play.press("enter")
        await play.until(lambda: detail_of(play.app, "Where it stands") == "at a depth", "the place")
        await go_to(play, "Depth")
        await play.press("enter")
        await play.sees("how many messages")
        await play.press("ctrl+u", "0", "enter")
        await play.until(lambda: detail_of(play.app, "Depth") == "0", "the depth")
        await go_to(play, "As whose words")
        await play.press("enter")
        await go_to(play, "mine")
        await play.press("enter")
        await play.until(lambda: detail_of(play.app, "As whose words") == "mine", "the role")
        assert [await field(play, f"persona_{n}") for n in ("position", "depth", "role")] == ["at_depth", 0, "user"]


async def test_a_prompt_preset_is_chosen_for_a_chat_and_given_back() -> None:
    async with stage(size=(120, 40)) as play:
        presets = (await play.app.link.call("presets.list", kind="prompts"))["presets"]
        name = str(presets[-1]["id"])
        await play.type(f"/instructions {name}", "enter")
        await play.sees("This chat now uses the prompt")
        assert await field(play, "prompt") == name
        play.app.open_screen("presets", kind="prompts")
        await go_to(play, "As the profile has it")
        await play.press("enter")
        await play.sees("the prompt that its profile names")
        assert await field(play, "prompt") is None
        label = str(presets[0].get("label") or presets[0]["id"])
        await play.press("home")
        await go_to(play, label)
        await play.press("enter")
        await play.until(lambda: any(line.mark == "●" for line in lines(play.app)), "the mark")
        assert await field(play, "prompt") == presets[0]["id"]


@pytest.mark.parametrize(("key", "name", "word"), [("a", "lorebooks", "all chats"), ("ф", "lorebooks", "all chats"),
                                                   ("p", "persona_lorebooks", "with me")])
async def test_books_for_all_chats_and_for_the_person(home: Path, key: str, name: str, word: str) -> None:
    write_books(home)
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("lore")
        await go_to(play, "town")
        await play.press(key)
        await play.until(lambda: word in detail_of(play.app, "town"), "where it is in use")
        assert await setting(play, name) == ["town"]
        assert await field(play, "lorebooks") is None
        await play.press(key)
        await play.until(lambda: word not in detail_of(play.app, "town"), "its going")


async def test_settings_hold_lists_of_books_and_what_happens_unasked(home: Path) -> None:
    write_books(home)
    async with stage(size=(48, 18)) as play:
        play.app.open_screen("settings")
        await go_to(play, "Read ahead")
        await play.press("enter")
        await go_to(play, "off")
        await play.press("enter")
        await play.until(lambda: detail_of(play.app, "Read ahead") == "off", "the setting")
        assert await setting(play, "read_ahead") is False
        await go_to(play, "Lorebooks that go with me")
        await play.press("enter")
        await listed(play, "sea")
        await play.press("space", "down", "enter")
        await play.until(lambda: [line.mark for line in lines(play.app)] == ["●", "●"], "both")
        await play.press("escape")
        await listed(play, "Read ahead")
        await play.until(lambda: any(line.note == "sea, town" for line in lines(play.app)), "their names")
        assert await setting(play, "persona_lorebooks") == ["sea", "town"]


async def test_a_book_that_left_the_library_can_be_taken_out_of_a_list(home: Path) -> None:
    async with stage(size=(48, 18)) as play:
        await play.app.link.call("settings.set", name="lorebooks", value=["lost"])
        play.app.open_screen("settings")
        await go_to(play, "Lorebooks for all chats")
        await play.press("enter")
        await listed(play, "lost")
        await play.sees("no longer in the library")
        await play.press("enter")
        await play.until(lambda: lines(play.app) == [], "its going")
        assert await setting(play, "lorebooks") == []


def test_the_status_line_says_what_is_estimated_and_what_was_not_reused() -> None:
    turn = {"used": 1000, "context": 4096, "counts": "estimate"}
    assert numbers(turn, wide=True)[0].text == "≈1,000 of 4,096"
    assert numbers({**turn, "counts": "exact"}, wide=False)[0].text == "24%"
    missed = attention({"miss": {"expected": 900, "reused": 10, "first_change": "persona"}})
    assert [part.text for part in missed] == ["processed anew from: persona"]
    assert [p.text for p in attention({"miss": {"first_change": ""}})] == ["the backend forgot the prompt"]
