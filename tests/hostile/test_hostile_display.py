"""The terminal program shows what came of hostile files: as text, that does nothing, and within time."""

from __future__ import annotations

import base64
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))

from chat_stage import Stage, stage
from screens_stage import lines

from tui.client.connection import Connection
from tui.ui.screens.card import card_text
from tui.ui.screens.messagemenu import MessageMenu
from tui.ui.screens.page import Page
from tui.ui.screens.reading import Reading

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e0fff]")
#: What the program itself binds to a click: an action of its own name, with words and numbers that it made.
OWN_ACTIONS = re.compile(r"(?:app|screen|self)?\.?[a-z_]+(?:\((?:'[\w: ./-]*'|\"[\w: ./-]*\"|-?\d+|[, ])*\))?")
FOREIGN = ("app.quit", "app.bell", "screen.dismiss", "screen.dismiss(True)", "dismiss")


@asynccontextmanager
async def taken(files: list[Path], **options: Any) -> AsyncIterator[tuple[Stage, list[Mapping[str, Any]]]]:
    """The program, and what the core made of the files."""
    results: list[Mapping[str, Any]] = []

    async def before(core: Connection) -> None:
        for path in files:
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            results.extend((await core.call("import", name=path.name, data_base64=data))["files"])

    async with stage(before=before, **options) as play:
        yield play, results


def look(play: Stage, what: str) -> None:
    """Fail where a cell of the screen holds what a terminal obeys, or a link, or a deed that is not the program's."""
    for strip in play.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            assert OBEYED.search(text) is None, f"{what}: {text!r}"
            if style is None:
                continue
            assert style.link is None, f"{what}: {text!r} leads to {style.link}"
            for key, deed in style.meta.items():
                if str(key).startswith("@"):
                    assert OWN_ACTIONS.fullmatch(str(deed)), f"{what}: {text!r} does {deed!r}"
                    assert deed not in FOREIGN, f"{what}: {text!r} does {deed!r}"


async def show(play: Stage, screen: Any, what: str) -> None:
    """Bring a page to the front, look at it, and go back."""
    if isinstance(screen, str):
        play.app.open_screen(screen)
    else:
        play.app.push_screen(screen)
    await play.until(lambda: isinstance(play.app.screen, Page) and play.app.screen.is_mounted, what)
    await play.pilot.pause()
    look(play, what)
    while play.app.screen is not play.app.chat:
        play.app.pop_screen()
        await play.pilot.pause()


def different(folder: Path) -> list[Path]:
    """Those of the files that differ in what they show."""
    files = [path for group in ("text", "lore", "json", "chat") for path in sorted((folder / group).iterdir())]
    macros = ("char_in_name", "trim", "nested_random", "braces", "hidden")
    files += [folder / "macro" / f"{name}.json" for name in macros]
    return [*files, folder / "png" / "ext_asset_path.png", folder / "zip" / "traversal_names.charx"]


async def test_what_hostile_files_hold_is_shown_as_text(hostile: Path) -> None:
    """Every card in the list and as a text to read, every chat, every lorebook."""
    async with taken(different(hostile)) as (play, results):
        got = await play.app.link.call("characters.list")
        names = {c["id"]: str(c["name"]) for c in got["characters"]}
        for result in results:
            what = ascii(result["path"])
            began = time.process_time()
            if result["kind"] == "card":
                await play.app.actions.new_chat(result["id"])
                card = await play.app.link.call("characters.get", id=result["id"])
                await show(play, Reading(names[result["id"]], card_text(card)), f"the card of {what}")
            elif result["kind"] == "chat":
                await play.app.actions.open_chat(result["id"])
            await play.pilot.pause()
            look(play, f"the chat of {what}")
            assert time.process_time() - began < 6, what     # core and screen are both in this process
        play.app.open_screen("characters")
        await play.until(lambda: len(lines(play.app)) > 40, "the list")
        for _ in lines(play.app):
            await play.press("down")
            look(play, "the list of characters")
        await show(play, "chats", "the list of chats")
        await show(play, "lore", "the lorebooks")


async def test_markup_of_a_card_is_nothing_to_click_at_and_the_inspector_shows_it_as_text(hostile: Path) -> None:
    names = ("text/rich_markup.json", "text/ansi.json", "lore/redos.json", "text/template_tokens.json")
    async with taken([hostile / name for name in names], size=(100, 50)) as (play, results):
        for result in reversed(results):
            await play.app.actions.new_chat(result["id"])
            await play.until(lambda r=result: play.app.state.field("character") == r["id"], "the chat")
            await play.type("go a [@click=app.quit]here[/]", "enter")
            await play.idle()
            for name in ("inspector", "trace", "macros", "context", "difference"):
                await show(play, name, f"{name} of {result['path']}")
        front = play.app.screen
        clicked = 0
        for _ in range(40):
            for word in ("Click me", "[@click=", "[link=", "OK[", "here"):
                for row, text in enumerate(play.screen().split("\n")):
                    if (column := text.find(word)) >= 0:
                        await play.pilot.click(offset=(column + 1, row))
                        await play.pilot.pause()
                        if isinstance(play.app.screen, MessageMenu):         # a message that was chosen already
                            await play.press("escape")
                            await play.until(lambda: play.app.screen is front, "the story")
                        clicked += 1
            if not play.app.chat.story.scroll_y:
                break
            await play.press("pageup")
        assert clicked > 3
        assert play.app.screen is front
        assert play.app.is_running
        assert play.app.return_code is None


async def test_files_are_taken_in_refused_and_written_by_name_without_harm(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with pipes, links, and names that are no text; a refused file whose name is markup and escape codes."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in ("[@click=app.quit]x {name}.json", "[bold]\x1b[2J\u202egnp.json", "y\udcff.json"):
        (odd / name).write_bytes(b'{"a": 1}')
    async with stage(size=(120, 50)) as play:
        await play.type(f"/import {hostile / 'fs'}", "enter")
        await play.until(lambda: isinstance(play.app.screen, Reading), "what became of the folder")
        look(play, "the folder")
        shown = play.screen()
        await play.press("escape")
        assert "Imported: Keeper (card)." in shown
        for path, told in (
            (odd / "[@click=app.quit]x {name}.json", "nothing that Traktir can read"),
            (hostile / "fs" / "fifo.png", "There is no file"), (hostile / "png" / "signature_only.png", "breaks off"),
        ):
            await play.type(f"/import {path}", "enter")
            await play.sees(told)
            look(play, told)
        await play.type(f"/import {odd}", "enter")
        await play.until(lambda: isinstance(play.app.screen, Reading), "what became of the odd files")
        look(play, "the odd files")
        told = " ".join(play.screen().split())
        reasons = told.count("is nothing that Traktir can read; its fields are: a.")
        assert told.count("Not imported: ") == reasons == 3, told
        await play.press("escape")
        for name in ("chat.txt", "card.json", "card.png"):
            await play.type(f"/export {name}", "enter")
            await play.until(lambda n=name: (work / n).exists(), name)
        look(play, "what was written")
        assert sorted(p.name for p in work.iterdir()) == ["card.json", "card.png", "chat.txt"]
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", (work / "chat.txt").read_text("utf-8"))
