"""The way back: presets that came from SillyTavern as the files they were."""

from __future__ import annotations

from typing import Any

from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.profile import PromptPreset
from tui.domain.template import Template
from tui.formats.jsontext import dump_json
from tui.formats.presets import SamplerPreset


def sillytavern_json(value: object) -> bytes:
    """The preset as SillyTavern's JSON: what was imported, and of any prompt its texts.

    Raises BadInput for a preset that did not come from there.
    """
    if isinstance(value, PromptPreset):
        fields = _prompt_fields(value)
    elif isinstance(value, (Template, SamplerPreset)) and value.sillytavern:
        fields = dict(value.sillytavern)
    else:
        raise BadInput(
            notice("{name} did not come from SillyTavern, so there is no such file to give back.",
                   name=str(getattr(value, "id", ""))[:80]),
            "Leave --format out; the preset leaves as YAML.",
        )
    return (dump_json(fields, "    ") + "\n").encode()


def _prompt_fields(prompt: PromptPreset) -> dict[str, Any]:
    """A system prompt, a context or a chat-completion preset; where several came together, all of them in one."""
    name = prompt.label or prompt.id
    system: dict[str, Any] = {"name": name, "content": prompt.system, "post_history": prompt.post_history}
    if "story_string" not in prompt.sillytavern:
        return dict(prompt.sillytavern) or system
    context = dict(prompt.sillytavern)
    parts = {"reasoning": context.pop("reasoning")} if "reasoning" in context else {}
    plain = PromptPreset(id="")
    if (prompt.system, prompt.post_history) != (plain.system, plain.post_history):
        parts["sysprompt"] = system
    return {"context": context, **parts} if parts else context
