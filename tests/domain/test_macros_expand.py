"""Macros: what they stand for, what stays as it is, and what they cannot do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.macros import Frozen, MacroContext, expand

CONTEXT = MacroContext(
    user="Alex", char="Mira", persona="Alex is a courier.", description="A keeper.", personality="wry",
    scenario="A storm.", last_message="Sit.", last_user_message="Very.", last_char_message="Sit.",
    clock="2025-01-15T14:05:00", seed=7, place="test",
)


@pytest.mark.parametrize(("text", "expected"), [
    ("{{user}} and {{char}}", "Alex and Mira"),
    ("{{ USER }} <USER> <BOT> <char>", "Alex Alex Mira Mira"),
    ("{{description}}|{{personality}}|{{scenario}}|{{persona}}", "A keeper.|wry|A storm.|Alex is a courier."),
    ("a{{newline}}b{{newline::2}}c", "a\nb\n\nc"),
    ("a\n\n{{trim}}\n\nb", "ab"),
    ("{{noop}}x{{// hidden}}y{{comment: note}}", "xy"),
    ("{{reverse:abc}}", "cba"),
    ("{{random::x}}{{random:x}}{{pick::y}}", "xxy"),
    ("{{roll:1}} {{roll::1d1}} {{roll 2d1+3}}", "1 1 5"),
    ("{{time}} {{date}} {{weekday}} {{isotime}} {{isodate}}", "2:05 PM January 15, 2025 Wednesday 14:05 2025-01-15"),
    ("{{lastMessage}}/{{lastUserMessage}}/{{lastCharMessage}}", "Sit./Very./Sit."),
    ("{{unknown::{{user}}}} {{setvar::a::1}}", "{{unknown::Alex}} {{setvar::a::1}}"),
    ("{{random::{{user}}}}", "Alex"),
    ("{{{char}}}", "{Mira}"), ("{{user", "{{user"), ("user}}", "user}}"), ("{{}}", "{{}}"), ("{ {user}}", "{ {user}}"),
    ("{{original}}", "{{original}}"),
    ("{{roll:999999999d999999999}} {{roll:0}}", "{{roll:999999999d999999999}} {{roll:0}}"),
])
def test_macro(text: str, expected: str) -> None:
    assert expand(text, CONTEXT) == expected


def test_values_are_not_read_again() -> None:
    context = MacroContext(user="{{char}}", char="{{user}} {{description}}", description="{{description}}{{char}}")
    once = "{{char}}|{{user}} {{description}}|{{description}}{{char}}"
    assert expand("{{user}}|{{char}}|{{description}}", context) == once


def test_original_comes_once() -> None:
    assert expand("{{original}} {{original}}!", MacroContext(original="Base.")) == "Base. !"


def test_dice_follow_the_seed_and_the_place() -> None:
    text = "{{roll:1000000}} {{roll:1000000}}"
    first = expand(text, CONTEXT)
    assert first == expand(text, CONTEXT)
    assert len(set(first.split())) == 2
    assert first != expand(text, MacroContext(seed=8, place="test"))
    assert first != expand(text, MacroContext(seed=7, place="elsewhere"))


def test_commas_can_be_part_of_a_choice() -> None:
    seen = {expand("{{random:a\\,b,c}}", MacroContext(seed=seed)) for seed in range(40)}
    assert seen == {"a,b", "c"}


def test_frozen_values_come_back() -> None:
    first = Frozen()
    text = "{{time}} {{random::a::b::c::d}} {{roll:1000}}"
    one = expand(text, MacroContext(clock="2025-01-15T14:05:00", seed=1, frozen=first))
    again = Frozen(known=dict(first.used))
    assert expand(text, MacroContext(clock="2026-06-01T09:00:00", seed=99, frozen=again)) == one
    assert again.used == first.used


def test_pick_does_not_change_with_the_turn() -> None:
    text = "{{pick::a::b::c::d::e::f::g}}"
    assert len({expand(text, MacroContext(seed=seed, place="p")) for seed in range(20)}) == 1


@pytest.mark.parametrize("text", [
    "{{random:" * 4000 + "a" + "}}" * 4000, "{{" * 50_000, "}}" * 50_000, "{{user}}" * 50_000,
    "{{newline::99999999}}" * 5000, "{{// never closed " * 5000, "{{reverse::" * 50 + "x" * 10_000 + "}}" * 50,
    "{{trim}}\n" * 20_000, "<USER>" * 20_000, "{{random::" + "a::" * 50_000 + "}}",
], ids=["nested", "open", "close", "many", "growth", "comments", "reverse", "trim", "names", "choices"])
def test_hostile_macros_cost_little(text: str) -> None:
    started = time.process_time()
    out = expand(text, MacroContext(user="u" * 1000, char="c"))
    assert time.process_time() - started < 3.0
    assert len(out) <= 5 * len(text) + 65_536 + 100


@given(st.text(alphabet=st.sampled_from(list("{}:,a userchdomtil/#\n<>USER\\")), max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert len(expand(text, CONTEXT)) <= 5 * len(text) + 65_536


@given(st.text(max_size=200).filter(lambda t: "{{" not in t and "<" not in t))
def test_text_without_macros_stays(text: str) -> None:
    assert expand(text, CONTEXT) == text
