"""Prompts that SillyTavern 1.19 sent, byte for byte."""

from __future__ import annotations

from typing import Any

import compatible_kit as kit
import pytest

from tui.domain.prompt.compatible.plan import make_compatible_plan
from tui.domain.prompt.compatible.render import compatible_messages


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


@pytest.mark.parametrize(("case", "file"), kit.cases("gold4_cc.json"))
def test_chat_completion(case: dict[str, Any], file: str) -> None:
    turn, lore = kit.chat_scenario(case)
    plan = make_compatible_plan(turn, kit.quarter, lore=lore)
    sent = [
        {"role": m.role, "content": m.content, **({"name": m.name} if m.name else {})}
        for m in compatible_messages(plan, turn)
    ]
    assert sent == case["messages"]
    assert plan.stops == ()
