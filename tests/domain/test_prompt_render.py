"""Rendering beyond the recorded vectors: prefill, folding, notes, names, modes, thoughts, dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from prompt_kit import CHATML

from tui.domain.backend import ChatMessage
from tui.domain.errors import BadInput
from tui.domain.prompt.render import render_messages, text_of
from tui.domain.template import ReasoningTags, Template, Trim

VICUNA = Template(
    "vicuna", system_suffix=" ", system_missing="A chat. ", user_prefix="USER: ", user_suffix=" ",
    assistant_prefix="ASSISTANT: ", assistant_suffix="</s>", generation_prefix="ASSISTANT:",
)
LLAMA2 = Template(
    "llama2", bos="<s>", system_placement="first_user", system_prefix="<<SYS>>\n", system_suffix="\n<</SYS>>\n\n",
    user_prefix="[INST] ", user_suffix=" [/INST]", assistant_prefix=" ", assistant_suffix=" </s><s>",
    generation_prefix="", trim=Trim(user="both", assistant="both"), trim_scope="turn", same_role="merge",
    first_turn="user",
)


def chat(*turns: tuple[str, str] | tuple[str, str, str]) -> list[ChatMessage]:
    return [ChatMessage(*turn) for turn in turns]


def render(template: Template, messages: Sequence[ChatMessage], **more: Any) -> str:
    bos, pieces = render_messages(template, messages, **more)
    return text_of(pieces, bos)


def test_a_started_reply_has_its_own_opener_and_no_end() -> None:
    messages = chat(("user", "Hi"), ("assistant", "Well, "))
    assert render(VICUNA, messages, continue_last=True) == "A chat. USER: Hi ASSISTANT: Well, "
    thinking = replace(CHATML, prefill_prefix="<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert render(thinking, messages, continue_last=True).endswith("<think>\n\n</think>\n\nWell, ")


def test_the_system_text_goes_into_the_last_user_turn_even_before_a_started_reply() -> None:
    form = replace(LLAMA2, system_placement="last_user")
    messages = chat(("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    assert "[INST] <<SYS>>\nS\n<</SYS>>\n\nc [/INST] d" in render(form, messages, continue_last=True)


def test_a_greeting_gets_a_user_turn_before_it_where_the_format_wants_one() -> None:
    messages = chat(("system", "S"), ("assistant", "Hello"), ("user", "Hi"))
    assert render(LLAMA2, messages).startswith("<s>[INST] <<SYS>>\nS\n<</SYS>> [/INST] Hello </s><s>[INST] Hi [/INST]")
    filled = render(replace(LLAMA2, filler="Begin."), messages)
    assert "<</SYS>>\n\nBegin. [/INST] Hello" in filled


def test_a_system_text_without_any_user_turn_is_not_lost() -> None:
    form = replace(LLAMA2, first_turn="any")
    assert "SECRET" in render(form, chat(("system", "SECRET"), ("assistant", "Hello")))


def test_neighbours_of_one_role_are_joined_where_the_format_wants_it() -> None:
    assert "[INST] a\n\nb [/INST]" in render(LLAMA2, chat(("user", "a"), ("user", "b")))
    assert render(CHATML, chat(("user", "a"), ("user", "b"))).count("<|im_start|>user") == 2


def test_notes_never_become_a_turn_that_the_format_does_not_have() -> None:
    messages = chat(("system", "S"), ("user", "a"), ("assistant", "b"), ("system", "NOTE"), ("user", "c"))
    assert render(LLAMA2, messages).count("<<SYS>>") == 1
    assert "[INST] NOTE\n\nc [/INST]" in render(LLAMA2, messages)
    inline = replace(CHATML, note_role="inline")
    assert "<|im_start|>user\nNOTE\n\nc<|im_end|>" in render(inline, messages)
    assert "c\n\nLAST<|im_end|>" in render(inline, [*messages, ChatMessage("system", "LAST")])


def test_names_in_turns_and_at_the_opener() -> None:
    form = replace(VICUNA, names="always")
    messages = chat(("user", "Hi", "Alex"), ("assistant", "Yes", "Mira"))
    assert render(form, messages, char="Mira", user="Alex") == (
        "A chat. USER: Alex: Hi ASSISTANT: Mira: Yes</s>ASSISTANT:Mira:"
    )
    grouped = replace(form, names="group")
    assert "Alex:" not in render(grouped, messages, char="Mira", user="Alex")
    assert "Alex: Hi" in render(grouped, messages, char="Mira", user="Alex", group=True)


def test_a_name_in_a_header_is_text_and_not_markup() -> None:
    form = replace(CHATML, user_prefix="<|im_start|>{{name}}\n", system_missing="{{char}} and {{user}}\n")
    _, pieces = render_messages(form, chat(("user", "Hi", "<|im_end|>")), char="<|eot|>", user="Alex")
    assert [p.text for p in pieces if not p.markup] == ["<|eot|>", "Alex", "<|im_end|>", "Hi"]


def test_finished_thoughts_leave_history_but_not_the_started_reply() -> None:
    tags = ReasoningTags("<think>", "</think>", True, "\n")
    thought, open_one = "<think>x</think>\n\nb", "<think>y</think>d"
    messages = chat(("user", "a"), ("assistant", thought), ("user", "c"), ("assistant", open_one))
    whole = render(replace(CHATML, reasoning=tags), messages, continue_last=True)
    assert "assistant\nb<|im_end|>" in whole
    assert whole.endswith("<think>y</think>d")
    assert "<think>x" in render(CHATML, messages)


def test_modes_change_fields_and_unknown_ones_are_named() -> None:
    form = replace(CHATML, modes={"brief": {"generation_prefix": "<brief>", "trim": {"user": "both"}}})
    assert render(form, chat(("user", " a ")), mode="brief") == "<|im_start|>user\na<|im_end|>\n<brief>"
    with pytest.raises(BadInput, match="brief"):
        render(form, chat(("user", "a")), mode="loud")


@pytest.mark.parametrize(("form", "expected"), [
    ("%d %b %Y", "05 Mar 2025"), ("%Y-%m-%d", "2025-03-05"), ("%B %d, %Y", "March 05, 2025"), ("%-d.%-m.", "5.3."),
    ("%A %H:%M %I %p", "Wednesday 14:07 02 PM"), ("%Q %%", "%Q %"),
])
def test_dates_of_a_format(form: str, expected: str) -> None:
    template = Template("t", preamble="{{date:" + form + "}}")
    assert render(template, [], clock="2025-03-05T14:07:00") == expected


def test_order_of_the_parts() -> None:
    form = Template(
        "t", bos="B", preamble="P", system_prefix="S", chat_start="C", user_prefix="U", assistant_prefix="A",
        generation_prefix="G",
    )
    assert render(form, chat(("system", "1"), ("user", "2"))) == "BPS1CU2G"
    assert render(form, chat(("user", "2")), generation=False) == "BPCU2"
