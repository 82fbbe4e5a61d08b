"""SillyTavern's context presets as prompts: the story string, converted from Handlebars (sillytavern.md 1.4)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from tui.domain.profile import PromptPreset
from tui.formats.preset_instruct import MARKUP
from tui.formats.preset_report import Report, raw_fields

_OTHER_PLACE = "anchorBefore|anchorAfter|mesExamplesRaw|mesExamples"
#: A block about a part that has a place of its own here. It holds no block itself, so each text is looked at once.
_OTHER_BLOCK = re.compile(
    rf"\{{\{{\s*#(if|unless)\s+(?P<name>{_OTHER_PLACE})\s*\}}\}}"
    r"(?P<text>(?:(?!\{\{\s*[#/]).)*)\{\{\s*/\1\s*\}\}", re.DOTALL
)
_ELSE = re.compile(r"\{\{\s*else\s*\}\}")
_OTHER_FIELD = re.compile(rf"\{{\{{\{{?\s*(?P<name>{_OTHER_PLACE})\s*\}}?\}}\}}")
_RAW_FIELD = re.compile(r"\{\{\{\s*(\w+)\s*\}\}\}")
_LORE = re.compile(r"(\{\{\s*(?:#if\s+|#unless\s+)?)(wi|lore)(Before|After)(\s*\}\})")
_HANDLEBARS = re.compile(r"\{\{\s*(?:#(?!(?:if|unless)\s+\w+\s*\}\})|[>@^&!]|lookup\b|this\b)[^{}]{0,200}")
_TEXTS = ("story_string", "chat_start", "example_separator")
_LEGACY = ("allow_jailbreak", "include_newline", "preset")
_KNOWN = {
    *_TEXTS, *_LEGACY, "name", "use_stop_strings", "names_as_stop_strings", "story_string_position",
    "story_string_depth", "story_string_role", "always_force_name2", "trim_sentences", "single_line",
}


def context_prompt(
    fields: Mapping[str, Any], name: str, report: Report, sysprompt: Mapping[str, Any] | None = None
) -> PromptPreset:
    """The prompt whose head is the preset's story string. The preset itself is kept in `sillytavern`; `sysprompt` is
    the system prompt that came with it."""
    separator = report.text(fields, "example_separator")
    if not separator.strip():
        report.add("example_separator is empty; <START> parts the example dialogues here.")
    preset = PromptPreset(
        id="", label=name, story=story_string(report.text(fields, "story_string"), report),
        example_separator=separator.strip("\n") if separator.strip() else "", sillytavern=raw_fields(fields),
    )
    _tell_rest(fields, report)
    return with_system(preset, sysprompt, report) if sysprompt is not None else preset


def sysprompt_prompt(fields: Mapping[str, Any], name: str, report: Report) -> PromptPreset:
    """The prompt that a system prompt preset makes: its text, and what stands after the chat."""
    for field in fields:
        if field not in ("name", "content", "post_history"):
            report.leave(str(field))
    return with_system(PromptPreset(id="", label=name), fields, report)


def with_system(preset: PromptPreset, fields: Mapping[str, Any], report: Report) -> PromptPreset:
    """`preset` with the texts of a system prompt preset."""
    return dataclasses.replace(
        preset, system=report.text(fields, "content"), post_history=report.text(fields, "post_history")
    )


def story_string(story: str, report: Report) -> str:
    """The story string in the fields known here. What has a place of its own in the prompt leaves it; turn markup
    around it is the prompt format's."""
    def other(match: re.Match[str]) -> str:
        seen.add(match["name"])
        branches = _ELSE.split(match["text"], maxsplit=1)
        return "" if match[1] == "if" and len(branches) == 1 else branches[-1] if match[1] == "if" else branches[0]

    def gone(match: re.Match[str]) -> str:
        seen.add(match["name"])
        return ""

    seen: set[str] = set()
    story = _RAW_FIELD.sub(r"{{\1}}", story)
    story = _OTHER_FIELD.sub(gone, _OTHER_BLOCK.sub(other, story))
    for name in sorted(seen):
        report.add("{field} in the story string was left out: that part has a place of its own in the prompt here.",
                   field=name)
    story = _LORE.sub(lambda m: f"{m[1]}lore_{m[3].lower()}{m[4]}", story)
    for text in sorted(set(_HANDLEBARS.findall(story)))[:3]:
        report.add("{value} in the story string is Handlebars that is not run here; it stays as text.", value=text)
    return _without_markup(story, report)


def _without_markup(story: str, report: Report) -> str:
    first, last = story.find("{{"), story.rfind("}}") + 2
    if first < 0 or last < 2:
        return story
    before, after = story[:first], story[last:]
    for text in (before, after):
        if MARKUP.search(text):
            report.add("{value} around the story string was left out: the prompt format writes that itself.",
                       value=text.strip())
    keep_before = "" if MARKUP.search(before) else before
    return keep_before + story[first:last] + ("" if MARKUP.search(after) else after)


def _tell_rest(fields: Mapping[str, Any], report: Report) -> None:
    if start := report.text(fields, "chat_start").strip():
        report.add("chat_start ({value}) was left out: here it belongs to the prompt format, in its field chat_start.",
                   value=start)
    if report.flag(fields, "use_stop_strings", False):
        report.add("{field} ({value}) was left out: stop strings belong to the prompt format and the samplers here.",
                   field="use_stop_strings", value="true")
    if str(fields.get("story_string_position", "0")) not in ("0", "None"):
        report.add("story_string_position ({value}) was left out: the head stands first here.",
                   value=str(fields.get("story_string_position")))
    for field in ("trim_sentences", "single_line"):
        if report.flag(fields, field, False):
            report.dropped(field, True)
    for field in fields:
        if field not in _KNOWN:
            report.leave(str(field))
    report.add("SillyTavern's own fields are kept in this file; a prompt with mode: compatible follows them exactly.")
