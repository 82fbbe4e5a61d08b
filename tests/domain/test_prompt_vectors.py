"""Prompt formats against recorded renderings of the models' own templates."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tui.domain.backend import ChatMessage
from tui.domain.prompt.render import render_messages, text_of
from tui.domain.template import ReasoningTags, Template, Trim

SHARED = Path(__file__).parents[2].parent / "shared"
VECTORS = SHARED / "data" / "template_vectors"
TABLE = SHARED / "spec" / "templates.md"
CLOCK = "2025-01-15T12:00:00"


def read_table() -> dict[str, dict[str, Any]]:
    """Fields by format id, from the YAML blocks of the table of formats."""
    found: dict[str, dict[str, Any]] = {}
    names: list[str] = []
    same = re.compile(r"^Same fields as `([^`]+)`", re.M)
    body = TABLE.read_text("utf-8").split("\n## 3.", 1)[1].split("\n## 4.", 1)[0]
    for part in re.split(r"^(?=\*\*`)", body, flags=re.M)[1:]:
        names = re.findall(r"`([^`]+)`", part.split("**", 2)[1])
        block = re.search(r"^```yaml\n(.*?)^```", part, re.M | re.S)
        other = same.search(part)
        fields = yaml.safe_load(block[1]) if block else found[other[1]] if other else {}
        found.update({name: fields for name in names})
    return found


def build(fields: dict[str, Any], name: str = "probe") -> Template:
    values = {k: v for k, v in fields.items() if v is not None}
    for key, kind in (("trim", Trim), ("reasoning", ReasoningTags)):
        if key in values:
            values[key] = kind(**values[key])
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return Template(name, **values)


def vector_cases() -> list[Any]:
    if not (VECTORS.is_dir() and TABLE.is_file()):
        return []
    out = []
    for file in sorted(VECTORS.glob("*.json")):
        data = json.loads(file.read_text("utf-8"))
        name = data["id"]
        out += [pytest.param(name, case, id=f"{name}-{case['id']}") for case in data["cases"] if case["required"]]
    return out


CASES = vector_cases()
FIELDS = read_table() if CASES else {}


def mode_of(case: dict[str, Any], template: Template) -> str:
    kwargs = case.get("template_kwargs") or {}
    if "enable_thinking" in kwargs:
        wanted = "think" if kwargs["enable_thinking"] else "nothink"
        return wanted if wanted in template.modes else ""
    return ""


def fields_of(name: str) -> dict[str, Any]:
    fields = dict(FIELDS[name])
    for key, value in list(fields.items()):
        if value is None:                                  # the table refers to the vector for a long vendor text
            fields[key] = vendor_default(name)
    return fields


def vendor_default(name: str) -> str:
    cases = {c["id"]: c for c in json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"]}
    return str(cases["a_nogen"]["expected"].split("<|im_start|>user", 1)[0])


@pytest.mark.skipif(not CASES, reason="the recorded renderings are not here")
@pytest.mark.parametrize(("name", "case"), CASES)
def test_recorded_rendering(name: str, case: dict[str, Any]) -> None:
    template = build(fields_of(name), name)
    messages = [ChatMessage(m["role"], m["content"]) for m in case["messages"]]
    bos, pieces = render_messages(
        template, messages, generation=case["add_generation_prompt"], mode=mode_of(case, template), clock=CLOCK,
    )
    assert text_of(pieces, bos) == case["expected"]
