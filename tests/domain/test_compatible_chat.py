"""The rules of SillyTavern's chat completions that no recording at hand shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import compatible_kit as kit
import pytest

from tui.domain.card import Card
from tui.domain.chat import Node
from tui.domain.errors import PromptTooLong
from tui.domain.prompt.compatible.plan import make_compatible_plan
from tui.domain.prompt.compatible.render import compatible_messages, compatible_pieces
from tui.domain.prompt.types import Budget, Cast, Injection, LoreHit, Turn

NEW = {"new_chat_prompt": "NEW", "new_example_chat_prompt": "EX", "new_group_chat_prompt": "GROUP {{char}}"}
MIRA = Card("Mira", mes_example="{{user}}: Cold?\n{{char}}: Always.")


def said(*texts: str) -> list[Node]:
    return [
        kit.node(at, "assistant" if at % 2 == 0 else "user", "Mira" if at % 2 == 0 else "Alex", text)
        for at, text in enumerate(texts)
    ]


def turn(path: list[Node], preset: Mapping[str, Any] | None = None, **more: Any) -> Turn:
    values: dict[str, Any] = {"persona": "", "card": Card("Mira"), **more}
    values["prompt"] = {"system": "", **values.get("prompt", {})}
    return kit.turn(path, as_messages=True, context={**NEW, **(preset or {})}, **values)


def sent(of: Turn, **more: Any) -> list[str]:
    """Each message as a line: role's first letter, name, text."""
    plan = make_compatible_plan(of, kit.quarter, **more)
    return [f"{m.role[0]}{'(' + m.name + ')' if m.name else ''}: {m.content}" for m in compatible_messages(plan, of)]


def test_the_nudge_follows_the_message_that_is_continued() -> None:
    path, nudge = said("a", "b", " c "), {"continue_nudge_prompt": "GO ON {{lastChatMessage}}."}
    extras = [Injection("i", "I", depth=0)]
    assert sent(turn(path, nudge, kind="continue", injections=extras)) == [
        "s: NEW", "a: a", "u: b", "s: I", "a:  c ", "s: GO ON c.",
    ]
    prefill = {**nudge, "continue_prefill": "true"}
    extras = [Injection("i", "I", depth=1)]
    prompt = {"post_history": "PHI"}
    assert sent(turn(path, prefill, kind="continue", injections=extras, prompt=prompt)) == [
        "s: NEW", "a: a", "u: b", "s: I", "s: PHI", "a:  c ",
    ]


@pytest.mark.parametrize(("names", "want"), [
    (-1, ["a: a", "u: b", "a: c", "s: n"]), (0, ["a: a", "u: b", "a: Guest: c", "s: n"]),
    (1, ["a(Mira): a", "u(Alex): b", "a(Guest): c", "s(My_Narrator): n"]),
    (2, ["a: Mira: a", "u: Alex: b", "a: Guest: c", "s: n"]),
])
def test_names(names: int, want: list[str]) -> None:
    path = [*said("a", "b"), kit.node(7, "assistant", "Guest", "c"), kit.node(8, "system", "My Narrator", "n")]
    assert sent(turn(path, {"names_behavior": str(names)}))[1:] == want


def test_squashing_joins_system_messages_but_not_examples_and_openings() -> None:
    card = Card("Mira", description="D", personality="P", mes_example=MIRA.mes_example)
    plain = turn(said("a"), {"squash_system_messages": True}, card=card, prompt={"system": "S"},
                 injections=[Injection("i", "I", depth=1)])
    assert sent(plain) == [
        "s: S\nD\nP", "s: EX", "s(example_user): Cold?", "s(example_assistant): Always.", "s: NEW", "s: I", "a: a",
    ]


def test_overrides_and_formats() -> None:
    card = Card("Mira", personality="wry", scenario="sea", system_prompt="CARD {{original}}",
                post_history_instructions="P {{original}}")
    preset = {"scenario_format": "At {{scenario}}.", "personality_format": "", "wi_format": "<{0}>"}
    hits = [LoreHit("w", str(o), "", True, text=f"L{o}", position="before_char", order=o) for o in (9, 1)]
    made = turn(said("a"), preset, card=card, prompt={"system": "S", "post_history": "Q"})
    assert sent(made, lore=hits) == ["s: CARD S", "s: <L1\nL9>", "s: wry", "s: At sea.", "s: NEW", "a: a", "s: P Q"]


def test_prompts_of_a_preset_in_their_order_and_places() -> None:
    prompts = [
        {"identifier": "main", "content": "MAIN", "role": "user", "system_prompt": True, "forbid_overrides": "true"},
        {"identifier": "mine", "content": "MINE {{char}}", "role": "assistant", "system_prompt": False},
        {"identifier": "deep1", "content": "D1", "injection_position": 1, "injection_depth": 1, "injection_order": 5},
        {"identifier": "deep2", "content": "D2", "injection_position": "1", "injection_depth": "1", "role": "system"},
        {"identifier": "once", "content": "ONCE", "system_prompt": False, "injection_trigger": ["swipe"]},
        {"identifier": "off", "content": "OFF", "system_prompt": False},
    ]
    order = [{"character_id": 100000, "order": []}, {"character_id": 100001, "order": [
        {"identifier": name, "enabled": name not in ("off", "charDescription")}
        for name in ("mine", "charDescription", "chatHistory", "main", "deep1", "deep2", "once", "off")
    ]}]
    preset = {"prompts": prompts, "prompt_order": order}
    card = Card("Mira", description="D", personality="P", system_prompt="CARD")
    extras = [Injection("x", "X", depth=1), Injection("b", "BEFORE", "before"), Injection("c", "AFTER", "after")]
    made = turn(said("a", "b"), preset, card=card, injections=extras)
    chat = ["s: NEW", "a: a", "s: D1", "s: D2\nX", "u: b"]
    assert sent(made) == ["a: MINE Mira", *chat, "s: BEFORE", "u: MAIN", "s: AFTER", "s: P"]
    swiped = turn(said("a", "b"), preset, card=card, kind="swipe")
    assert sent(swiped)[-2:] == ["s: ONCE", "s: P"]


def test_a_main_prompt_that_is_off_keeps_the_place_of_what_stands_around_it() -> None:
    order = [{"character_id": 100001, "order": [
        {"identifier": "main", "enabled": False}, {"identifier": "chatHistory", "enabled": True},
    ]}]
    made = turn(said("a"), {"prompt_order": order}, card=Card("Mira", system_prompt="CARD"), prompt={"system": "S"},
                injections=[Injection("b", "BEFORE", "before")])
    assert sent(made) == ["s: BEFORE", "s: NEW", "a: a"]


def test_groups_have_an_opening_a_nudge_and_names() -> None:
    preset = {"group_nudge_prompt": "AS {{char}}"}
    made = turn([*said("a", "b"), kit.node(7, "assistant", "Bob", "c")], preset, cast=Cast((MIRA, Card("Bob"))),
                group=True, card=MIRA)
    assert sent(made) == [
        "s: EX", "s(example_user): Alex: Cold?", "s(example_assistant): Mira: Always.", "s: GROUP Mira", "a: Mira: a",
        "u: b", "a: Bob: c", "s: AS Mira",
    ]


def test_quiet_impersonate_and_started_replies_stand_last() -> None:
    asks = {"impersonation_prompt": "BE {{user}}"}
    assert sent(turn(said("a"), asks, kind="impersonate", instruction="more"))[-2:] == ["s: BE Alex", "s: more"]
    assert sent(turn(said("a"), kind="quiet", instruction="Q"))[-1] == "s: Q"
    assert sent(turn(said("a"), prefill="Well, "))[-1] == "a: Well, "
    assert sent(turn(said("a"), {"send_if_empty": "…"}))[-1] == "u: …"
    assert sent(turn(said("a", "b"), {"send_if_empty": "…"}))[-1] == "u: b"


@pytest.mark.parametrize(("kind", "want"), [
    ("", ["s: S", "s: NEW", "a: a", "u: b", "s: I"]), ("merge", ["s: S\n\nNEW", "a: a", "u: b", "s: I"]),
    ("merge_tools", ["s: S\n\nNEW", "a: a", "u: b", "s: I"]), ("semi", ["s: S\n\nNEW", "a: a", "u: b\n\nI"]),
    ("strict", ["s: S\n\nNEW", "u: [Start a new chat]", "a: a", "u: b\n\nI"]),
    ("single", ["u: S\n\nNEW\n\nMira: a\n\nAlex: b\n\nI"]),
])
def test_post_processing(kind: str, want: list[str]) -> None:
    made = turn(said("a", "b"), {"custom_prompt_post_processing": kind}, prompt={"system": "S"},
                injections=[Injection("i", "I", depth=0)])
    assert sent(made) == want


def test_what_leaves_first_is_the_oldest_of_the_chat_then_examples() -> None:
    path = said(*("word " * 20 for _ in range(9)))
    made = turn(path, card=MIRA, budget=Budget(150, 10))
    plan = make_compatible_plan(made, kit.quarter)
    roles = [m.role for m in compatible_messages(plan, made)]
    assert roles[0] == "system"
    assert 1 < len(roles) < 8
    assert roles[-1] == "assistant"
    assert plan.cut == tuple(n.id for n in path[: len(plan.cut)])
    assert plan.cut
    pinned = turn(path, card=MIRA, budget=Budget(150, 10), prompt={"examples": "always"})
    assert "s(example_user): Cold?" in sent(pinned)
    assert "s(example_user): Cold?" not in sent(made)
    with pytest.raises(PromptTooLong):
        sent(turn(path, budget=Budget(20, 10)))


def test_the_parts_of_a_message_are_told_apart_and_counted() -> None:
    made = turn(said("a"), note="NOTE", note_depth=0, injections=[Injection("i", "I", depth=0)])
    plan = make_compatible_plan(made, kit.quarter)
    assert [s.source for s in plan.segments][-2:] == ["note", "injection:i"]
    assert compatible_messages(plan, made)[-1].content == "NOTE\nI"
    assert not any(p.markup for p in compatible_pieces(plan, made)[1])
