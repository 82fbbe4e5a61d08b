"""Presets other than templates and samplers: prompts (system text, story string) and profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.domain.lore import LoreSettings

_LORE = LoreSettings()
PromptMode = Literal["stable", "compatible"]
ExampleMode = Literal["gradual", "always", "never"]

#: The order of the fixed head. `{{#if x}}…{{/if}}` blocks and `{{x}}` fields only.
DEFAULT_STORY = (
    "{{#if system}}{{system}}\n\n{{/if}}"
    "{{#if lore_before}}{{lore_before}}\n\n{{/if}}"
    "{{#if description}}{{description}}\n\n{{/if}}"
    "{{#if personality}}{{char}}'s personality: {{personality}}\n\n{{/if}}"
    "{{#if scenario}}Scenario: {{scenario}}\n\n{{/if}}"
    "{{#if lore_after}}{{lore_after}}\n\n{{/if}}"
    "{{#if persona}}{{persona}}\n\n{{/if}}"
)


@dataclass(frozen=True, slots=True)
class PromptPreset:
    """What is said to the model around card and chat. `example_separator` "" keeps `<START>` as a line of its own;
    any other text replaces it. `summary_format` is how a summary stands in the prompt, `pins_format` how pinned
    facts do (a line each), `recall_format` how passages of long ago do. `history_share` is the
    low-water mark of the block cut (0..1). `examples`: example dialogue leaves when the chat needs its room, stays
    always, or never enters. `mode`: our order by volatility, or SillyTavern's assembly exactly; `sillytavern` holds
    the context preset (its own field names) that the latter follows. `impersonate_prompt` asks for the person's next
    message where the format itself cannot; `group_nudge` ends the prompt of a group, so that its head need not name
    who speaks. `summary_until` follows `summary_prompt` where messages stand in the prompt
    that are not to be summed up; `{{message}}` is how the first of them begins."""

    id: str
    label: str = ""
    system: str = "Write {{char}}'s next reply in this roleplay with {{user}}. Stay in character."
    story: str = DEFAULT_STORY
    post_history: str = ""
    example_separator: str = ""
    history_share: float = 0.7
    mode: PromptMode = "stable"
    examples: ExampleMode = "gradual"
    lore: LoreSettings = _LORE
    impersonate_prompt: str = (
        "Write {{user}}'s next message in this roleplay, from {{user}}'s point of view and in {{user}}'s style. "
        "Write nothing for {{char}}."
    )
    summary_format: str = "[What happened before: {{summary}}]"
    pins_format: str = "[What always holds:\n{{pins}}]"
    recall_format: str = "[From long ago, as it may matter now:\n{{recalled}}]"
    summary_prompt: str = (
        "Pause the roleplay. Summarise the messages above in a few plain sentences: who did what, where, "
        "what was promised or learnt. Names and facts only, nothing new."
    )
    summary_until: str = "Leave out what follows from this message on: «{{message}}…»"
    group_nudge: str = "[Write the next reply only as {{char}}.]"
    sillytavern: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """Backend, template, samplers and prompt in one switch. `backend` holds kind ("embedded", "auto", "openai",
    "koboldcpp", "llamacpp"), and `model` (a path for embedded, "starter" for the one that ships) or `url`, `key_env`,
    `key_file`, `mode`, `context_length`. `template` "auto" chooses from the model's own metadata."""

    id: str
    label: str = ""
    backend: Mapping[str, Any] = field(default_factory=lambda: {"kind": "embedded", "model": "starter"})
    template: str = "auto"
    samplers: str = "default"
    prompt: str = "default"


PresetKind = Literal["templates", "samplers", "prompts", "profiles"]
