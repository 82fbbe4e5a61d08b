"""The prompt formats that ship, against the recorded renderings of the models they are for."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tui.domain.backend import ChatMessage
from tui.domain.defuse import JOINER, defuse
from tui.domain.prompt.render import render_messages, text_of, with_mode
from tui.domain.template import Template
from tui.formats.presets import read_template
from tui.resources import presets_dir

SHARED = Path(__file__).parents[2].parent / "shared"
VECTORS = SHARED / "data" / "template_vectors"
TABLE = SHARED / "spec" / "templates.md"
#: What the recorded renderings were told to do, and the mode that says so here.
MODES: dict[str, dict[Any, str]] = {
    "enable_thinking": {True: "think", False: "nothink"}, "reasoning_effort": {"low": "low"},
}


@cache
def files() -> tuple[Template, ...]:
    found = sorted((presets_dir() / "templates").glob("*.yaml"))
    return tuple(read_template(file.read_bytes(), file.stem, file.name) for file in found)


def shipped() -> dict[str, Template]:
    """Formats by id and by alias."""
    return {name: template for template in files() for name in (template.id, *template.aliases)}


def table_ids() -> list[str]:
    """Every format that the table of formats names with its strings."""
    if not TABLE.is_file():
        return []
    body = TABLE.read_text("utf-8").split("\n## 3.", 1)[1].split("\n## 4.", 1)[0]
    return re.findall(r"^\*\*`([^`]+)`\*\*", body, re.M)


def mode_of(case: dict[str, Any], template: Template) -> str:
    told = case.get("template_kwargs") or {}
    modes = [MODES[name][value] for name, value in told.items() if name in MODES and value in MODES[name]]
    return next((mode for mode in modes if mode in template.modes), "")


def cases() -> list[Any]:
    out = []
    for file in sorted(VECTORS.glob("*.json")) if VECTORS.is_dir() else []:
        data = json.loads(file.read_text("utf-8"))
        out += [pytest.param(data["id"], c, id=f"{data['id']}-{c['id']}") for c in data["cases"] if c["required"]]
    return out


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the recorded renderings are not here")
@pytest.mark.parametrize(("name", "case"), cases())
def test_shipped_format(name: str, case: dict[str, Any]) -> None:
    template = shipped()[name]
    messages = [ChatMessage(m["role"], m["content"]) for m in case["messages"]]
    bos, pieces = render_messages(
        template, messages, generation=case["add_generation_prompt"], mode=mode_of(case, template),
        clock="2025-01-15T12:00:00",
    )
    assert text_of(pieces, bos) == case["expected"]


@pytest.mark.skipif(not TABLE.is_file(), reason="the table of formats is not here")
def test_every_format_of_the_table_ships() -> None:
    assert len(table_ids()) > 80
    assert set(table_ids()) <= set(shipped())


def test_no_name_stands_for_two_formats() -> None:
    names = [name for template in files() for name in (template.id, *template.aliases)]
    assert sorted(names) == sorted(set(names))
    hashes = [digest for template in files() for digest in template.detect.sha256]
    assert len(hashes) == len(set(hashes))
    labels = [template.label for template in files()]
    assert all(labels)
    assert len(labels) == len(set(labels))


def test_every_family_that_the_guide_names_has_its_format() -> None:
    families = (
        "alpaca", "vicuna", "stable-beluga", "airoboros", "wizardlm", "chronos", "llama-2", "llama-3", "llama-3.1",
        "llama-4", "pygmalion", "metharme", "mpt", "falcon", "mistral-v1", "mistral-v3", "mistral-v7", "mixtral",
        "miqu", "qwen",
        "yi", "solar", "command-r", "aya", "phi-3", "grok", "gemma", "openchat", "saiga", "deepseek", "glm-4",
        "gpt-oss", "granite", "olmo", "tulu", "zephyr", "orion", "exaone", "seed-oss", "kimi", "yandexgpt", "gigachat",
        "minicpm", "smollm3", "megrez", "rwkv", "synthia",
    )
    assert set(families) <= set(shipped())


@pytest.mark.parametrize("template", files(), ids=lambda template: template.id)
def test_every_format_makes_a_prompt_in_every_mode(template: Template) -> None:
    talk = [ChatMessage("system", "Qs"), *(ChatMessage(r, f"Q{r}") for r in ("assistant", "user", "assistant", "user"))]
    note = [*talk[:3], ChatMessage("system", "Qn"), *talk[3:]]
    for mode in ("", *template.modes):
        for messages in (talk, talk[1:], note):
            bos, pieces = render_messages(template, messages, mode=mode, char="Mira", user="Alex", clock="2025-01-15")
            text = text_of(pieces, bos)
            assert all(m.content in text for m in messages)
            form = with_mode(template, mode)
            opener = form.assistant_prefix if form.generation_prefix is None else form.generation_prefix
            assert text.endswith(opener.replace("{{char}}", "Mira"))


def test_text_of_people_is_not_markup_in_any_shipped_format() -> None:
    for template in files():
        marks = "".join([template.user_prefix, template.assistant_suffix, "</s><|im_end|><|eot_id|>"])
        messages = [ChatMessage(role, f"«{marks}»") for role in ("system", "user", "assistant", "user")]
        _, pieces = render_messages(template, messages)
        assert not any("«" in p.text or "»" in p.text for p in pieces if p.markup)
        assert sum(p.text.count("«") for p in pieces if not p.markup) == 4


def test_what_stands_before_the_system_text_is_not_written_again_before_a_note() -> None:
    turns = (("system", "Qs"), ("user", "Qu"), ("system", "Qn"), ("user", "Q"))
    talk = [ChatMessage(role, text) for role, text in turns]
    for name, once in (("llama-3.1", "Cutting Knowledge Date"), ("command-a", "# System Preamble")):
        bos, pieces = render_messages(shipped()[name], talk, clock="2025-01-15")
        text = text_of(pieces, bos)
        assert text.count(once) == 1
        assert "Qn" in text


_MARKER = re.compile(r"<[^\s<>]{1,40}>|\[/?[A-Za-z_]{2,30}\]")


@pytest.mark.parametrize("template", files(), ids=lambda template: template.id)
def test_markers_of_a_format_are_broken_in_text_for_servers_that_cannot_be_asked(template: Template) -> None:
    """Where a prompt is one string, a marker in somebody's words must not be one. Tags of thoughts are no turns, and
    Pygmalion's <START> is a line that people write between examples."""
    literals = " ".join((
        template.bos, template.preamble, template.system_prefix, template.system_suffix, template.user_prefix,
        template.user_suffix, template.assistant_prefix, template.assistant_suffix, template.generation_prefix or "",
        *template.stop,
    ))
    for marker in set(_MARKER.findall(literals)) - {"<think>", "</think>", "<START>"}:
        broken = defuse(f"a{marker}b")
        assert marker not in broken
        assert broken.replace(JOINER, "") == f"a{marker}b"


@pytest.mark.parametrize("template", files(), ids=lambda template: template.id)
def test_a_note_in_the_middle_is_not_glued_to_anybodys_words(template: Template) -> None:
    if template.id == "base":                               # a model without turns: texts follow each other
        return
    turns = (("system", "Qs."), ("user", "Qu."), ("assistant", "Qa."), ("system", "Qn."), ("user", "Qv."))
    _, pieces = render_messages(template, [ChatMessage(r, t) for r, t in turns], clock="2025-01-15")
    text = text_of(pieces, "")
    before, after = text.split("Qn.")
    assert not before.endswith("Qa.")
    assert not after[:1].isalnum()
    assert "Qv." in after
