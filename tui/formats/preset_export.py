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
    """The preset as SillyTavern's JSON: what was imported, and of a prompt always its texts.

    Raises BadInput for a preset that did not come from there.
    """
    if isinstance(value, PromptPreset):
        name = value.label or value.id
        system: dict[str, Any] = {"name": name, "content": value.system, "post_history": value.post_history}
        fields = system
        if value.sillytavern:
            plain = PromptPreset(id=value.id)
            same = (value.system, value.post_history) == (plain.system, plain.post_history)
            fields = dict(value.sillytavern) if same else {"context": dict(value.sillytavern), "sysprompt": system}
    elif isinstance(value, (Template, SamplerPreset)) and value.sillytavern:
        fields = dict(value.sillytavern)
    else:
        raise BadInput(
            notice("{name} did not come from SillyTavern, so there is no such file to give back.",
                   name=str(getattr(value, "id", ""))[:80]),
            "Leave --format out; the preset leaves as YAML.",
        )
    return (dump_json(fields, "    ") + "\n").encode()
