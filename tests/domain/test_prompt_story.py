"""The story string: conditions, glue, trims, and broken or hostile ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.prompt.story import Stretch, render_story

VALUES: dict[str, list[Stretch]] = {
    "system": [("system", "Play.")], "description": [("card.description", "A keeper.")], "scenario": [],
    "lore_before": [("lore:b:1", "Sea.\n"), ("lore:b:2", "Storm.")],
}


def story(text: str) -> str:
    return "".join(part for _, part in parts(text))


def parts(text: str) -> list[Stretch]:
    return render_story(text, VALUES, {"char": "Mira"}, lambda literal: literal)


@pytest.mark.parametrize(("text", "expected"), [
    ("{{system}}\n{{description}}", "Play.\nA keeper."),
    ("{{#if system}}S {{/if}}{{#if scenario}}C {{/if}}x", "S x"),
    ("{{#if scenario}}yes{{else}}no{{/if}}", "no"),
    ("{{#unless scenario}}none{{/unless}}", "none"),
    ("{{#if char}}{{#if scenario}}a{{else}}b{{/if}}c{{/if}}", "bc"),
    ("{{#if scenario}}{{#if char}}a{{/if}}{{system}}{{/if}}x", "x"),
    ("{{wiBefore}}|{{wiAfter}}|", "Sea.\nStorm.||"),
    ("a\n\n{{trim}}\n\n{{system}}\n{{trim}}", "aPlay."),
    ("\n\n{{system}}  \n", "Play."),
    ("{{#if system}}never closed {{system}}", "{{#if system}}never closed Play."),
    ("{{/if}}{{else}}{{system}}", "{{/if}}{{else}}Play."),
    ("{{#if system}}{{#unless char}}x{{/if}}", "{{#if system}}{{#unless char}}x{{/if}}"),
    ("{{> partial}}{{lookup this 'constructor'}}", "{{> partial}}{{lookup this 'constructor'}}"),
])
def test_story(text: str, expected: str) -> None:
    assert story(text) == expected


def test_text_in_a_condition_belongs_to_its_field() -> None:
    assert parts("Begin. {{#if description}}About {{char}}: {{description}}{{/if}} End") == [
        ("story", "Begin. "), ("card.description", "About {{char}}: A keeper."), ("story", " End"),
    ]
    assert parts("{{#if lore_before}}World:\n{{lore_before}}!{{/if}}") == [
        ("lore:b:1", "World:\nSea.\n"), ("lore:b:2", "Storm.!"),
    ]


@given(st.lists(st.sampled_from(
    ["{{#if system}}", "{{#unless char}}", "{{/if}}", "{{/unless}}", "{{else}}", "{{system}}", "{{trim}}", "x", "\n"]
), max_size=40))
def test_any_story_is_taken(tokens: list[str]) -> None:
    rendered = parts("".join(tokens))
    assert all(text for _, text in rendered)


def test_a_deep_story_costs_little() -> None:
    started = time.process_time()
    story("{{#if system}}" * 5000 + "x" + "{{/if}}" * 5000 + "{{#if char}}" * 5000)
    assert time.process_time() - started < 2.0
