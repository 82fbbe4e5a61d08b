"""Style sheets are read once before the first frame; a line to the terminal that is too slow gets fewer repaints."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from textual.css import stylesheet

from tui.ui.app import BACKLOG, SLOW_JUMP, SLOW_LINE, TraktirApp, UiOptions
from tui.ui.theme import EVENING, MORNING


async def never() -> Any:
    """A core that is still on its way."""
    await asyncio.Event().wait()


async def test_each_style_sheet_is_read_once_until_another_theme_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    read: Counter[tuple[Any, ...]] = Counter()
    parse = stylesheet.parse

    def counted(scope: str, css: str, *args: Any, **kwargs: Any) -> Any:
        read[scope, css, kwargs["tie_breaker"]] += 1
        return parse(scope, css, *args, **kwargs)

    monkeypatch.setattr(stylesheet, "parse", counted)
    app = TraktirApp(UiOptions(connect=never))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert len(read) >= 5
        assert set(read.values()) == {1}
        assert app.theme == EVENING.name
        assert app.screen.styles.background.hex.lower() == EVENING.background
        app.theme = MORNING.name
        await pilot.pause()
        assert app.screen.styles.background.hex.lower() == MORNING.background
        app.theme = EVENING.name
        await pilot.pause()
        assert app.screen.styles.background.hex.lower() == EVENING.background


async def test_a_line_that_stays_behind_gets_jumps_of_rows() -> None:
    app = TraktirApp(UiOptions(connect=never))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        waiting = BACKLOG + 1
        app._driver.backlog = lambda: waiting  # type: ignore[union-attr]
        for _ in range(SLOW_LINE - 1):
            app._draw()
        assert app.chat.story._jump == 1
        waiting = 0
        app._draw()                                # it caught up: that was a moment, not the line
        waiting = BACKLOG + 1
        for _ in range(SLOW_LINE):
            app._draw()
        assert app.chat.story._jump == SLOW_JUMP
