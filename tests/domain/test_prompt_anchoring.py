"""Anchored lore and notes, changes that wait for a cut, casts, impersonation, and where prompts part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_kit import MIRA, included, node, talk, text, turn, words

from tui.domain.card import Card
from tui.domain.chat import Node, Summary
from tui.domain.lore import Lorebook, LoreEntry
from tui.domain.profile import PromptPreset
from tui.domain.prompt.difference import Sent, difference
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import plan_messages
from tui.domain.prompt.types import Cast, Injection, Plan, PlanState, Turn

OIL = LoreEntry("1", ("lamp",), content="The lamp burns oil.")
BOOK = Lorebook("b", entries=(OIL,), anchored=True)
CHAT = ("Come in.", "Is that a lamp?", "It is.", "And the sea?")


def sources(plan: Plan) -> list[str]:
    """What stands in the prompt from the first message on."""
    found = included(plan)
    return found[found.index("message:n0"):]


def test_an_entry_stands_before_the_message_that_fired_it_and_stays() -> None:
    first = make_plan(turn(talk(*CHAT[:2]), books=[BOOK]), words)
    assert sources(first) == ["message:n0", "lore:b:1", "message:n1"]
    later = make_plan(turn(talk(*CHAT), books=[BOOK], state=first.state), words)
    assert sources(later) == ["message:n0", "lore:b:1", "message:n1", "message:n2", "message:n3"]
    assert later.lore[0].anchored
    assert later.lore[0].why is not None
    long = make_plan(turn(talk(*CHAT, *["Waves."] * 8, "Night."), books=[BOOK], state=later.state), words)
    assert "lore:b:1" in included(long)
    assert not long.lore[0].fired                      # its key is out of reach by now


def test_the_text_is_that_of_the_moment() -> None:
    book = Lorebook("b", entries=(replace(OIL, content="It is {{time}}."),), anchored=True)
    first = make_plan(turn(talk(*CHAT[:2]), books=[book], clock="2025-01-15T14:05:00"), words)
    later = turn(talk(*CHAT), books=[book], state=first.state, clock="2025-01-15T18:30:00")
    assert "It is 2:05 PM." in text(make_plan(later, words), later)


def test_what_the_person_does_to_an_entry_acts_at_once() -> None:
    first = make_plan(turn(talk(*CHAT[:2]), books=[BOOK]), words)
    edited = Lorebook("b", entries=(replace(OIL, content="The lamp is out."),), anchored=True)
    later = turn(talk(*CHAT), books=[edited], state=first.state)
    assert "The lamp is out." in text(make_plan(later, words), later)
    disabled = Lorebook("b", entries=(replace(OIL, enabled=False),), anchored=True)
    assert "lore:b:1" not in included(make_plan(turn(talk(*CHAT), books=[disabled], state=first.state), words))
    assert "lore:b:1" not in included(make_plan(turn(talk(*CHAT), state=first.state), words))


def test_a_swipe_takes_what_the_other_reply_had() -> None:
    book = Lorebook("b", entries=(replace(OIL, content="It is {{time}}."),), anchored=True)
    path = talk(*CHAT[:2])
    first = make_plan(turn(path, books=[book], clock="2025-01-15T14:05:00"), words)
    again = turn(path, books=[book], clock="2025-01-15T14:09:00", sibling=first.state)
    assert text(make_plan(again, words), again) == text(first, turn(path, books=[book], clock="2025-01-15T14:05:00"))


def test_lore_leaves_with_its_message_and_may_come_again() -> None:
    speech = " ".join(["word"] * 60)
    path = talk(*[f"{speech} {'lamp' if at == 1 else ''}" for at in range(12)])
    state, seen = PlanState(), []
    for end in range(2, 13, 2):
        plan = make_plan(turn(path[:end], context=640, reserve=50, books=[BOOK], state=state), words)
        state = plan.state
        seen.append("lore:b:1" in included(plan))
    assert seen[0]
    assert not seen[-1]
    assert all(a.node in {n.id for n in path} for a in state.anchored)
    back = [*path, node(12, "user", "The lamp again?", "Alex")]
    assert "lore:b:1" in included(make_plan(turn(back, context=640, reserve=50, books=[BOOK], state=state), words))


@given(
    st.lists(st.sampled_from(["lamp", "sea", "road", "oil"]), min_size=6, max_size=30),
    st.sampled_from([420, 700, 3000]), st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_with_anchored_lore_and_note_the_prompt_only_grows_until_a_cut(
    said: list[str], context: int, noted: bool
) -> None:
    path = talk("Come in.", *(f"{word} " * 20 for word in said))
    entries = (OIL, LoreEntry("2", ("sea",), content="The sea is cold."), LoreEntry("3", ("road",), content="Mud."))
    book = Lorebook("b", entries=entries, anchored=True)
    more: dict[str, Any] = {"note": "Keep it quiet.", "note_position": "anchored"} if noted else {}
    state, last = PlanState(), ""
    for end in range(2, len(path) + 1, 2):
        now = turn(path[:end], context=context, reserve=60, books=[book], state=state, **more)
        plan = make_plan(now, words)
        assert plan.tokens + 60 <= context
        prompt = text(plan, now)
        if last and not plan.rebase:
            assert prompt.startswith(last)
        last, state = prompt.removesuffix("<|im_start|>assistant\n"), plan.state


def test_a_note_may_be_anchored_and_moves_on_with_a_cut() -> None:
    more: dict[str, Any] = {"note": "Keep it quiet.", "note_position": "anchored"}
    first = make_plan(turn(talk(*CHAT[:2]), **more), words)
    assert sources(first) == ["message:n0", "note", "message:n1"]
    later = make_plan(turn(talk(*CHAT), state=first.state, **more), words)
    assert sources(later) == ["message:n0", "note", "message:n1", "message:n2", "message:n3"]
    more["note"] = "Louder."
    edited = make_plan(turn(talk(*CHAT), state=later.state, **more), words)
    assert sources(edited) == ["message:n0", "message:n1", "message:n2", "note", "message:n3"]
    alone = make_plan(turn(talk("Come in."), **more), words)
    assert "note" in included(alone)


def test_a_note_has_its_interval_and_its_places() -> None:
    path = talk(*CHAT)
    assert "note" not in included(make_plan(turn(path, note="Rain.", note_interval=3), words))
    assert "note" in included(make_plan(turn(path, note="Rain.", note_interval=2), words))
    assert "note" not in included(make_plan(turn(path, note="Rain.", note_interval=0), words))
    for position, at in (("before_story", 0), ("after_story", -1)):
        now = turn(path, note="Rain.", note_position=position)
        head = plan_messages(make_plan(now, words), now)[0].content.split("\n\n")
        assert head[at] == "Rain."


def test_a_summary_of_the_programs_own_waits_for_the_cut() -> None:
    speech = " ".join(["word"] * 40)
    path = talk(*[speech] * 14)
    covers = tuple((n.id, n.current) for n in path[:4])
    own = Summary("s", covers, ("They met.",), 1, generation={"by": "program"})
    person = Summary("s", covers, ("They met.",), 1)
    calm = turn(path[:8], context=900, reserve=50, summaries=[own])
    waiting = make_plan(calm, words)
    assert "summary:s" not in included(waiting)
    assert next(s for s in waiting.segments if s.source == "summary:s").why is not None
    assert "summary:s" in included(make_plan(replace(calm, summaries=[person]), words))
    cut = make_plan(turn(path, context=640, reserve=50, summaries=[own], state=waiting.state), words)
    assert cut.rebase
    assert "summary:s" in included(cut)
    assert cut.state.memory == ("s",)


def test_time_in_the_head_is_kept_until_a_cut_and_dice_for_good() -> None:
    speech = " ".join(["word"] * 40)
    path = talk(*[speech] * 14)
    card = Card("Mira", description="It was {{time}}. She likes {{random::tea::milk::rum}}.")
    state = make_plan(turn(path[:6], card=card, context=900, clock="2025-01-15T14:05:00"), words).state
    later = turn(path[:8], card=card, context=900, state=state, clock="2025-01-15T18:30:00")
    head = plan_messages(make_plan(later, words), later)[0].content
    assert "It was 2:05 PM." in head
    cut = turn(path, card=card, context=640, reserve=50, state=state, clock="2025-01-15T18:30:00")
    after = plan_messages(make_plan(cut, words), cut)[0].content
    assert "It was 6:30 PM." in after
    assert after.split("She likes ")[1][:4] == head.split("She likes ")[1][:4]
    asked = replace(later, fresh_macros=True)
    assert "It was 6:30 PM." in plan_messages(make_plan(asked, words), asked)[0].content


@pytest.mark.parametrize(("mode", "kept"), [("always", True), ("never", False), ("gradual", False)])
def test_example_dialogue_in_its_modes(mode: Any, kept: bool) -> None:
    card = replace(MIRA, mes_example="<START>\n{{user}}: Tea?\n{{char}}: Please.")
    path = talk(*[" ".join(["word"] * 40)] * 8)
    plan = make_plan(turn(path, card=card, prompt=PromptPreset("p", examples=mode), context=420, reserve=50), words)
    assert ("example:0" in included(plan)) is kept
    assert plan.tokens + 50 <= 420


def test_joined_cards_stand_together_whoever_speaks() -> None:
    bob = Card("Bob", description="{{char}} fishes.", depth_prompt="Bob is loud.")
    cast = Cast((MIRA, bob), join=True, prefix="[<FIELDNAME> of {{char}}: ", suffix="]")
    heads = []
    for speaker in (MIRA, bob):
        now = turn(talk(*CHAT), card=speaker, cast=cast, group=True)
        plan = make_plan(now, words)
        heads.append(plan_messages(plan, now)[0].content)
        assert "card.note:Bob" in included(plan) or "card.note" in included(plan)
        assert f"\n{'Bob' if speaker is MIRA else 'Mira'}:" in plan.stops
    assert heads[0] == heads[1]
    assert "[Description of Mira: Mira keeps the lighthouse.]\n[Description of Bob: Bob fishes.]" in heads[0]


def test_the_persons_next_message_is_asked_for_at_the_same_beginning() -> None:
    path = talk(*CHAT[:3])
    reply, own = turn(path), turn(path, kind="impersonate")
    prompt = text(make_plan(own, words), own)
    assert prompt.endswith("<|im_start|>user\n")
    assert prompt.removesuffix("<|im_start|>user\n") == text(make_plan(reply, words), reply).removesuffix(
        "<|im_start|>assistant\n"
    )
    assert "\nMira:" in make_plan(own, words).stops
    assert "\nAlex:" not in make_plan(own, words).stops
    begun = turn(path, kind="impersonate", prefill="I take")
    assert text(make_plan(begun, words), begun).endswith("<|im_start|>user\nI take")
    chat = turn(path, kind="impersonate", as_messages=True)
    assert "next message" in plan_messages(make_plan(chat, words), chat)[-1].content


def test_a_quiet_request_is_a_suffix() -> None:
    path = talk(*CHAT)
    quiet = turn(path, kind="quiet", instruction="Name the weather.")
    prompt = text(make_plan(quiet, words), quiet)
    assert prompt.endswith("<|im_start|>system\nName the weather.<|im_end|>\n<|im_start|>assistant\n")


def test_injected_texts_and_the_persona_stand_where_they_ask_to() -> None:
    injections = [Injection("a", "First.", "before"), Injection("b", "Deep.", depth=1), Injection("c", "Off.", "none")]
    now = turn(talk(*CHAT), injections=injections, persona_position="at_depth", persona_depth=2)
    plan = make_plan(now, words)
    assert plan_messages(plan, now)[0].content.startswith("First.")
    assert sources(plan) == ["message:n0", "message:n1", "persona", "message:n2", "injection:b", "message:n3"]
    gone = make_plan(replace(now, persona_position="none"), words)
    assert "persona" not in included(gone)


def test_what_a_depth_costs_is_told_where_the_cache_cannot_be_cut() -> None:
    path = talk(*["Some words here."] * 12)
    cheap = make_plan(turn(path), words)
    assert (cheap.moving, cheap.notices) == (0, ())
    dear = make_plan(turn(path, note="Rain."), words)
    assert 0 < dear.moving < dear.tokens
    whole = make_plan(turn(path, note="Rain.", cuttable=False), words)
    assert whole.moving == whole.tokens
    assert any("cannot be cut" in n.id for n in whole.notices)


def departure(before: Turn, after: Turn) -> tuple[str, str]:
    """The source and the cause of the first difference between two turns."""
    first, second = make_plan(before, words), make_plan(after, words)
    sent = Sent(text(first, before), first.state.rendered)
    found = difference(sent, text(second, after), second, first.state)
    assert found is not None
    return found.source, found.cause.id


def test_a_departure_is_named() -> None:
    path = talk(*CHAT)
    edited: list[Node] = [*path[:2], node(2, "assistant", "It was.", "Mira"), *path[3:]]
    assert departure(turn(path), turn(edited))[0] == "message:n2"
    assert departure(turn(path), turn(path, persona="Alex is a baker."))[0] == "persona"
    assert departure(turn(path, note="Rain."), turn(path, note="Snow."))[0] == "note"
    # Lore that moves on with the conversation is the cause, not the message that takes its place; nor is a note.
    moving = Lorebook("b", entries=(replace(OIL, position="at_depth", depth=1),))
    said = [*path, node(4, "assistant", "Deep.", "Mira"), node(5, "user", "And a lamp?", "Alex")]
    for more in ({"books": [moving]}, {"note": "Rain.", "note_depth": 1}):
        source, cause = departure(turn(path, **more), turn(said, **more))
        assert source in ("lore:b:1", "note")
        assert "moved" in cause
    source, cause = departure(turn(path), turn(path, card=replace(MIRA, description="She left.")))
    assert (source, "character was changed" in cause) == ("card.description", True)
    now = turn(path)
    plan = make_plan(now, words)
    sent = Sent(text(plan, now), plan.state.rendered)
    assert difference(sent, text(plan, now) + "More.", plan, plan.state) is None
