"""Many replies to one message, and another reply to it: the window holds, and nothing moves without need."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_kit import node, talk, text, turn, words

from tui.domain.chat import Node
from tui.domain.errors import PromptTooLong
from tui.domain.profile import PromptPreset
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.types import PlanState, Turn


def _replies(count: int, size: int = 40) -> list[str]:
    return [f"R{at} " + "on " * size for at in range(count)]


def _path(*replies: str) -> list[Node]:
    start = talk("Come in.", "Tell all.")
    return [*start, *(node(2 + at, "assistant", said, "Mira") for at, said in enumerate(replies))]


def _shown(now: Turn, state: PlanState) -> tuple[set[str], PlanState, bool, str]:
    plan = make_plan(now, words)
    sources = {s.source for s in plan.segments if s.included and s.source.startswith("message:")}
    return sources, plan.state, plan.rebase, text(plan, now)


def test_replies_that_alone_exceed_the_window_leave_from_the_oldest_and_the_message_stays() -> None:
    now = turn(_path(*_replies(30)), context=600, reserve=100)
    plan = make_plan(now, words)
    sources = [s.source for s in plan.segments if s.included and s.source.startswith("message:")]
    assert sources[0] == "message:n1"
    assert sources[-1] == "message:n31"
    assert 3 < len(sources) < 12
    assert plan.tokens <= 500
    assert words(text(plan, now)) <= 500
    assert any("oldest of them" in n.id for n in plan.notices)
    assert plan.rebase


def test_what_left_stays_away_until_the_rest_is_too_long_again() -> None:
    state, cuts, before = PlanState(), 0, ""
    for count in range(1, 40):
        now = turn(_path(*_replies(count)), context=600, reserve=100, state=state)
        sources, state, rebase, sent = _shown(now, state)
        assert {"message:n1", f"message:n{count + 1}"} <= sources
        opener = "<|im_start|>assistant\n"
        if not rebase and before:
            assert sent.startswith(before.removesuffix(opener))
        cuts += rebase
        before = sent
    assert 2 <= cuts <= 12


def test_a_new_message_begins_history_anew() -> None:
    state = make_plan(turn(_path(*_replies(30)), context=600, reserve=100), words).state
    assert state.skipped is not None
    path = [*_path(*_replies(30)), node(32, "user", "Stop.", "Alex")]
    plan = make_plan(turn(path, context=600, reserve=100, state=PlanState.from_json(state.to_json())), words)
    assert [s.source for s in plan.segments if s.included and s.source.startswith("message:")] == ["message:n32"]
    assert plan.state.skipped is None


def test_a_last_reply_that_alone_exceeds_the_window_is_refused() -> None:
    with pytest.raises(PromptTooLong):
        make_plan(turn(_path("on " * 900), context=600, reserve=100), words)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=30), st.integers(500, 1500))
def test_every_prompt_fits_and_holds_the_message_and_the_last_reply(sizes: list[int], context: int) -> None:
    replies = [f"R{at} " + "on " * size for at, size in enumerate(sizes)]
    state = PlanState()
    for count in range(1, len(replies) + 1):
        now = turn(_path(*replies[:count]), context=context, reserve=100, state=state)
        plan = make_plan(now, words)
        shown = [s.source for s in plan.segments if s.included and s.source.startswith("message:")]
        assert plan.tokens <= context - 100
        assert "message:n1" in shown
        assert shown[-1] == f"message:n{count + 1}"
        state = plan.state


def test_another_reply_after_a_cut_is_asked_for_with_the_same_prompt() -> None:
    path = talk(*(f"Line {at} " + "on " * 30 for at in range(20)))
    preset = PromptPreset("p", system="It is {{time}}.")
    early = turn(path, context=4000, prompt=preset, clock="2025-01-15T14:05:00", note="Now {{time}}.",
                 note_position="anchored")
    state = make_plan(early, words).state
    more = [*path, node(20, "assistant", "on " * 30, "Mira"), node(21, "user", "And?", "Alex")]
    values = {"context": 500, "reserve": 100, "prompt": preset, "note": "Now {{time}}.", "note_position": "anchored"}
    first = turn(more, state=state, clock="2025-01-15T15:00:00", **values)
    plan = make_plan(first, words)
    assert plan.rebase
    assert "3:00 PM" in text(plan, first)
    swipe = turn(more, state=state, sibling=plan.state, clock="2025-01-15T16:30:00", **values)
    again = make_plan(swipe, words)
    assert text(again, swipe) == text(plan, first)
