"""A long chat, turn by turn, against a cache that keeps the longest common beginning: what every prompt must keep."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from bench_replay import PrefixCache, replay
from replay_story import Setting, Story, count, tokens

from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import render_plan, text_of


@pytest.mark.parametrize("anchored", [True, False])
def test_every_prompt_fits_is_whole_has_the_newest_message_and_promises_no_more_than_the_cache_has(
    anchored: bool,
) -> None:
    found = replay(Setting(4096, anchored, turns=40))      # budget, whole turns and newest message are checked inside
    assert found.cuts > 0
    assert found.missed == 0
    assert found.ratio < (3.5 if anchored else 6.5)
    assert found.kept > 0.7


def test_between_cuts_the_prompt_only_grows() -> None:
    story, cache, grown = Story(Setting(4096, anchored=True, turns=40)), PrefixCache(), 0
    note, held = "", ""
    for turn in story.turns():
        plan = make_plan(turn, count)
        bos, pieces = render_plan(plan, turn)
        text = text_of(pieces, bos)
        if held and not plan.rebase and turn.note == note:
            assert text.startswith(held)
            grown += 1
        cache.process(tokens(text))
        note, held = turn.note, text + story.reply(plan)
    assert grown > 15
