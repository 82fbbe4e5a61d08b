"""Story strings: the part of Handlebars that they use, with its white space; and limits on what files may hold."""

from __future__ import annotations

import contextlib
import time

import compatible_kit as kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.errors import PromptTooLong
from tui.domain.prompt.compatible.handlebars import BadStory, render_handlebars, trimmed_runs
from tui.domain.prompt.compatible.runs import Run, Runs, text_of_runs
from tui.domain.prompt.compatible.settings import ContextPreset, InstructPreset
from tui.domain.prompt.types import Budget, Injection

VALUES: dict[str, Runs] = {"a": (Run("A"),), "b": (Run(""),), "two": (Run("x", "one"), Run("\n\n", "two"))}


def story(text: str) -> str:
    return text_of_runs(trimmed_runs(render_handlebars(text, VALUES, lambda name: (Run(f"<{name}>"),))))


@pytest.mark.parametrize(("text", "want"), [
    ("{{a}}{{{a}}}{{ a }}", "AAA"),
    ("{{#if a}}{{a}}\n{{/if}}{{#if b}}{{b}}\n{{/if}}end", "A\nend"),
    ("{{#if a}}\n{{a}}\n{{/if}}\nnext", "A\nnext"),
    ("x\n  {{#if b}}\nno\n{{else}}\nyes\n  {{/if}}  \nnext", "x\nyes\nnext"),
    ("{{#unless b}}1{{else}}2{{/unless}}", "1"),
    ("{{#if b}}1{{else if a}}2{{else}}3{{/if}}", "2"),
    ("{{#if b}}1{{^}}3{{/if}}", "3"),
    ("x {{~#if a~}} {{a}} {{~/if~}} y {{~a~}} z", "xAyAz"),
    ("one\n{{!-- gone {{a}} --}}\ntwo {{! gone }}three", "one\ntwo three"),
    ("{{two}}{{trim}}\n\nafter", "xafter"),
    ("{{unknown}} {{getvar::x}} {{random: a, b}}", "<unknown> <getvar::x> <random: a, b>"),
    ("{{ {{a}} }}", "{{ A }}"),
])
def test_stories(text: str, want: str) -> None:
    assert story(text) == want


@pytest.mark.parametrize("text", ["{{#if a}}", "{{/if}}", "{{else}}", "{{!-- x", "{{#if a}}{{else}}{{else}}{{/if}}",
                                  "{{#if a}}" * 60 + "{{/if}}" * 60])
def test_stories_that_are_refused(text: str) -> None:
    with pytest.raises(BadStory):
        story(text)


@given(st.lists(st.sampled_from(["{{#if a}}", "{{/if}}", "{{else}}", "{{a}}", "\n", " ", "~", "{{trim}}", "x", "{{"])))
def test_any_story_ends_or_is_refused(parts: list[str]) -> None:
    with contextlib.suppress(BadStory):
        story("".join(parts))


@pytest.mark.parametrize("text", ["{{" * 40_000, "{{" + " " * 100_000, "\n " * 50_000 + "{{a}}", "{{!--" * 20_000])
def test_long_stories_take_no_long_time(text: str) -> None:
    before = time.process_time()
    with contextlib.suppress(BadStory):
        story(text)
    assert time.process_time() - before < 2


def test_presets_hold_values_as_text_and_old_names() -> None:
    old = InstructPreset.from_fields({
        "names": "false", "names_force_groups": "true", "separator_sequence": "|", "wrap": "False", "macro": 0,
        "skip_examples": "1", "input_sequence": None, "names_behavior_": "x", "preamble": "not a field",
    })
    assert (old.names_behavior, old.output_suffix, old.wrap, old.macro, old.skip_examples) == (
        "force", "|", False, False, True,
    )
    assert (old.input_sequence, old.preamble) == ("", "")
    assert InstructPreset.from_fields({"names": True}).names_behavior == "always"
    assert InstructPreset.from_fields({"names": 0, "names_force_groups": "no"}).names_behavior == "none"
    assert InstructPreset.from_fields({"names_behavior": "odd"}).names_behavior == "force"
    context = ContextPreset.from_fields({"story_string": "S{{trim}}", "story_string_position": "1", "single_line": "on",
                                         "story_string_depth": "7.5", "names_as_stop_strings": ""})
    assert (context.story_string_position, context.story_string_depth) == (1, 1)
    assert (context.story_string, context.single_line, context.names_as_stop_strings) == ("S{{trim}}", True, False)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("ab \n", max_size=60), max_size=12), st.integers(20, 160),
    st.sampled_from(["normal", "continue", "impersonate", "quiet"]),
    st.sampled_from(sorted(kit.INSTRUCT)), st.sampled_from(["gradual", "never"]), st.booleans(),
)
def test_no_prompt_is_over_its_budget(
    texts: list[str], context: int, kind: str, form: str, examples: str, messages: bool
) -> None:
    path = [
        kit.node(at, "user" if at % 2 else "assistant", "Alex" if at % 2 else "Mira", text)
        for at, text in enumerate(texts)
    ]
    turn = kit.turn(path, form, kind=kind, budget=Budget(context, 5), instruction="Q" if kind == "quiet" else "",
                    prompt={"examples": examples, "system": "S"}, persona="", as_messages=messages,
                    mes_example="{{user}}: one\n{{char}}: two", injections=[Injection("i", "I", depth=2)])
    with contextlib.suppress(PromptTooLong):
        plan, prompt = kit.prompt_of(turn)
        assert messages or kit.quarter(prompt) <= context - 5
        shown = [s for s in plan.segments if s.included]
        assert "".join(p.text for s in shown for p in s.pieces) == prompt
        newest = f"message:{path[-1].id}" if path else ""
        assert not newest or not texts[-1] or newest in {s.source for s in shown}
