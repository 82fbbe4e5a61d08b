"""Asking for a summary: cheap where the beginning is shared, possible where the window is tiny."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prompt_kit import included, node, talk, text, turn, words

from tui.domain.chat import Summary
from tui.domain.errors import BadInput, PromptTooLong
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import text_of
from tui.domain.prompt.summary import plan_summary
from tui.domain.prompt.types import PlanState


def test_it_is_a_suffix_of_the_prompt_that_the_backend_has() -> None:
    now = turn(talk("Come in.", "Hello", "Sit.", "Why?", "Rest.", "Thanks"), note="It rains.", note_depth=1)
    job = plan_summary(now, "n0", "n3", words)
    whole = text_of(job.pieces, job.bos)
    assert job.with_head
    calm = replace(now, note="")
    prompt = text(make_plan(calm, words), calm).removesuffix("<|im_start|>assistant\n")
    assert whole.startswith(prompt)                        # all of it is in the cache, and stays there
    assert job.messages[-1].role == "user"
    assert job.messages[-1].content.endswith("«Rest.…»")
    assert "It rains." not in whole
    assert job.covers == (("n0", "r0"), ("n1", "r1"), ("n2", "r2"), ("n3", "r3"))
    assert words(whole) <= job.tokens


def test_what_was_cut_is_summarised_by_itself() -> None:
    path = talk(*[f"Message {i} " + "word " * 10 for i in range(30)])
    now = turn(path, context=400, reserve=80)
    plan = make_plan(now, words)
    assert plan.cut
    later = replace(now, state=PlanState.from_json(plan.state.to_json()))
    for last, head in ((5, True), (15, False)):            # the head comes along where it fits
        job = plan_summary(later, "n0", f"n{last}", words)
        whole = text_of(job.pieces, job.bos)
        assert job.tokens + 80 <= 400
        assert job.with_head is head
        assert ("keeps the lighthouse" in whole) is head
        assert f"Message {last} " in whole
        assert f"Message {last + 1} " not in whole


def test_a_range_that_is_too_long_says_how_far_it_goes() -> None:
    path = talk(*[f"Message {i} " + "word " * 20 for i in range(30)])
    with pytest.raises(PromptTooLong) as caught:
        plan_summary(turn(path, context=400, reserve=80), "n0", "n29", words)
    fits = caught.value.details["fits"]
    assert plan_summary(turn(path, context=400, reserve=80), "n0", fits, words).tokens + 80 <= 400


def test_hidden_messages_and_strange_ranges() -> None:
    path = talk("Come in.", "Hello", "Sit.", "Why?")
    path[1] = replace(path[1], hidden=True)
    job = plan_summary(turn(path), "n0", "n2", words)
    assert [n for n, _ in job.covers] == ["n0", "n2"]
    for first, last in (("n2", "n0"), ("n0", "zz"), ("n1", "n1")):
        with pytest.raises(BadInput):
            plan_summary(turn(path), first, last, words)


def test_summaries_stand_in_for_what_they_cover_when_summed_up_again() -> None:
    path = talk(*[f"Message {i} " + "word " * 10 for i in range(12)])
    old = Summary("s", tuple((n.id, n.current) for n in path[:8]), ("They met.",), 1)
    job = plan_summary(turn(path, context=300, reserve=80, summaries=[old]), "n0", "n9", words)
    whole = text_of(job.pieces, job.bos)
    assert "They met." in whole
    assert "Message 3 " not in whole
    assert "Message 9 " in whole
    assert len(job.covers) == 10


def test_summaries_keep_a_long_chat_within_a_small_window() -> None:
    path = talk("Come in.")
    state, summaries = PlanState(), []
    for at in range(1, 161, 2):
        path.append(node(at, "user", f"Question {at} " + "sea " * 12, "Alex"))
        now = turn(list(path), context=400, reserve=80, state=state, summaries=list(summaries))
        plan = make_plan(now, words)
        assert plan.tokens + 80 <= 400
        assert f"message:n{at}" in included(plan)
        if plan.cut:
            job = plan_summary(now, plan.cut[0], plan.cut[-1], words)
            summaries.append(Summary(f"s{at}", job.covers, (f"Until {at} they spoke of the sea.",), at))
        state = plan.state
        path.append(node(at + 1, "assistant", f"Answer {at} " + "sea " * 12, "Mira"))
    assert len(summaries) > 3
    assert sum(s.startswith("summary") for s in included(plan)) > 1
