"""What the tests of the planner are made of: a small format, a card, a chat, a tokenizer that counts words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui.domain.card import Card
from tui.domain.chat import Node, Revision, Role
from tui.domain.profile import PromptPreset
from tui.domain.prompt.render import render_plan, text_of
from tui.domain.prompt.types import Budget, Plan, Turn
from tui.domain.template import Template

CHATML = Template(
    "chatml", system_prefix="<|im_start|>system\n", system_suffix="<|im_end|>\n", user_prefix="<|im_start|>user\n",
    user_suffix="<|im_end|>\n", assistant_prefix="<|im_start|>assistant\n", assistant_suffix="<|im_end|>\n",
    stop=("<|im_end|>",),
)
MIRA = Card("Mira", description="{{char}} keeps the lighthouse.", personality="wry", scenario="A storm.")


def words(text: str) -> int:
    """A tokenizer for tests: a word, a line end or a tag is a token."""
    return len(text.split()) + text.count("\n")


def node(at: int, role: Role, text: str, name: str = "", **marks: Any) -> Node:
    revision = Revision(f"r{at}", text, at)
    return Node(f"n{at}", f"n{at - 1}" if at else None, role, name, at, at, (revision,), f"r{at}", **marks)


def talk(*texts: str) -> list[Node]:
    """A chat that begins with the character's greeting."""
    return [
        node(at, "assistant" if at % 2 == 0 else "user", text, "Mira" if at % 2 == 0 else "Alex")
        for at, text in enumerate(texts)
    ]


def turn(path: Sequence[Node], context: int = 4000, reserve: int = 200, **more: Any) -> Turn:
    values: dict[str, Any] = {
        "card": MIRA, "user": "Alex", "persona": "{{user}} is a courier.", "prompt": PromptPreset("default"),
        "template": CHATML, "clock": "2025-01-15T14:05:00",
    }
    return Turn(path=path, budget=Budget(context, reserve), **{**values, **more})


def text(plan: Plan, of: Turn) -> str:
    bos, pieces = render_plan(plan, of)
    return text_of(pieces, bos)


def included(plan: Plan) -> list[str]:
    return [s.source for s in plan.segments if s.included]
