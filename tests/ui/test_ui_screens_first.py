"""The first start: one choice, a character, the greeting; and the connection screen that changes it later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import go_to, lines, listed, own_characters, titles, write_card

from tui.client.connection import Connection
from tui.ui.screens.formpage import Form

STARTER = "Talk now with the small model inside"


@pytest.fixture
async def fresh(home: Path) -> AsyncIterator[Stage]:
    """The program as on a machine where it never ran: nothing chosen, no chat, one character more than ship."""
    write_card(own_characters(home), "Isolde")

    async def forget(core: Connection) -> None:
        await core.call("profiles.use", id="starter")
        await core.call("settings.set", name="chosen", value=False)

    async with stage(character=None, size=(48, 18), before=forget) as play:
        await listed(play, STARTER)
        yield play


async def test_three_lines_and_the_cursor_on_the_first(fresh: Stage) -> None:
    assert len(titles(fresh.app)) == 3
    await fresh.press("enter")
    await fresh.sees("Who do you want to talk to?")
    await fresh.press(*"isolde", "enter")
    await fresh.until(lambda: fresh.app.state.chat is not None, "the chat")
    await fresh.until(lambda: fresh.app.screen is fresh.app.chat, "the chat screen")
    await fresh.sees("She listens.")


async def test_a_key_pressed_twice_before_anything_is_shown_is_one_choice(fresh: Stage) -> None:
    for _ in range(2):
        fresh.app.screen.query_one(Form).action_select()
    await fresh.sees("Who do you want to talk to?")
    await listed(fresh, "Mira")
    pages = len(fresh.app.screen_stack)
    await fresh.press(*"isolde")
    await fresh.until(lambda: titles(fresh.app) == ["Isolde"], "the character")
    for _ in range(2):
        fresh.app.screen.action_choose()  # type: ignore[attr-defined]  # the library's own
    await fresh.until(lambda: fresh.app.screen is fresh.app.chat, "the chat screen")
    await fresh.sees("She listens.")
    assert len((await fresh.app.link.call("chats.list"))["chats"]) == 1
    assert pages == 3  # the chat, the first run, the library


async def test_with_the_small_model_the_character_made_for_it_stands_first(fresh: Stage) -> None:
    await fresh.press("enter")
    await listed(fresh, "Mira")
    assert titles(fresh.app)[0] == "Mira"


async def test_a_server_is_looked_at_before_it_is_used(fresh: Stage) -> None:
    await fresh.press("3")
    await fresh.sees("For example http://")
    await fresh.press(*"127.0.0.1:1", "enter")
    await fresh.until(lambda: fresh.app.screen.query("#sentence.-problem"), "the refusal")
    await go_to(fresh, "Address")
    await fresh.press("enter")
    await fresh.sees("For example http://")
    await fresh.press("ctrl+u", *fresh.server.url, "enter")
    await listed(fresh, "Use this server")
    assert any(line.title == "Program" and "KoboldCpp" in line.detail for line in lines(fresh.app))
    await go_to(fresh, "Use this server")
    await fresh.press("enter")
    await fresh.sees("Who do you want to talk to?")
    assert (await fresh.app.link.call("connection.get"))["url"].rstrip("/") == fresh.server.url.rstrip("/")


async def test_a_model_file_can_be_typed_and_a_wrong_path_is_said(fresh: Stage, tmp_path: Path) -> None:
    await fresh.press("2")
    await fresh.sees("A model file")
    await fresh.press(*str(tmp_path / "none.gguf"))
    await fresh.until(lambda: any(line.id.startswith("path:") for line in lines(fresh.app)), "the typed path")
    await fresh.press("enter")
    await fresh.sees("There is no model file")


async def test_model_files_of_a_folder_show_size_and_whether_they_fit(
    fresh: Stage, tmp_path: Path, starter: Path
) -> None:
    (tmp_path / "Tiny-Q8_0.gguf").write_bytes(starter.read_bytes())
    await fresh.press("2")
    await fresh.sees("A model file")
    await fresh.press(*f"{tmp_path}/")
    await fresh.until(lambda: any(line.id.startswith("folder:") for line in lines(fresh.app)), "the typed folder")
    await fresh.press("enter")
    await fresh.until(lambda: any(line.title.startswith("Tiny-Q8_0") for line in lines(fresh.app)), "the file")
    found = next(line for line in lines(fresh.app) if line.title.startswith("Tiny-Q8_0"))
    assert "MB · fits" in found.detail
    await go_to(fresh, found.title)
    await fresh.press("enter")
    await fresh.sees("Who do you want to talk to?")
    assert "Tiny-Q8_0" in (await fresh.app.link.call("connection.get"))["model"]


async def test_a_missing_engine_is_said_in_the_first_line_with_the_remedy(
    fresh: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.version", lambda: "")
    await fresh.press("escape")
    await fresh.until(lambda: fresh.app.screen is fresh.app.chat, "the chat screen")
    fresh.app.open_screen("firstrun")
    await listed(fresh, STARTER)
    await fresh.until(lambda: "pip install" in lines(fresh.app)[0].note, "the remedy")
    await fresh.press("enter")
    await fresh.until(lambda: fresh.app.screen.query("#sentence.-problem"), "the sentence")
    assert titles(fresh.app)[0] == STARTER             # one may still choose otherwise


async def test_the_connection_screen_says_what_answers_and_how_the_format_was_found() -> None:
    async with stage(size=(120, 40)) as play:

        def format_is(name: str) -> bool:
            return any(line.title == "Prompt format" and name in line.detail + line.note for line in lines(play.app))

        await play.press("f4")
        await listed(play, "Backend")
        await go_to(play, "Look at the server now")
        await play.press("enter")
        await listed(play, "Prompt format")
        assert format_is("ChatML")
        await go_to(play, "Choose another prompt format…")
        await play.press("enter")
        await go_to(play, "Alpaca")
        await play.press("enter")
        await play.until(lambda: format_is("Alpaca"), "the other format")


async def test_a_key_is_named_and_never_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(size=(120, 40)) as play:
        play.app.open_screen("server", url=play.server.url)
        await listed(play, "Use this server")
        await go_to(play, "Variable with the key")
        await play.press("enter")
        await play.sees("the name of an environment variable")
        await play.press(*"TRAKTIR_NO_SUCH_KEY", "enter")
        await play.sees("TRAKTIR_NO_SUCH_KEY, which is not set")
        monkeypatch.setenv("TRAKTIR_NO_SUCH_KEY", "sesame")    # now it is, in this terminal: the core gets it from here
        await go_to(play, "Look again")
        await play.press("enter")
        await listed(play, "Use this server")
        assert "sesame" not in play.screen()


async def test_a_screen_closed_while_it_waits_takes_nothing_with_it(fresh: Stage) -> None:
    await fresh.until(lambda: len(fresh.app.screen_stack) == 2, "the first-run screen")
    for name in ("firstrun", "models", "presets", "connection", "chats", "settings", "help", "lore"):
        fresh.app.open_screen(name)
        await fresh.press("ctrl+g")                    # the answers of the core are still on their way
    await fresh.until(lambda: len(fresh.app.screen_stack) == 2, "the first-run screen")
    await listed(fresh, STARTER)
    for _ in range(10):
        await fresh.pilot.pause(0.02)
    assert fresh.app.return_code is None
