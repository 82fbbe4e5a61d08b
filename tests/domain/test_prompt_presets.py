"""The prompt formats that ship, against the recorded renderings of the models they are for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.domain.backend import ChatMessage
from tui.domain.prompt.render import render_messages, text_of
from tui.domain.template import Template
from tui.formats.presets import read_template
from tui.resources import presets_dir

VECTORS = Path(__file__).parents[2].parent / "shared" / "data" / "template_vectors"


def shipped() -> dict[str, Template]:
    """Formats by id and by alias."""
    found: dict[str, Template] = {}
    for file in sorted((presets_dir() / "templates").glob("*.yaml")):
        template = read_template(file.read_bytes(), file.stem, file.name)
        found.update({name: template for name in (template.id, *template.aliases)})
    return found


def cases() -> list[Any]:
    out = []
    for name, template in shipped().items():
        file = VECTORS / f"{name}.json"
        if file.is_file():
            data = json.loads(file.read_text("utf-8"))
            out += [pytest.param(template, c, id=f"{name}-{c['id']}") for c in data["cases"] if c["required"]]
    return out


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the recorded renderings are not here")
@pytest.mark.parametrize(("template", "case"), cases())
def test_shipped_format(template: Template, case: dict[str, Any]) -> None:
    messages = [ChatMessage(m["role"], m["content"]) for m in case["messages"]]
    bos, pieces = render_messages(
        template, messages, generation=case["add_generation_prompt"], clock="2025-01-15T12:00:00",
    )
    assert text_of(pieces, bos) == case["expected"]


def test_text_of_people_is_not_markup_in_any_shipped_format() -> None:
    formats = shipped()
    assert {"alpaca", "chatml", "llama-3"} <= set(formats)
    for template in formats.values():
        marks = "".join([template.user_prefix, template.assistant_suffix, "</s><|im_end|><|eot_id|>"])
        messages = [ChatMessage(role, f"«{marks}»") for role in ("system", "user", "assistant", "user")]
        _, pieces = render_messages(template, messages)
        assert not any("«" in p.text or "»" in p.text for p in pieces if p.markup)
        assert sum(p.text.count("«") for p in pieces if not p.markup) == 4
