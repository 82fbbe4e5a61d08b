"""Memory in a prompt: pinned facts, what is recalled and where it stands, limits, and a beginning that stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from prompt_kit import included, node, talk, text, turn, words

from tui.domain.chat import Node, Summary
from tui.domain.errors import PromptTooLong
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.summary import plan_summary
from tui.domain.prompt.types import MemoryLimits, Pin, Plan, PlanState, Turn
from tui.domain.recall import Passage, Recollection, text_key

LIMITS = MemoryLimits(0.25, 0.12, 3)


def _found(path: list[Node], *numbers: int) -> list[Recollection]:
    passages = [
        Passage("message", f"n{n}", text_key(f"r{n}", path[n].text), 0, path[n].text, path[n].name) for n in numbers
    ]
    return [Recollection(passage, 1 - at / 10, ("sea",)) for at, passage in enumerate(passages)]


def _long() -> list[Node]:
    return talk(*[f"Message {i} " + "sea " * 8 for i in range(60)])


def _cut() -> tuple[list[Node], PlanState]:
    """A chat whose beginning has left the prompt."""
    path = _long()
    plan = make_plan(turn(path, context=600, reserve=100), words)
    assert plan.cut
    return path, plan.state


def _recalling(path: list[Node], state: PlanState, *numbers: int, **more: object) -> Turn:
    values = {"context": 600, "reserve": 100, "limits": LIMITS, **more}
    return turn(path, state=state, recall=_found(path, *numbers), **values)  # type: ignore[arg-type]


def _recalled(plan: Plan) -> list[str]:
    return [s.source for s in plan.segments if s.included and s.source.startswith("recall:")]


def _asked(path: list[Node], at: int = 61, said: str = "What was it?") -> list[Node]:
    return [*path, node(at - 1, "assistant", "Yes.", "Mira"), node(at, "user", said, "Alex")]


def test_pinned_facts_stand_in_every_prompt_and_are_no_macros() -> None:
    pins = (Pin("a", "Mira cannot swim."), Pin("b", "{{user}} owes {{random::one::two}}"))
    path = _long()
    state = PlanState()
    for end in (20, 40, 60):
        now = turn(path[:end], context=600, reserve=100, pins=pins, state=state)
        plan = make_plan(now, words)
        assert "- Mira cannot swim.\n- {{user}} owes {{random::one::two}}" in text(plan, now)
        assert included(plan).index("pin:a") < included(plan).index(f"message:n{end - 1}")
        state = plan.state


def test_pinned_facts_that_leave_no_room_are_named_in_the_refusal() -> None:
    with pytest.raises(PromptTooLong) as caught:
        make_plan(turn(talk("Hi", "Well?"), context=300, reserve=100, pins=[Pin("a", "sea " * 300)]), words)
    assert "pin:a" in [s["source"] for s in caught.value.details["segments"]]


def test_what_is_recalled_stands_before_the_newest_message_in_the_order_of_the_story() -> None:
    path, state = _cut()
    now = _recalling(_asked(path), state, 7, 3)
    plan = make_plan(now, words)
    shown = included(plan)
    assert shown.index("recall:n61") == shown.index("message:n61") - 1
    segment = next(s for s in plan.segments if s.source == "recall:n61")
    assert segment.text.index("Message 3 ") < segment.text.index("Message 7 ")
    assert segment.why is not None
    assert segment.why.args == {"words": "sea"}
    assert [(r.source, r.segment) for r in plan.recalled] == [("n7", "recall:n61"), ("n3", "recall:n61")]
    assert plan.tokens + 100 <= 600


def test_what_is_in_the_prompt_is_not_recalled() -> None:
    path, state = _cut()
    plan = make_plan(_recalling(_asked(path), state, 58, 59), words)
    assert _recalled(plan) == []
    assert plan.recalled == ()


def test_the_prompt_only_goes_on_from_turn_to_turn_whatever_is_recalled() -> None:
    path, state = _cut()
    path, before = list(path), ""
    for at in range(60, 72, 2):
        path = [*path, node(at, "assistant", "Yes.", "Mira"), node(at + 1, "user", "And then?", "Alex")]
        now = _recalling(path, state, (at * 7) % 20)
        plan = make_plan(now, words)
        whole = text(plan, now).removesuffix("<|im_start|>assistant\n")
        if not plan.rebase and plan.first_change == "":
            assert whole.startswith(before)
        assert plan.tokens + 100 <= 600
        before, state = whole, PlanState.from_json(plan.state.to_json())
    assert len(_recalled(plan)) >= 2


def test_when_its_share_is_used_up_all_of_it_makes_room_at_once() -> None:
    path, state = _cut()
    kept, roomy = [], MemoryLimits(0.5, 0.3, 3)
    for at in range(60, 90, 2):
        path = [*path, node(at, "assistant", "Yes.", "Mira"), node(at + 1, "user", "And then?", "Alex")]
        plan = make_plan(_recalling(path, state, at % 19, (at + 5) % 19, limits=roomy), words)
        spent = sum(s.tokens for s in plan.segments if s.included and s.source.startswith("recall:"))
        assert spent <= 0.3 * 500
        kept.append(len(_recalled(plan)))
        state = plan.state
    assert max(kept) > 1
    assert any(later < earlier for earlier, later in pairwise(kept))


def test_another_reply_to_the_same_message_has_what_the_first_had() -> None:
    path, state = _cut()
    path = _asked(path)
    first = make_plan(_recalling(path, state, 3), words)
    again = make_plan(replace(_recalling(path, state, 9), sibling=first.state), words)
    assert _recalled(again) == ["recall:n61"]
    kept = next(s for s in again.segments if s.source == "recall:n61")
    assert "Message 3 " in kept.text


@pytest.mark.parametrize("change", ["hidden", "edited", "off"])
def test_what_is_hidden_or_changed_leaves_at_once(change: str) -> None:
    path, state = _cut()
    path = _asked(path)
    state = make_plan(_recalling(path, state, 3, 7), words).state
    later = [*path, node(62, "assistant", "Yes.", "Mira"), node(63, "user", "Go on.", "Alex")]
    if change == "hidden":
        later[3] = replace(later[3], hidden=True)
    elif change == "edited":
        later[3] = replace(later[3], revisions=(replace(later[3].revision, id="new"),), current="new")
    more = {"limits": replace(LIMITS, recall=0.0)} if change == "off" else {}
    assert _recalled(make_plan(_recalling(later, state, **more), words)) == []
    assert _recalled(make_plan(_recalling([*path, *later[-2:]], state), words)) == ["recall:n61"]


def test_summaries_beyond_the_share_of_memory_are_left_out_the_oldest_first() -> None:
    path = _long()
    summaries = [
        Summary(f"s{n}", tuple((m.id, m.current) for m in path[n * 10:n * 10 + 10]), ("They spoke. " * 12,), n)
        for n in range(4)
    ]
    plan = make_plan(turn(path, context=600, reserve=100, summaries=summaries, limits=LIMITS), words)
    standing = [s for s in included(plan) if s.startswith("summary:")]
    assert standing == ["summary:s2", "summary:s3"]
    assert sum(s.tokens for s in plan.segments if s.included and s.source in standing) <= 0.13 * 500
    left = next(s for s in plan.segments if s.source == "summary:s0")
    assert left.why is not None
    assert any("Not all summaries" in str(n) for n in plan.notices)


def test_a_summary_that_is_asked_for_has_the_beginning_of_the_prompt_with_what_was_recalled() -> None:
    path = talk(*[f"Message {i} sea" for i in range(12)])
    path = _asked(path, 13)
    documents = replace(LIMITS, documents=frozenset({"d"}))
    found = [Recollection(Passage("document", "d", "x", 0, "Ships lie in the harbour.", "notes"), 1.0, ("sea",))]
    now = turn(path, limits=documents, recall=found, pins=[Pin("a", "Mira cannot swim.")])
    plan = make_plan(now, words)
    assert _recalled(plan) == ["recall:n13"]
    later = [*path, node(14, "assistant", "Yes.", "Mira")]
    job = plan_summary(replace(now, path=later, state=plan.state), "n0", "n5", words)
    assert job.with_head
    whole = "".join(piece.text for piece in job.pieces)
    assert whole.startswith(text(plan, now).removesuffix("<|im_start|>assistant\n"))
