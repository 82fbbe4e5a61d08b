"""The inspector: folds, search, what changed, macros, the lore trace; by keys of either layout, at every size."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from chat_stage import Stage, stage
from hypothesis import given
from hypothesis import strategies as st
from screens_stage import detail_of, go_to, lines, listed, own_characters, titles

from tui.ui.screens.lorelines import lore_rows
from tui.ui.screens.planfacts import number_lines, plan_size
from tui.ui.screens.segments import KINDS, legend, runs, segment_rows, share_bar, visible

SIZES = [(40, 10), (48, 18), (120, 40)]
_BOOK = [
    {"keys": ["storm"], "comment": "The storm", "content": "The storm is called Halvard."},
    {"keys": ["Halvard"], "comment": "Her brother", "content": "He left in the year of the long ice."},
    {"keys": ["dragon"], "comment": "Dragons", "content": "There are none."},
]


def write_keeper(home: Path) -> None:
    """A character with a chance macro in the description and a lorebook that recurses."""
    entries = [{**e, "enabled": True, "insertion_order": 10, "extensions": {}} for e in _BOOK]
    data = {
        "name": "Isolde", "description": "Number {{roll:1d999999}} at sea.", "personality": "",
        "scenario": "", "first_mes": "She listens.", "mes_example": "",
        "character_book": {"extensions": {}, "recursive_scanning": True, "entries": entries},
    }
    folder = own_characters(home)
    folder.mkdir(parents=True, exist_ok=True)
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": data}
    (folder / "isolde.json").write_text(json.dumps(card), "utf-8")


@asynccontextmanager
async def keeper(home: Path, size: tuple[int, int], turns: int = 1) -> AsyncIterator[Stage]:
    write_keeper(home)
    async with stage(*(f"Reply {n}." for n in range(turns)), size=size, character="Isolde") as play:
        for n in range(turns):
            await play.type(f"In this storm, {n}?", "enter")
            await play.until(partial(_has, play, 3 + 2 * n), "the reply")
            await play.idle()
        yield play


def _has(play: Stage, messages: int) -> bool:
    return len(play.texts()) == messages


def chosen(play: Stage) -> str:
    from tui.ui.widgets.listing import Listing

    line = list(play.app.screen.query(Listing))[-1].chosen
    return line.title if line is not None else ""


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_of_messages_is_one_line_until_it_is_opened(home: Path, size: tuple[int, int]) -> None:
    async with keeper(home, size, turns=4) as play:
        await play.press("f5")
        await play.until(lambda: any(t.startswith("▸ messages") for t in titles(play.app)), "the fold")
        folded = next(t for t in titles(play.app) if t.startswith("▸ messages"))
        before = len(titles(play.app))
        await go_to(play, folded)
        await play.press("space")
        await play.until(lambda: len(titles(play.app)) > before + 2, "the messages")
        assert chosen(play) == folded.replace("▸", "▾")
        await play.press("down", "space")              # on one of its messages: closes it again
        await play.until(lambda: folded in titles(play.app), "the fold again")
        assert chosen(play) == folded


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", [("slash", "n", "N"), ("full_stop", "т", "Т")])
async def test_texts_and_sources_are_searched_in_either_layout(
    home: Path, size: tuple[int, int], keys: tuple[str, str, str]
) -> None:
    async with keeper(home, size, turns=4) as play:
        await play.press("f5")
        await play.until(lambda: any(t.startswith("▸ messages") for t in titles(play.app)), "the fold")
        await play.press(keys[0], *"in this storm")
        await play.sees("1 of ")
        await play.press("enter")
        first = chosen(play)
        assert "#2" in first          # inside the fold, which has opened
        await play.press(keys[1])
        await play.until(lambda: "#4" in chosen(play), "the next")
        await play.press(keys[2])
        await play.until(lambda: chosen(play) == first, "the one before")
        await play.press("enter")
        await play.sees("In this storm, 0?")
        await play.press("escape", keys[0], "escape")  # a search is dropped without leaving the screen
        await listed(play, "card: description")


async def test_what_changed_names_the_first_differing_token_and_its_cause(home: Path) -> None:
    async with keeper(home, (120, 40)) as play:
        chat = play.app.state.chat
        assert chat is not None
        await play.app.link.call("chats.set", id=chat.id, field="persona_text", value="A wet coat.")
        await play.type("/diff", "enter")
        await play.sees("It departs at token ")
        await play.sees("in: persona")
        await play.sees("The persona was changed.")
        assert any(line.mark == "+" and "A wet coat." in line.title for line in lines(play.app))
        await play.press("enter")
        await play.until(lambda: "+ " in play.screen() and "A wet coat." in play.screen(), "the whole difference")


async def test_a_first_prompt_has_nothing_to_differ_from(home: Path) -> None:
    write_keeper(home)
    async with stage(size=(48, 18), character="Isolde") as play:
        await play.type("/отличия", "enter")
        await play.sees("Nothing differs")


@pytest.mark.parametrize("key", ["m", "ь"])
async def test_macros_of_the_head_keep_their_value_until_a_key_resolves_them(home: Path, key: str) -> None:
    async with keeper(home, (48, 18)) as play:
        await play.type("/macros", "enter")
        await listed(play, "{{roll:1d999999}}")
        kept = detail_of(play.app, "{{roll:1d999999}}")
        await play.press(key)
        await play.sees("The next turn resolves these again")
        await play.until(lambda: detail_of(play.app, "{{roll:1d999999}}") != kept, "another value")


async def test_the_lore_trace_tells_the_parent_and_is_filtered(home: Path) -> None:
    async with keeper(home, (120, 40)) as play:
        await play.type("/trace", "enter")
        await listed(play, "Her brother")
        await play.sees("from The storm")
        await listed(play, "Dragons")
        await play.press("f")
        await play.until(lambda: "Dragons" not in titles(play.app), "only what fired")
        await play.press("а")                          # the same key in the Russian layout
        await play.until(lambda: titles(play.app) == ["Dragons"], "only what did not fire")
        await play.press("enter")
        await play.sees("It did not fire.")


async def test_views_are_a_digit_away_and_the_bar_has_a_legend(home: Path) -> None:
    async with keeper(home, (48, 18)) as play:
        await play.press("f5")
        await listed(play, "card: description")
        await play.sees("█ lore")
        await play.press("5")
        await listed(play, "Tokens by source")
        assert {"head", "lore", "history"} <= set(titles(play.app))
        await play.press("1")
        await listed(play, "card: description")


def message(n: int, **more: object) -> dict[str, object]:
    return {"source": f"message:{n}", "role": "user", "text": f"text {n}", "tokens": 10, "volatility": "history",
            "included": True, "reused": True, **more}


def test_a_run_ends_where_the_fate_of_messages_changes() -> None:
    segments = [message(n, included=n > 3, reused=n < 9) for n in range(12)]
    assert runs(segments) == [(0, 4), (4, 9), (9, 12)]
    rows = segment_rows(segments, [str(n) for n in range(12)])
    shown = visible(rows, set())
    assert [line.title for line in shown] == ["▸ messages 1 to 4 (4)", "▸ messages 5 to 9 (5)",
                                              "▸ messages 10 to 12 (3)"]
    assert [line.detail for line in shown] == ["40", "= 50", "30"]
    assert len(visible(rows, {shown[0].id})) == 3 + 4


@given(st.dictionaries(st.sampled_from(KINDS), st.integers(1, 100_000)), st.integers(0, 200_000),
       st.integers(0, 4000), st.integers(8, 120))
def test_bar_and_legend_stay_within_their_width(parts: dict, context: int, reserve: int, width: int) -> None:  # type: ignore[type-arg]
    bar = share_bar(parts, context, reserve, width)
    assert bar.cell_length == (width if parts or context else bar.cell_length)
    assert legend(parts, width).cell_length <= width


def test_an_estimate_is_said_to_be_one_with_its_error() -> None:
    shown = {"tokens": 1200, "context": 4096, "counts": "estimate", "count_error": 0.034, "segments": []}
    assert plan_size(shown).startswith("≈1,200")
    told = {line.title: line.detail for line in number_lines({}, shown)}
    assert told["Error of the estimates of late"] == "± 3.4%"
    assert plan_size({**shown, "counts": "exact"}).startswith("1,200")


def test_what_a_trace_knows_of_an_entry_stands_in_words() -> None:
    hit = {"book": "sea", "uid": 3, "comment": "Gull", "fired": False, "key": "gull", "message": 1, "snippet": "a gull",
           "tokens": 12, "why": None, "parent": "sea:1", "dice": 42, "timers": {"cooldown": 3}, "group": "birds",
           "dropped_by": "book"}
    first = {"book": "sea", "uid": 1, "comment": "Shore", "fired": True, "key": "", "position": "before_char"}
    note = next(row.line.note for row in lore_rows([first, hit]) if row.line.title == "Gull")
    for words in ("dropped by the budget of its book", "from Shore", "dice: 42 of 99", "group “birds”",
                  "rests for 3 more messages"):
        assert words in note
