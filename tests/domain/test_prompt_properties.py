"""What holds for every plan, whatever the chat."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_kit import CHATML, MIRA, included, node, talk, text, turn, words

from tui.domain.errors import PromptTooLong
from tui.domain.lore import Lorebook, LoreEntry
from tui.domain.profile import PromptPreset
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import plan_messages, render_plan
from tui.domain.prompt.types import Plan, PlanState, Turn

BOOK = Lorebook("b", recursive=True, entries=(
    LoreEntry("1", ("lamp",), content="The lamp burns oil and smokes.", position="before_char", order=5),
    LoreEntry("2", ("sea",), content="The sea is deep.", position="at_depth", depth=2, order=7),
    LoreEntry("3", content="Storms come from the west.", constant=True, position="after_char"),
    LoreEntry("4", ("oil",), content="Oil is dear.", position="note_bottom", ignore_budget=True),
))
WORDS = ["lamp", "sea", "oil", "wind", "Мира", "идёт", "<|im_end|>", "\n", "*", '"', ".", "a"]
SPEECH = st.lists(st.sampled_from(WORDS), max_size=30)
TALK = st.lists(SPEECH.map(" ".join), min_size=1, max_size=40)


def grow(speeches: list[str], context: int, **more: object) -> list[tuple[Turn, Plan]]:
    """A chat turn by turn, each plan made with the state of the one before; ends where too little is said too long."""
    path = talk("Come in, *she says*.")
    state = PlanState()
    out = []
    for speech in speeches:
        path.append(node(len(path), "user", speech, "Alex"))
        now = turn(list(path), context=context, reserve=60, state=state, **more)
        try:
            plan = make_plan(now, words)
        except PromptTooLong:
            assert not speech.strip(), "replies to the last words spoken may fill the window, words spoken never"
            break
        out.append((now, plan))
        state = PlanState.from_json(plan.state.to_json())
        path.append(node(len(path), "assistant", f"Yes: {speech} she nods", "Mira"))
    return out


@settings(max_examples=40, deadline=None)
@given(TALK, st.integers(300, 900), st.sampled_from([0.4, 0.7, 1.0]), st.integers(0, 6))
def test_within_budget_with_the_newest_message_and_cut_before_user_turns(
    speeches: list[str], context: int, share: float, depth: int
) -> None:
    card = replace(MIRA, mes_example="<START>\n{{user}}: Cold?\n{{char}}: Always.", depth_prompt="Be wry.")
    more = {"books": [BOOK], "card": card, "note": "Rain {{random::a::b}}.", "note_depth": depth,
            "prompt": PromptPreset("p", history_share=share, post_history="Short.")}
    for now, plan in grow(speeches, context, **more):
        assert plan.tokens + now.budget.reserve <= now.budget.context
        assert words(text(plan, now)) <= plan.tokens
        if now.path[-1].text.strip():
            assert f"message:{now.path[-1].id}" in included(plan)
        history = [s for s in plan.segments if s.included and s.volatility == "history"]
        if plan.state.anchor is not None and history:
            assert history[0].role == "user"
        assert plan.expected_reuse <= plan.tokens


@settings(max_examples=40, deadline=None)
@given(TALK, st.integers(300, 900))
def test_nothing_before_the_end_changes_until_a_cut(speeches: list[str], context: int) -> None:
    before: str | None = None
    anchor: str | None = None
    for now, plan in grow(speeches, context):
        whole = text(plan, now)
        if before is not None and plan.state.anchor == anchor:
            assert whole.startswith(before)
            assert plan.first_change == ""
        before, anchor = whole, plan.state.anchor


@settings(max_examples=30, deadline=None)
@given(TALK, st.integers(300, 700))
def test_the_beginning_moves_only_when_it_must_and_leaves_room_then(speeches: list[str], context: int) -> None:
    moves = 0
    for now, plan in grow(speeches, context):
        if not plan.cut:
            continue
        moves += 1
        uncut = replace(now, budget=replace(now.budget, context=10 ** 6))
        kept = make_plan(replace(uncut, state=replace(now.state, anchor=now.state.anchor)), words)
        from_anchor = sum(s.tokens for s in kept.segments if s.included)
        assert from_anchor + now.budget.reserve > context
        assert plan.notices
    if moves > 1:
        assert moves < len(speeches)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_what_people_write_is_never_markup(description: str, note: str, said: str) -> None:
    card = replace(MIRA, description=description, name="Mira\n<|im_start|>")
    said = said.strip() or "x"                      # white space alone is no message
    path = [node(0, "user", said, "A<|im_end|>")]
    now = turn(path, card=card, note=note, template=replace(CHATML, names="always"))
    plan = make_plan(now, words)
    literals = {CHATML.system_prefix, CHATML.system_suffix, CHATML.user_prefix, CHATML.user_suffix,
                CHATML.assistant_prefix}
    _, pieces = render_plan(plan, now)
    for piece in pieces:
        rest = piece.text if piece.markup else ""
        for literal in sorted(literals, key=len, reverse=True):
            rest = rest.replace(literal, "")
        assert rest == ""
    assert sum(said in m.content for m in plan_messages(plan, now)) >= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 120))
def test_either_it_fits_or_it_is_refused_with_its_parts(context: int) -> None:
    now = turn(talk("Come in.", "Hello there"), context=context, reserve=20, books=[BOOK])
    least = make_plan(replace(now, budget=replace(now.budget, context=10_000), books=[], path=now.path[1:]), words)
    needed = least.tokens + 20
    if context < needed:
        with pytest.raises(PromptTooLong) as caught:
            make_plan(now, words)
        assert {"system", "message:n1"} <= {s["source"] for s in caught.value.details["segments"]}
    elif context >= needed + 10:                            # the constant entry's place
        assert make_plan(now, words).tokens + 20 <= context


@settings(max_examples=30, deadline=None)
@given(TALK, st.integers(400, 900), st.integers(0, 5))
def test_nothing_changes_above_the_deepest_insert_until_a_cut(speeches: list[str], context: int, depth: int) -> None:
    before: list[str] = []
    anchor: str | None = None
    deepest = max(depth, 4)                                 # lore that fires goes to depth 4
    for _, plan in grow(speeches, context, books=[BOOK], note="It rains.", note_depth=depth):
        shown = [s for s in plan.segments if s.included]
        texts = [s.source + s.text for s in shown]
        if plan.state.anchor == anchor:
            assert texts[: len(before)] == before
        messages = [at for at, s in enumerate(shown) if s.volatility == "history"]
        above = messages[-deepest - 1] if len(messages) > deepest else 0
        first = next((at for at, s in enumerate(shown) if s.volatility == "tail"), len(shown))
        before, anchor = texts[: min(above, first)], plan.state.anchor
