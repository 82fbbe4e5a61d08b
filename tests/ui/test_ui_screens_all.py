"""Every screen, at every size, in both languages: a heading, a way back, keys that exist, nothing beyond the edge."""

from __future__ import annotations

import pytest
from chat_stage import stage
from rich.cells import cell_len

from tui.i18n import LANGUAGES, tr, use_language
from tui.ui.screens import NAMES
from tui.ui.screens.page import Page

OPTIONS = {"server": {"url": "http://127.0.0.1:1"}, "hub": {"repo": "maker/model"}}    # what they are about


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [(40, 10), (48, 18), (120, 40), (200, 60)])
async def test_every_screen_has_a_heading_and_a_way_back(
    language: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    async with stage(size=size) as play:
        use_language(language)
        try:
            for name in NAMES:
                message = {"node": play.app.state.path[-1].id} if name == "tokens" else {}
                play.app.open_screen(name, **OPTIONS.get(name, message))
                await play.until(lambda: isinstance(play.app.screen, Page) and play.app.screen.is_mounted, name)
                page = play.app.screen
                assert isinstance(page, Page)
                for hint in page.hints():
                    assert hasattr(page, f"action_{hint.action}"), (name, hint)
                heading = "‹ " + page.heading()[:12]
                await play.until(lambda heading=heading: heading in play.screen(), f"the heading of {name}")
                await play.until(lambda: "Esc" in play.screen().split("\n")[size[1] - 1], f"the way back from {name}")
                assert all(cell_len(row) <= size[0] for row in play.screen().split("\n")), name
                await play.press("ctrl+g")
                await play.until(lambda: play.app.screen is play.app.chat, f"the chat again, after {name}")
            assert tr("Delete") == {"en": "Delete", "ru": "Удалить"}[language]
        finally:
            use_language("en")
