"""The transcript: what stands in which row, at several widths, while it grows, and while somebody reads elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tui.ui.state import ChatState
from tui.ui.theme import EVENING, reading_colours
from tui.ui.widgets.transcript import Transcript
from tui.ui.widgets.wrapping import wrap


def node(number: int, text: str, parent: str | None, **more: Any) -> dict[str, Any]:
    revision = {"id": f"r{number}", "text": text, "created_ms": 1} | more.pop("revision", {})
    role = "assistant" if number % 2 == 0 else "user"
    return {
        "id": f"n{number}", "parent": parent, "role": role, "name": "Mira" if role == "assistant" else "You",
        "created_ms": 1, "seq": number, "revisions": [revision], "current": f"r{number}",
    } | more


def chat(*texts: str, **last: Any) -> dict[str, Any]:
    end = len(texts) - 1
    nodes = [node(i, t, f"n{i - 1}" if i else None, **(last if i == end else {})) for i, t in enumerate(texts)]
    return {
        "chat": {"id": "c", "created_ms": 1, "updated_ms": 1, "head": nodes[-1]["id"] if nodes else None,
                 "fields": {"title": "T", "card": {"name": "Mira"}}},
        "nodes": nodes,
    }


class Window(App[None]):
    AUTO_FOCUS = None
    CSS_PATH = "../../tui/ui/screens/chat.tcss"

    def __init__(self, state: ChatState, jump: int = 1) -> None:
        super().__init__()
        self.register_theme(EVENING)
        self.theme = "evening"
        self.story = Transcript(state, jump=jump)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return reading_colours(EVENING)

    def compose(self) -> ComposeResult:
        yield self.story

    def rows(self) -> list[str]:
        return [self.story.render_line(y).text.rstrip() for y in range(self.story.size.height)]


@contextlib.asynccontextmanager
async def window(
    snapshot: dict[str, Any], size: tuple[int, int], jump: int = 1
) -> AsyncIterator[tuple[Window, ChatState, Pilot[None]]]:
    state = ChatState()
    state.load(snapshot)
    app = Window(state, jump)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, state, pilot


def delta(state: ChatState, number: int, text: str) -> None:
    assert state.chat is not None
    offset = len(state.chat.nodes[f"n{number}"].text)
    assert state.apply({"type": "delta", "chat": "c", "node": f"n{number}", "revision": f"r{number}", "offset": offset,
                        "text": text}) == "growth"


async def test_narrow_uses_every_column() -> None:
    async with window(chat('*listens* "You hear it too, don\'t you?"', "What?"), (24, 10)) as (app, _, _):
        assert app.rows() == [
            "▎Mira", "▎*listens* \"You hear it", "▎too, don't you?\"", "", "▎You", "▎What?", "", "", "", "",
        ]


async def test_wide_is_centred_with_a_measure_and_numbers() -> None:
    async with window(chat("word " * 60, "What?"), (120, 12)) as (app, _, _):
        rows = app.rows()
        assert rows[0].startswith(" " * 18 + "▎ Mira")
        assert rows[0].endswith("#1")
        assert all(cell_len(row) <= 18 + 84 for row in rows)
        assert len(rows[1].strip()) > 70


async def test_the_end_is_on_view_at_first_and_stays_while_the_text_grows() -> None:
    async with window(chat(*[f"message {i}" for i in range(50)]), (40, 10)) as (app, state, _):
        assert app.rows()[-1] == "▎message 49"
        for _ in range(6):
            delta(state, 49, "\nmore")
            app.story.grow()
        assert app.rows()[-1] == "▎more"


async def test_a_reader_further_up_is_left_alone_and_told() -> None:
    snapshot = chat(*[f"message {i}" for i in range(50)], revision={"finish": "streaming"})
    async with window(snapshot | {"turn": {"state": "writing"}}, (40, 10)) as (app, state, pilot):
        app.story.scroll_rows(-30)
        before = app.rows()
        for _ in range(20):
            delta(state, 49, "\nmore")
            app.story.grow()
        assert app.rows() == before
        assert app.story.unseen
        app.story.to_end()
        await pilot.pause()
        assert not app.story.unseen
        assert app.rows()[-1].startswith("▎more")


async def test_over_a_slow_line_the_view_goes_in_steps() -> None:
    snapshot = chat(*[f"message {i}" for i in range(50)], revision={"finish": "streaming"})
    async with window(snapshot | {"turn": {"state": "writing"}}, (40, 24), jump=8) as (app, state, _):
        moves, place = 0, app.story._top
        for _ in range(32):
            delta(state, 49, "\nx")
            app.story.grow()
            assert any(row.startswith("▎x") for row in app.rows())
            moves += place != app.story._top
            place = app.story._top
        assert 3 <= moves <= 5


async def test_only_changed_cells_are_repainted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with window(chat("one", "two words here", revision={"finish": "streaming"}), (40, 12)) as (app, state, _):
        painted: list[Any] = []
        monkeypatch.setattr(app.story, "refresh", lambda *regions, **_: painted.append(regions))
        delta(state, 1, " and")
        app.story.grow()
        assert len(painted) == 1
        assert len(painted[0]) == 1
        assert painted[0][0].x == len("▎two words here")


async def test_walking_reads_a_long_message_to_its_end_first() -> None:
    long = "\n".join(f"line {i}" for i in range(30))
    async with window(chat("first", "second", long, "last"), (40, 12)) as (app, _, _):
        app.story.choose(2)
        assert app.rows()[0] == "▌Mira"
        seen: list[str] = []
        while app.story.selected == 2:
            seen += app.rows()
            app.story.action_walk(1)
        assert {f"▌line {i}" for i in range(30)} <= set(seen)
        assert app.story.selected == 3


async def test_the_top_message_stays_when_the_width_changes_and_when_another_is_deleted() -> None:
    texts = [f"message {i} " + "word " * 30 for i in range(40)]
    async with window(chat(*texts), (80, 20)) as (app, state, pilot):
        app.story.scroll_rows(-60)
        top = next(row for row in app.rows() if "message" in row).split("message ")[1].split()[0]
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert f"message {top}" in "\n".join(app.rows())
        state.apply({"type": "node", "chat": "c", "node": node(3, texts[3], "n2", deleted=True)})
        app.story.refresh_path()
        assert f"message {top}" in "\n".join(app.rows())


async def test_thoughts_are_folded_until_asked_for() -> None:
    snapshot = chat("hello", "hm", "Yes.", revision={"reasoning": "Let me think about it."})
    async with window(snapshot, (40, 14)) as (app, _, _):
        assert "▎▸ thoughts, 5 words" in app.rows()
        assert "think about" not in "\n".join(app.rows())
        app.story.toggle_thoughts()
        assert "▎Let me think about it." in app.rows()


async def test_escape_sequences_and_markup_in_a_reply_are_text() -> None:
    evil = "\x1b[31mred\x1b]52;c;aGk=\x07 [bold]not bold[/] [@click=app.quit]x[/]\x9b2J \u202egnp.exe"
    async with window(chat(evil), (80, 8)) as (app, _, _):
        text = "\n".join(app.rows())
        assert "\x1b" not in text
        assert "[bold]not bold[/] [@click=app.quit]x[/]" in text
        assert "<U+202E>gnp.exe" in text
        assert "aGk" not in text


async def test_wide_letters_and_many_combining_marks_fit_the_rows() -> None:
    async with window(chat("漢字" * 40, "e" + "\u0301" * 500 + "nd", "👩‍👩‍👧 family"), (30, 14)) as (app, _, _):
        for y in range(14):
            assert app.story.render_line(y).cell_length == 30


async def test_a_jump_to_a_message_of_a_very_long_chat_lays_out_few() -> None:
    texts = ["a text of some length, " * 20] * 5000
    async with window(chat(*texts), (100, 40)) as (app, _, _):
        assert len(app.story._laid) < 60
        assert app.story.goto("n17")
        assert any(row.strip().startswith("▌ You") and row.endswith("#18") for row in app.rows())
        assert len(app.story._laid) < 120


async def test_the_page_keys_walk_over_every_row_once() -> None:
    texts = [f"m{i}\n" + "\n".join(f"m{i}-{k}" for k in range(i % 7)) for i in range(60)]
    async with window(chat(*texts), (40, 15)) as (app, _, _):
        app.story.action_edge(False)
        seen: list[str] = []
        for _ in range(200):
            before = app.rows()
            seen += before
            app.story.page(1)
            if app.rows() == before:
                break
        wanted = {f"▎{line}" for text in texts for line in text.split("\n") if line}
        assert wanted <= {row.replace("▌", "▎") for row in seen}


@pytest.mark.parametrize("text", [
    '*He walks* "and talks" in **bold** — и говорит. ' * 9000, "x" * 400_000, '"' * 100_000 + "«" * 100_000,
    "*" * 200_000 + "a", "*a " * 100_000, "e" + "\u0301" * 100_000,
], ids=["prose", "word", "quotes", "stars", "openings", "marks"])
async def test_enormous_and_malicious_texts_open_in_no_time(text: str) -> None:
    """Seconds that nobody can miss: what was quadratic took minutes."""
    begun = time.monotonic()
    async with window(chat("hi", text), (100, 40)) as (app, _, _):
        assert len(app.rows()) == 40
    assert time.monotonic() - begun < 15


@settings(deadline=None)
@given(st.text(max_size=120), st.integers(1, 30), st.integers(0, 5))
def test_wrapping_loses_no_letter_and_fits(text: str, width: int, hang: int) -> None:
    rows = wrap(text, width, hang)
    assert rows[0][0] == 0
    assert "".join("".join(text[a:b] for a, b in rows).split()) == "".join(text.split())
    for number, (a, b) in enumerate(rows):
        room = max(1, width if number == 0 else width - hang)
        assert cell_len(text[a:b].rstrip()) <= max(2, room)       # a wide letter may have no room at all
