"""The tree by commands: messages named by number, ranges, the way back to the branch before; and a large map."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_stage import Stage, stage
from screens_stage import go_to, lines

from tui.domain.chat import Chat, Node, Revision, Role
from tui.store import LockInfo, Store
from tui.ui.widgets.listing import Listing

OWNER = LockInfo("here", 1)


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


async def talk(play: Stage, *said: str) -> None:
    for text in said:
        count = len(play.texts())
        await say(play, text)
        await play.until(lambda count=count: len(play.texts()) == count + 2, f"the reply to {text!r}")  # type: ignore[misc]
        await play.idle()


@pytest.mark.parametrize("size", [(40, 10), (120, 40)])
async def test_a_range_is_deleted_and_comes_back(size: tuple[int, int]) -> None:
    async with stage("One.", "Two.", "Three.", size=size) as play:
        await talk(play, "A?", "B?", "C?")
        before = play.texts()
        await say(play, "/удалить 3-5")
        await play.sees("Delete messages 3 to 5?")
        await play.press("down", "enter")
        await play.until(lambda: play.texts() == [before[0], "A?", "C?", "Three."], "what stays")
        await say(play, "/hide 2..3")
        hidden = [False, True, True, False]
        await play.until(lambda: [n.hidden for n in play.app.state.path] == hidden, "what is hidden")
        await say(play, "/undo")
        await say(play, "/undo")
        await play.until(lambda: play.texts() == before, "all of it")
        assert not any(n.hidden for n in play.app.state.path)
        await say(play, "/redo")
        await play.until(lambda: len(play.texts()) == 4, "gone again")
        await say(play, "/delete 9-12")
        await play.sees("This chat has messages 1 to 4")


async def test_any_message_is_answered_anew_and_the_branch_before_is_one_key_away() -> None:
    async with stage("One.", "Two.", "Other one.") as play:
        await talk(play, "A?", "B?")
        old = play.texts()
        await say(play, "/заново 3")
        await play.until(lambda: play.texts()[1:] == ["A?", "Other one."], "another reply in the middle")
        await play.idle()
        await play.press("B")             # the message named is the chosen one
        await play.until(lambda: play.texts() == old, "the branch before")
        assert play.app.chosen() is not None
        assert play.app.chosen().text == "One."
        await play.press("right")
        await play.until(lambda: play.texts()[-1] == "Other one.", "the other version, from the middle")
        await play.press("left", "B")
        await play.sees("This is the first branch")


async def test_beyond_the_newest_version_of_any_message_comes_a_new_one_and_older_texts_are_one_key_away() -> None:
    async with stage("One.", "Two.", "Anew.") as play:
        await talk(play, "A?", "B?")
        await play.press("tab", "up", "up")
        await play.until(lambda: play.app.chosen() is not None and play.app.chosen().text == "One.", "the first reply")
        await play.press("alt+right")
        await play.until(lambda: play.texts()[1:] == ["A?", "Anew."], "a new version in the middle")
        await play.idle()
        await play.press("alt+left")
        await play.until(lambda: play.texts()[1:] == ["A?", "One.", "B?", "Two."], "the version before")
        for text in ("Uno.", "Un."):
            await say(play, "/edit 3")
            await play.until(lambda: play.app.chat.editing.node is not None, "the editing")
            play.composer.put(text)
            await play.press("enter")
            await play.until(lambda text=text: play.texts()[2] == text, text)  # type: ignore[misc]
        await say(play, "/older 3")
        await play.until(lambda: play.texts()[2] == "Uno.", "the text before")
        await play.press("[")
        await play.until(lambda: play.texts()[2] == "One.", "the first text")
        await play.press("]")
        await play.until(lambda: play.texts()[2] == "Uno.", "the one after")
        await say(play, "/позже 3")
        await play.until(lambda: play.texts()[2] == "Un.", "the newest")


async def test_a_message_named_by_number_is_said_otherwise_and_moved() -> None:
    async with stage("One.", "Two.", "Other.") as play:
        await talk(play, "A?", "B?")
        await say(play, "/move 4 up 2")
        await play.until(lambda: play.texts()[1:] == ["B?", "A?", "One.", "Two."], "the new order")
        await say(play, "/move sideways")
        await play.sees("/move takes up or down")
        await say(play, "/undo")
        await play.until(lambda: play.texts()[1:] == ["A?", "One.", "B?", "Two."], "the old order")
        await say(play, "/fork 2")
        await play.until(lambda: play.composer.text == "A?", "the text to be changed")
        await play.press("end")
        await play.type(" Or C?", "enter")
        await play.until(lambda: play.texts()[1:] == ["A? Or C?", "Other."], "the other branch")
        await play.idle()
        await say(play, "/назад")
        await play.until(lambda: play.texts()[1:] == ["A?", "One.", "B?", "Two."], "the branch before")


@pytest.mark.parametrize("size", [(40, 10), (120, 40)])
async def test_all_that_keys_do_with_a_message_can_be_tapped(size: tuple[int, int]) -> None:
    async with stage("One.", "Other.", size=size) as play:
        await talk(play, "A?")
        row = next(y for y, line in enumerate(play.story()) if "One." in line)
        for _ in range(2):
            await play.pilot.click("#story", offset=(12 if size[0] > 60 else 4, row))
            await play.pilot.pause()
        await play.until(lambda: play.app.screen is not play.app.chat, "what can be done")
        await go_to(play, "another reply")
        await play.press("enter")
        await play.until(lambda: play.texts()[1:] == ["A?", "Other."], "the other reply")
        await play.idle()
        await say(play, "/сообщение 2")
        await play.until(lambda: play.app.screen is not play.app.chat, "what can be done")
        await go_to(play, "say it otherwise, in a branch of its own")
        await play.press("enter")
        await play.until(lambda: play.composer.text == "A?", "the text to be changed")


@pytest.mark.parametrize("size", [(40, 10), (120, 40)])
async def test_a_place_in_the_middle_is_named_come_back_to_and_forgotten(size: tuple[int, int]) -> None:
    async with stage("One.", "Two.", size=size) as play:
        await talk(play, "A?", "B?")
        place = play.app.state.path[2].id

        def named() -> object:
            assert play.app.state.chat is not None
            return play.app.state.chat.nodes[place].extra.get("checkpoint")

        await play.press("tab", "up", "up", "M")
        await play.until(lambda: play.app.screen is not play.app.chat, "the question")
        await play.press(*"dawn", "enter")
        await play.until(lambda: named() == "dawn", "the name")
        await say(play, "/checkpoints")
        await go_to(play, "dawn")
        await play.press("enter")
        await play.until(lambda: play.app.chosen() is not None and play.app.chosen().id == place, "the place")
        await play.press("M")
        await play.until(lambda: play.app.screen is not play.app.chat, "the question")
        await play.press(*["backspace"] * 4, "enter")
        await play.until(lambda: named() is None, "no name")
        await play.press("u")
        await play.until(lambda: named() == "dawn", "the name again")


def large(count: int) -> Chat:
    """A story of `count` messages in which every tenth was answered twice more."""
    nodes: dict[str, Node] = {}
    parent: str | None = None
    for at in range(count):
        for version in range(3 if at % 10 == 4 else 1):
            said = Revision("r", f"message {at} {version}", at)
            role: Role = "user" if at % 2 else "assistant"
            node = Node(f"n{at}.{version}", parent, role, "Mira", at, len(nodes), (said,), "r")
            nodes[node.id] = node
        parent = f"n{at}.0"
    return Chat("big", 1, head=parent, fields={"title": "Long", "character": "mira"}, nodes=nodes)


@pytest.mark.parametrize("size", [(40, 10), (120, 40)])
async def test_the_map_of_thousands_of_messages_is_walked(home: Path, size: tuple[int, int]) -> None:
    (home / "data").mkdir(parents=True, exist_ok=True)
    store = await Store.open(home / "data" / "traktir.db", owner=OWNER)
    await store.create_chat(large(3000))
    await store.close()
    async with stage("One.", size=size, character=None) as play:
        await play.until(lambda: play.app.state.linked and play.app.state.connection, "the core")
        await play.app.actions.open_chat("big", "n2999.0")
        await play.until(lambda: len(play.texts()) == 3000, "the whole story")
        await play.press("f6")
        await play.until(lambda: len(lines(play.app)) > 800, "the map")
        here = [line for line in lines(play.app) if line.mark]
        assert len(here) == 1
        assert "#2995–3000" in here[0].title
        assert {len(line.title) - len(line.title.lstrip("├ ")) for line in lines(play.app)} == {0, 2}, "no staircase"
        listing = play.app.screen.query_one(Listing)
        await play.until(lambda: listing.chosen is not None and listing.chosen.mark, "where one is")
        await play.press("up")
        await play.until(lambda: listing.chosen is not None and listing.chosen.id == "n2994.2", "the way aside")
        await play.press("enter")
        await play.until(lambda: play.texts()[-1:] == ["message 2994 2"], "the other branch")
        assert len(play.texts()) == 2995
