"""What the check of a prompt format finds, and that it is silent about the formats that ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tui.domain.backend import ChatMessage
from tui.domain.prompt.lint import Finding, Tokens, compare, lint
from tui.domain.prompt.render import render_messages, text_of
from tui.domain.template import Template
from tui.formats.presets import read_template
from tui.resources import presets_dir

CHATML = Template(
    "chatml", system_prefix="<|im_start|>system\n", system_suffix="<|im_end|>\n", user_prefix="<|im_start|>user\n",
    user_suffix="<|im_end|>\n", assistant_prefix="<|im_start|>assistant\n", assistant_suffix="<|im_end|>\n",
    stop=("<|im_end|>",),
)
FILES = sorted((presets_dir() / "templates").glob("*.yaml"))


def model(template: Template, bos: str = "") -> Any:
    """The chat template of a model that was trained on `template`."""

    def render(told: Mapping[str, Any]) -> str | None:
        messages = [ChatMessage(m["role"], m["content"]) for m in told["messages"]]
        _, pieces = render_messages(
            template, messages, generation=told["add_generation_prompt"], clock=str(told["clock"]),
        )
        return bos + text_of(pieces)

    return render


def ids(found: Sequence[Finding], severity: str = "") -> list[str]:
    return [f.what.id for f in found if severity in ("", f.severity)]


def test_a_format_that_writes_what_the_model_writes_has_no_difference() -> None:
    assert compare(CHATML, model(CHATML)) == ()
    assert compare(CHATML, model(CHATML, "<s>"), bos_token="<s>") == ()
    assert lint(CHATML, render=model(CHATML)) == ()


def test_the_first_difference_is_told_with_both_sides_quoted() -> None:
    spaced = replace(CHATML, user_suffix="<|im_end|>")
    first = compare(spaced, model(CHATML))[0]
    assert first.required
    assert first.ours.endswith('<|im_end|><|im_start|>assistant\\n"')
    assert '<|im_end|>\\n<|im_start|>' in first.theirs
    found = lint(spaced, render=model(CHATML))
    assert ids(found, "error")
    assert all('"' in str(f.what) for f in found if f.severity == "error")


def test_a_difference_in_edge_cases_only_is_no_error() -> None:
    merging = replace(CHATML, same_role="merge")
    found = compare(merging, model(CHATML))
    assert found
    assert not any(d.required for d in found)
    assert not ids(lint(merging, render=model(CHATML)), "error")


def test_a_template_that_refuses_everything_gives_no_difference() -> None:
    assert compare(CHATML, lambda told: None) == ()


@pytest.mark.parametrize(("adds", "bos", "text", "errors"), [
    (True, "", "", 0), (False, "<s>", "", 0), (True, "<s>", "", 0), (True, "", "<s>", 1), (False, "<s>", "<s>", 1),
])
def test_bos_is_counted_as_the_prompt_is_sent(adds: bool, bos: str, text: str, errors: int) -> None:
    form = replace(CHATML, bos=bos, system_prefix=text + CHATML.system_prefix)
    found = lint(form, bos_token="<s>", tokens=Tokens({"<s>": 1}, "<s>", adds))
    assert len(ids(found, "error")) == errors


def test_a_backend_that_sees_to_one_bos_has_one() -> None:
    form = replace(CHATML, system_prefix="<s>" + CHATML.system_prefix)
    assert not ids(lint(form, tokens=Tokens({"<s>": 1}, "<s>", True, once=True)))
    assert ids(lint(replace(form, system_prefix="<s>" + form.system_prefix), tokens=Tokens({"<s>": 1}, "<s>", True)))


def test_a_prompt_without_the_bos_that_the_format_has_is_an_error() -> None:
    form = replace(CHATML, bos="<s>")
    letters = {"<s>": 3}                                    # the tokenizer reads three tokens of text there
    assert ids(lint(form, tokens=Tokens(letters, "", False)), "error")
    assert not ids(lint(form, tokens=Tokens(letters, "", True)))


def test_a_prompt_without_the_bos_that_the_model_writes_is_an_error() -> None:
    none = Tokens({"<s>": 1}, "<s>", False)
    assert ids(lint(CHATML, render=model(CHATML, "<s>"), bos_token="<s>", tokens=none), "error")
    assert not ids(lint(CHATML, render=model(CHATML), bos_token="<s>", tokens=none))
    assert not ids(lint(CHATML, render=model(CHATML, "<s>"), bos_token="<s>", tokens=replace(none, adds_bos=True)))


def test_an_opener_that_ends_with_a_blank_is_doubtful() -> None:
    vicuna = Template(
        "v", user_prefix="USER: ", user_suffix=" ", assistant_prefix="ASSISTANT: ", assistant_suffix="</s>",
        stop=("</s>",),
    )
    assert len(ids(lint(vicuna), "warning")) == 1
    assert not ids(lint(replace(vicuna, generation_prefix="ASSISTANT:")))


def test_stops_must_stand_where_a_reply_ends() -> None:
    assert ids(lint(replace(CHATML, stop=())), "warning")
    assert ids(lint(replace(CHATML, stop=("###",))), "warning")
    assert not ids(lint(replace(CHATML, stop=()), eos_token="<|im_end|>"))
    assert ids(lint(replace(CHATML, stop=("<|im_end|>", "\n"))), "error")


def test_markup_of_another_family_is_named() -> None:
    mixed = replace(CHATML, user_prefix="<start_of_turn>user\n")
    assert any("<start_of_turn>" in str(f.what) for f in lint(mixed))
    strange = lint(CHATML, vocabulary=["<start_of_turn>", "<end_of_turn>"])
    assert any("<|im_start|>" in str(f.what) for f in strange)
    assert not lint(CHATML, vocabulary=["<|im_start|>", "<|im_end|>"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_doubtful_about_the_formats_that_ship(file: Any) -> None:
    template = read_template(file.read_bytes(), file.stem, file.name)
    assert [f for f in lint(template) if f.severity != "note"] == []
