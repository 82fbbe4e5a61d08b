"""Prompts that SillyTavern 1.19 sent, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

import compatible_kit as kit


@pytest.mark.parametrize(("case", "file"), kit.cases("gold1.json", "gold2.json", "gold2b.json"))
def test_text_completion(case: dict[str, Any], file: str) -> None:
    turn, lore = kit.scenario(case, file)
    plan, prompt = kit.prompt_of(turn, lore)
    assert prompt == case["prompt"]
    assert list(plan.stops) == case["stop"]


@pytest.mark.parametrize(("case", "file"), kit.cases("gold3_groups.json"))
def test_group(case: dict[str, Any], file: str) -> None:
    for turn, prompt, stops in zip(kit.group_scenario(case), case["prompts"], case["stops"], strict=True):
        plan, written = kit.prompt_of(turn)
        assert written == prompt
        assert list(plan.stops) == stops
