"""A prompt format: how system text, turns and the opener of a reply are written for one family of models.

The fields are those of the project's table of prompt formats; every prefix and suffix is literal text, in which
`{{char}}`, `{{user}}`, `{{name}}` and `{{date:FORMAT}}` stand for their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TrimRule = Literal["none", "both", "right", "right_spaces", "left_newlines"]


@dataclass(frozen=True, slots=True)
class Trim:
    """White space cut from a text before it is wrapped, by role."""

    system: TrimRule = "none"
    user: TrimRule = "none"
    assistant: TrimRule = "none"


@dataclass(frozen=True, slots=True)
class ReasoningTags:
    """Thinking tags; `strip_history` cuts finished thoughts from earlier replies, `lstrip` what follows `end`."""

    start: str = ""
    end: str = ""
    strip_history: bool = False
    lstrip: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
    """How the format is recognised: hashes of the model's own template (sha256 of the text as given and
    stripped), strings that must all occur in it, strings of which none may, and the model's EOS (any of `eos`, where
    it is known).

    Where a model has no template: `tokens` are control tokens of which its vocabulary must hold all, `name` words of
    the model's name (`*` stands for anything), and `arch` the families of models, by GGUF's `general.architecture`,
    for which the format is meant; it only narrows. Of several that fit, those of the highest `priority` come first.
    """

    sha256: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    eos: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt format. `id` is the file's name without suffix; `label` is what a person reads."""

    id: str
    label: str = ""
    aliases: tuple[str, ...] = ()
    bos: str = ""
    preamble: str = ""
    system_placement: Literal["turn", "first_user", "last_user"] = "turn"
    system_prefix: str = ""
    system_suffix: str = ""
    system_missing: str = ""
    chat_start: str = ""
    user_prefix: str = ""
    user_suffix: str = ""
    assistant_prefix: str = ""
    assistant_suffix: str = ""
    generation_prefix: str | None = None          # None: the same as assistant_prefix
    prefill_prefix: str | None = None             # None: the same as assistant_prefix
    trim: Trim = Trim()
    trim_scope: Literal["content", "turn"] = "content"
    same_role: Literal["keep", "merge"] = "keep"
    join: str = "\n\n"
    first_turn: Literal["any", "user"] = "any"
    filler: str = ""
    reasoning: ReasoningTags = ReasoningTags()
    modes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    names: Literal["never", "group", "always"] = "never"
    name_format: str = "{{name}}: "
    other_members: Literal["assistant", "user"] = "assistant"
    note_role: Literal["system", "user", "inline"] = "system"
    note_prefix: str | None = None                # before a later system text; None: the same as system_prefix
    detect: Detection = Detection()
    jinja: str = ""                               # the model's own template, run (sandboxed) where fields cannot say it
    sillytavern: Mapping[str, Any] = field(default_factory=dict)  # the instruct preset it was made of, for that mode
