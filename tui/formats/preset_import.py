"""Presets of other programs as files of ours, each with a report of what had no equivalent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, cast

from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.domain.profile import PromptPreset
from tui.domain.template import ReasoningTags, Template
from tui.formats.coerce import mapping, plain_name
from tui.formats.files import shown_name
from tui.formats.jsontext import decode_text, parse_json
from tui.formats.preset_chat import chat_prompt, sampler_fields
from tui.formats.preset_instruct import NO_TAGS, instruct_template
from tui.formats.preset_koboldcpp import adapter_template, launch_profile, parts_of
from tui.formats.preset_ooba import jinja_template, turn_template
from tui.formats.preset_report import Converted, Derive, Report, raw_fields
from tui.formats.preset_samplers import Dialect, sampler_preset
from tui.formats.preset_sniff import ForeignPreset, foreign_preset, foreign_yaml, plain_settings
from tui.formats.preset_story import context_prompt, sysprompt_prompt
from tui.formats.presets import SamplerPreset, template_yaml, write_profile, write_prompt, write_samplers
from tui.formats.yaml_read import read_yaml

#: A template by its id or label, or None.
FindTemplate = Callable[[str], Template | None]

_YAML_NAME = re.compile(r"\.ya?ml$", re.IGNORECASE)
_UNUSED: Mapping[ForeignPreset, Notice] = {
    "quick_replies": notice("{file} holds quick replies, and this program has no use for them yet."),
    "moving_ui": notice("{file} says where SillyTavern's panels stand, and this program has no use for that yet."),
    "theme": notice("{file} holds the colours of SillyTavern's pages, and this program has no use for them yet."),
}


def convert_preset(
    data: bytes, filename: str, *, derive: Derive | None = None, find_template: FindTemplate | None = None
) -> tuple[Converted, ...]:
    """The files that another program's preset becomes. `derive` makes fields of a Jinja template, `find_template`
    looks for the prompt format that a reasoning preset is for. Raises BadInput, which says why not."""
    kind, fields, notes = _opened(data, filename)
    if kind is None:
        raise BadInput(notice("{file} is no preset that Traktir can read.", file=shown_name(filename)))
    if kind in _UNUSED:
        raise BadInput(Notice(_UNUSED[kind].id, {"file": shown_name(filename)}))
    stem = plain_name(PurePath(filename).stem) or "preset"
    name = plain_name(fields["name"]) if isinstance(fields.get("name"), str) else ""
    conversion = _Conversion(name or stem, Report(notes), derive, find_template)
    return conversion.run(kind, fields)


def _opened(data: bytes, filename: str) -> tuple[ForeignPreset | None, Mapping[str, Any], tuple[Notice, ...]]:
    name = shown_name(filename)
    if _YAML_NAME.search(filename):
        value = read_yaml(data, name).value
        return foreign_yaml(value), mapping(value), ()
    if filename.lower().endswith((".txt", ".settings")) and not data.lstrip().startswith(b"{"):
        settings = plain_settings(decode_text(data)[0])
        return ("ooba" if settings else None), settings or {}, ()
    file = parse_json(data, name)
    return foreign_preset(file.value, filename), mapping(file.value), file.notes


@dataclasses.dataclass(frozen=True, slots=True)
class _Conversion:
    """One file: what it is called, what is told of it, and who helps."""

    name: str
    report: Report
    derive: Derive | None
    find_template: FindTemplate | None

    def run(self, kind: ForeignPreset, fields: Mapping[str, Any]) -> tuple[Converted, ...]:
        if kind == "master":
            return self._master(fields)
        if kind == "chat":
            return self._chat(fields)
        if kind == "launch":
            return self._launch(fields)
        if kind == "instruct":
            return self._instruct(fields, self.name)
        if kind in ("textgen", "kobold", "novel", "ooba"):
            inner = mapping(fields.get("parameters")) if "presetVersion" in fields else fields
            preset = sampler_preset(inner, self.name, cast(Dialect, kind), self.report)
            return (self._samplers(preset, _SOURCES[kind]),)
        if kind in ("context", "sysprompt"):
            make = context_prompt if kind == "context" else sysprompt_prompt
            return (self._prompt(make(fields, self.name, self.report), _SOURCES[kind]),)
        if kind == "reasoning":
            return (self._reasoning(fields),)
        if kind == "adapter":
            return (self._template(adapter_template(fields, self.name, self.report), _SOURCES[kind]),)
        if kind == "jinja":
            return (self._template(jinja_template(fields, self.name, self.report, self.derive), _SOURCES[kind]),)
        return (self._template(turn_template(fields, self.name, self.report), _SOURCES[kind]),)

    def _instruct(
        self, fields: Mapping[str, Any], name: str, reasoning: ReasoningTags = NO_TAGS
    ) -> tuple[Converted, ...]:
        made = [self._template(instruct_template(fields, name, self.report, reasoning), _SOURCES["instruct"])]
        system = self.report.text(fields, "system_prompt")
        if system.strip():                                       # where older presets kept it
            report = Report()
            prompt = sysprompt_prompt({"content": system}, f"{name} (system prompt)", report)
            made.append(Converted("prompt", prompt.label, write_prompt(prompt), _SOURCES["sysprompt"], report.done()))
        return tuple(made)

    def _master(self, fields: Mapping[str, Any]) -> tuple[Converted, ...]:
        """Several presets in one file; each part has a report of its own."""
        parts = {name: mapping(fields.get(name)) for name in fields}
        made: list[Converted] = []
        if instruct := parts.get("instruct"):
            own = self._part(instruct)
            made += own._instruct(instruct, own.name, _tags(parts.get("reasoning", {}), own.report))
        elif reasoning := parts.get("reasoning"):
            made.append(self._part(reasoning)._reasoning(reasoning))
        context, sysprompt = parts.get("context"), parts.get("sysprompt")
        if context:
            own = self._part(context)
            prompt = context_prompt(context, own.name, own.report, sysprompt or None)
            if reasoning := parts.get("reasoning"):              # the compatible mode takes the tags from there
                prompt = dataclasses.replace(
                    prompt, sillytavern={**prompt.sillytavern, "reasoning": raw_fields(reasoning)}
                )
            made.append(own._prompt(prompt, _SOURCES["context"]))
        elif sysprompt:
            own = self._part(sysprompt)
            made.append(own._prompt(sysprompt_prompt(sysprompt, own.name, own.report), _SOURCES["sysprompt"]))
        if samplers := parts.get("preset"):
            own = self._part(samplers)
            made.append(own._samplers(sampler_preset(samplers, own.name, "textgen", own.report), _SOURCES["textgen"]))
        if parts.get("srw"):
            self.report.dropped("srw", fields["srw"])
        if not made:
            raise BadInput(notice("{file} is no preset that Traktir can read.", file=self.name))
        first = made[0]
        return (dataclasses.replace(first, notes=(*first.notes, *self.report.done())), *made[1:])

    def _part(self, fields: Mapping[str, Any]) -> _Conversion:
        name = plain_name(fields["name"]) if isinstance(fields.get("name"), str) else ""
        return dataclasses.replace(self, name=name or self.name, report=Report())

    def _reasoning(self, fields: Mapping[str, Any]) -> Converted:
        """A copy of the prompt format of that name, with the tags. Raises BadInput where there is none."""
        tags = _tags(fields, self.report)
        template = self.find_template(self.name) if self.find_template is not None else None
        if template is None:
            raise BadInput(
                notice("{name} holds thinking tags, which belong to a prompt format, and there is none of that name.",
                       name=self.name),
                notice("Write them into your prompt format: reasoning.start {start} and reasoning.end {end}.",
                       start=tags.start, end=tags.end),
            )
        self.report.add("This is the prompt format {name} with the thinking tags {start} and {end}.",
                        name=template.label or template.id, start=tags.start, end=tags.end)
        kept = dataclasses.replace(template, reasoning=tags, aliases=(), detect=type(template.detect)())
        return self._template(kept, _SOURCES["reasoning"])

    def _chat(self, fields: Mapping[str, Any]) -> tuple[Converted, ...]:
        prompt = self._prompt(chat_prompt(fields, self.name, self.report), _SOURCES["chat"])
        report = Report()
        samplers = sampler_preset(sampler_fields(fields, report), self.name, "openai", report)
        written = Converted("samplers", self.name, write_samplers(samplers), _SOURCES["chat"], report.done())
        return prompt, written

    def _launch(self, fields: Mapping[str, Any]) -> tuple[Converted, ...]:
        profile = launch_profile(fields, self.name, self.report)
        adapter, defaults = parts_of(fields, self.report)
        more: list[Converted] = []
        if adapter:
            own = self._part({})
            more.append(own._template(adapter_template(adapter, self.name, own.report), _SOURCES["adapter"]))
        if defaults:
            own = self._part({})
            more.append(own._samplers(sampler_preset(defaults, self.name, "kobold", own.report), _SOURCES["launch"]))
        if more:
            self.report.add("Its prompt format and samplers stand beside the profile; choose them in it.")
        return (Converted("profile", self.name, write_profile(profile), _SOURCES["launch"],
                          self.report.done()), *more)

    def _template(self, template: Template, source: str) -> Converted:
        return Converted("template", template.label or self.name, template_yaml(template), source, self.report.done())

    def _prompt(self, preset: PromptPreset, source: str) -> Converted:
        return Converted("prompt", preset.label, write_prompt(preset), source, self.report.done())

    def _samplers(self, preset: SamplerPreset, source: str) -> Converted:
        return Converted("samplers", preset.label, write_samplers(preset), source, self.report.done())


def _tags(fields: Mapping[str, Any], report: Report) -> ReasoningTags:
    start, end = report.text(fields, "prefix"), report.text(fields, "suffix")
    if not (start.strip() and end.strip()):
        return ReasoningTags()
    separator = report.text(fields, "separator")
    return ReasoningTags(start.strip(), end.strip(), lstrip="\n" if separator.strip(" ") else "")


_SOURCES: Mapping[ForeignPreset, str] = {
    "instruct": "SillyTavern instruct", "context": "SillyTavern context", "sysprompt": "SillyTavern system prompt",
    "reasoning": "SillyTavern reasoning", "chat": "SillyTavern chat completion", "textgen": "SillyTavern samplers",
    "kobold": "KoboldAI samplers", "novel": "NovelAI samplers", "adapter": "KoboldCpp adapter",
    "launch": "KoboldCpp settings", "jinja": "text-generation-webui template",
    "turns": "text-generation-webui template", "ooba": "text-generation-webui samplers",
}
