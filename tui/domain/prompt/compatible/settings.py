"""SillyTavern's presets as values: instruct and context template, reasoning tags, and the switches around them.

Facts: the project's description of SillyTavern 1.19, sections 1.4, 1.8, 1.15, 2.5 and 2.7. Files in the wild hold
numbers and switches as text, and what YAML carried may be text too, so every value is read with tolerance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from tui.domain.chat import Role
from tui.domain.profile import ExampleMode, PromptPreset
from tui.domain.prompt.render import with_mode
from tui.domain.prompt.types import Turn
from tui.domain.template import Template

P = TypeVar("P")
NamesBehavior = Literal["none", "force", "always"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")     # SillyTavern numbers them so
#: `Template.names` in SillyTavern's words.
_NAMES: Mapping[str, NamesBehavior] = {"never": "none", "group": "force", "always": "always"}
_ANCHORS = ("{{#if anchorBefore}}{{anchorBefore}}\n{{/if}}", "{{#if anchorAfter}}{{anchorAfter}}\n{{/if}}")
_TRIM = "{{trim}}"


@dataclass(frozen=True, slots=True)
class InstructPreset:
    """How turns are written. With `wrap` a line end stands after each sequence, and before the parts it joins.
    `preamble` is no field of SillyTavern's: what a format of ours puts before everything."""

    enabled: bool = True
    input_sequence: str = ""
    input_suffix: str = ""
    output_sequence: str = ""
    output_suffix: str = ""
    system_sequence: str = ""
    system_suffix: str = ""
    first_input_sequence: str = ""
    first_output_sequence: str = ""
    last_input_sequence: str = ""
    last_output_sequence: str = ""
    last_system_sequence: str = ""
    story_string_prefix: str = ""
    story_string_suffix: str = ""
    stop_sequence: str = ""
    wrap: bool = True
    macro: bool = True
    names_behavior: NamesBehavior = "force"
    system_same_as_user: bool = False
    user_alignment_message: str = ""
    skip_examples: bool = False
    sequences_as_stop_strings: bool = True
    preamble: str = ""

    @staticmethod
    def from_fields(values: Mapping[str, Any]) -> InstructPreset:
        """Of a preset file, its older forms among them."""
        taken = dict(values)
        if "separator_sequence" in taken and "output_suffix" not in taken:
            taken["output_suffix"] = taken["separator_sequence"]
        if "names_behavior" not in taken and ("names" in taken or "names_force_groups" in taken):
            forced = as_flag(taken.get("names_force_groups"), True)
            taken["names_behavior"] = "always" if as_flag(taken.get("names"), False) else "force" if forced else "none"
        taken.pop("preamble", None)
        return read_fields(InstructPreset, taken)

    @staticmethod
    def from_template(template: Template) -> InstructPreset:
        """Of a format that no such preset was made of: its literals, with nothing wrapped around them."""
        own_turn = template.system_placement == "turn" or bool(template.system_prefix)
        notes_as_user = template.note_role != "system" or not template.system_prefix
        openers = (template.generation_prefix, template.assistant_prefix)
        return InstructPreset(
            input_sequence=template.user_prefix, input_suffix=template.user_suffix,
            output_sequence=template.assistant_prefix, output_suffix=template.assistant_suffix,
            system_sequence=template.system_prefix, system_suffix=template.system_suffix,
            last_output_sequence=next((o for o in openers if o is not None), ""),
            story_string_prefix=template.system_prefix if own_turn else template.user_prefix,
            story_string_suffix=template.system_suffix if own_turn else template.user_suffix,
            stop_sequence="\n".join(template.stop), wrap=False, names_behavior=_NAMES[template.names],
            system_same_as_user=notes_as_user, preamble=template.preamble,
            user_alignment_message=template.filler if template.first_turn == "user" else "",
        )


@dataclass(frozen=True, slots=True)
class ContextPreset:
    """The story string and what stands around examples and chat. `story_string_position` 1 puts the story into the
    chat, `story_string_depth` messages from its end, as `story_string_role`."""

    story_string: str = ""
    chat_start: str = ""
    example_separator: str = ""
    use_stop_strings: bool = False
    names_as_stop_strings: bool = True
    story_string_position: int = 0
    story_string_depth: int = 1
    story_string_role: int = 0
    always_force_name2: bool = False
    single_line: bool = False

    @staticmethod
    def from_fields(values: Mapping[str, Any]) -> ContextPreset:
        """Of a preset file. One from before positions existed gets the places for what stands around the story."""
        preset = read_fields(ContextPreset, values)
        if "story_string_position" in values:
            return preset
        return read_fields(ContextPreset, {**dict(values), "story_string": _with_anchors(preset.story_string)})

    @staticmethod
    def from_prompt(prompt: PromptPreset) -> ContextPreset:
        """Of a prompt preset of ours."""
        story = _with_anchors(prompt.story if prompt.story.rstrip().endswith(_TRIM) else prompt.story + _TRIM)
        return ContextPreset(story, example_separator=prompt.example_separator, always_force_name2=True)


@dataclass(frozen=True, slots=True)
class ReasoningPreset:
    """What stands around a thought, and between it and the reply; and whether the newest `max_additions` thoughts are
    in the prompt at all."""

    prefix: str = "<think>\n"
    suffix: str = "\n</think>"
    separator: str = "\n\n"
    add_to_prompts: bool = False
    max_additions: int = 1


@dataclass(frozen=True, slots=True)
class Switches:
    """SillyTavern's settings that belong to no preset, by its names. `token_padding` counts towards every prompt;
    SillyTavern sets 64 because its counts of parts need not add up, ours are checked against the whole text."""

    sysprompt_enabled: bool = True
    prefer_character_prompt: bool = True
    prefer_character_jailbreak: bool = True
    collapse_newlines: bool = False
    token_padding: int = 0


@dataclass(frozen=True, slots=True)
class CompatibleSettings:
    """Everything that the assembly follows beside the turn itself."""

    instruct: InstructPreset
    context: ContextPreset
    reasoning: ReasoningPreset = ReasoningPreset()
    switches: Switches = Switches()
    examples: ExampleMode = "gradual"
    custom_stops: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


def settings_of(turn: Turn) -> CompatibleSettings:
    """The settings of a turn: imported presets where its format and its prompt carry them, else ours."""
    raw, template = turn.prompt.sillytavern, with_mode(turn.template, turn.mode)
    context = raw if "story_string" in raw else None
    tags = template.reasoning
    reasoning = raw.get("reasoning")
    return CompatibleSettings(
        _instruct_of(template, own_story=context is None),
        ContextPreset.from_prompt(turn.prompt) if context is None else ContextPreset.from_fields(context),
        read_fields(ReasoningPreset, reasoning) if isinstance(reasoning, Mapping)
        else ReasoningPreset(f"{tags.start}\n", f"\n{tags.end}") if tags.start and tags.end else ReasoningPreset(),
        read_fields(Switches, raw), turn.prompt.examples, _stop_list(raw.get("custom_stopping_strings")), raw,
    )


def _instruct_of(template: Template, own_story: bool) -> InstructPreset:
    """The imported preset of a format, or its own literals. Presets from before they wrapped the story left that to
    the context's; with a story of ours they wrap it as a system turn."""
    if not template.sillytavern:
        return InstructPreset.from_template(template)
    preset = InstructPreset.from_fields(template.sillytavern)
    if not own_story or "story_string_prefix" in template.sillytavern:
        return preset
    as_user = preset.system_same_as_user
    return replace(
        preset, story_string_prefix=preset.input_sequence if as_user else preset.system_sequence,
        story_string_suffix=preset.input_suffix if as_user else preset.system_suffix,
    )


def read_fields(kind: type[P], values: Mapping[str, Any]) -> P:
    """A dataclass of texts, switches and whole numbers from `values`; what is missing or unreadable keeps its
    default."""
    plain: Any = kind
    default = plain()
    out: dict[str, Any] = {}
    for one in fields(plain):
        before, value = getattr(default, one.name), values.get(one.name)
        if value is None:
            continue
        if isinstance(before, bool):
            out[one.name] = as_flag(value, before)
        elif isinstance(before, int):
            out[one.name] = as_whole(value, before)
        elif one.name == "names_behavior":
            out[one.name] = value if value in _NAMES.values() else before
        elif isinstance(value, str):
            out[one.name] = value
    made: P = plain(**out)
    return made


def as_flag(value: Any, default: bool) -> bool:
    """A switch, be it written as text or number."""
    if isinstance(value, str):
        text = value.strip().lower()
        return text in ("true", "1", "yes", "on") or (default and text not in ("false", "0", "no", "off", ""))
    return bool(value) if isinstance(value, (bool, int, float)) else default


def as_whole(value: Any, default: int) -> int:
    """A whole number, be it written as text."""
    try:
        return int(value) if isinstance(value, (int, float, str)) else default
    except (ValueError, OverflowError):
        return default


def _stop_list(value: Any) -> tuple[str, ...]:
    """Custom stop strings: a list, or (as SillyTavern keeps it) a JSON list as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ()
    return tuple(s for s in value if isinstance(s, str) and s) if isinstance(value, (list, tuple)) else ()


def _with_anchors(story: str) -> str:
    before, after = _ANCHORS
    if "anchorBefore" not in story:
        story = before + story
    if "anchorAfter" not in story:
        bare = story.rstrip()
        story = bare[: -len(_TRIM)] + after + _TRIM if bare.endswith(_TRIM) else story + after
    return story
