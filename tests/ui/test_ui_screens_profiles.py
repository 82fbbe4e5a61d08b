"""Profiles at the keyboard: what they hold, for whom they hold, and a key that is typed unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import go_to, lines, listed
from textual.widgets import Input

from tui.domain.errors import BadInput
from tui.ui.profiling import holds_words, read_binding
from tui.ui.screens.connection import facts_of
from tui.ui.screens.server import ServerPage
from tui.ui.widgets.form import Field

KEY = "sk-ui-canary-0123456789"


@pytest.fixture
async def play(home: Path) -> AsyncIterator[Stage]:
    async with stage(size=(80, 24)) as play:
        yield play


@pytest.mark.parametrize(("rest", "found"), [
    ("far", ("far", "")), ("far away --character", ("far away", "character")), ("--chat far", ("far", "chat")),
    ("none --персонаж", ("", "character")), ("far --summaries", ("far", "summaries")),
])
def test_what_a_profile_is_to_hold_for(rest: str, found: tuple[str, str]) -> None:
    assert read_binding(rest) == found


@pytest.mark.parametrize("rest", ["far --chat --character", "far --everyone"])
def test_what_it_cannot_hold_for(rest: str) -> None:
    with pytest.raises(BadInput):
        read_binding(rest)


def test_what_a_profile_holds_in_a_line() -> None:
    holds = {"kind": "embedded", "model": "/models/a.gguf", "url": "", "template": "auto", "samplers": "default",
             "prompt": "story"}
    assert holds_words({"holds": holds, "characters": ["mira"]}) == (
        "llama.cpp in this program · a.gguf · auto · default · story · holds for mira")
    assert holds_words({"holds": None}) == ""


async def test_a_profile_is_bound_to_the_character_from_its_list(play: Stage) -> None:
    await play.press("f3")
    await listed(play, "Starter model")
    assert any("llama.cpp in this program · starter" in line.note for line in lines(play.app))
    await go_to(play, "Starter model")
    await play.press("tab")
    await play.sees("Use it for all chats with this character")
    await go_to(play, "Use it for all chats with this character")
    await play.press("enter")
    await play.sees("now holds for this character")
    await listed(play, "Starter model")
    assert any("holds for" in line.note for line in lines(play.app))


async def test_a_key_is_typed_unseen(play: Stage, home: Path) -> None:
    await play.press("f4")
    await listed(play, "Connect to a server…")
    await go_to(play, "Connect to a server…")
    await play.press("enter")
    await listed(play, "Use this server")
    await go_to(play, "Key")
    await play.press("enter")
    await play.until(lambda: bool(play.app.screen.query(Input)), "the question")
    assert play.app.screen.query_one(Input).password
    await play.press(*KEY, "enter")
    await listed(play, "Address")
    shown = [f"{line.title} {line.detail} {line.note}" for line in lines(play.app)]
    assert any("••••••" in text for text in shown)
    assert KEY not in "".join(shown)
    assert not list(home.rglob("*.key"))


async def test_a_typed_key_does_not_go_to_another_address(play: Stage) -> None:
    await play.press("f4")
    await listed(play, "Connect to a server…")
    await go_to(play, "Connect to a server…")
    await play.press("enter")
    await listed(play, "Use this server")
    page = play.app.screen
    assert isinstance(page, ServerPage)
    url, key = play.server.url, Field("key", "Key", kind="action")

    def sent() -> list[str]:
        return [r.headers.get("authorization", "") for r in play.server.requests[before:]]

    before = len(play.server.requests)
    await page.change(key, KEY)
    await page.change(Field("url", "Address"), f"{url}/v1")
    assert {*sent()} == {f"Bearer {KEY}"}
    before = len(play.server.requests)
    await page.change(Field("url", "Address"), url.replace("127.0.0.1", "localhost"))
    assert {*sent()} == {""}


def test_what_a_server_does_not_say_is_only_said_of_one_that_was_asked() -> None:
    asked = {"url": "http://there:1", "capabilities": {"dialect": "openai"}, "model": ""}
    assert ("Model", "the server does not say") in facts_of(asked)
    assert "Model" not in dict(facts_of(asked | {"capabilities": None}))
