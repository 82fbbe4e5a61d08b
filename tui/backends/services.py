"""Public services, known by their hosts: where their API hangs, how they are spoken to.

Services that speak as OpenAI does differ from it in little, which stands here as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tui.backends.address import KNOWN_HOSTS
from tui.backends.dialects import DIALECTS, Dialect, Prefill


@dataclass(frozen=True, slots=True)
class Service:
    """One service that speaks as OpenAI does. `text`: completes a prompt of ours as it is."""

    label: str
    prefill: Prefill = ""
    text: bool = False
    body: Mapping[str, Any] | None = None


_TOGETHER = Service("Together", "tail", text=True)
_MOONSHOT = Service("Moonshot", "partial")
SERVICES: Mapping[str, Service] = {
    "api.openai.com": Service("OpenAI"),
    "generativelanguage.googleapis.com": Service("Google Gemini"),
    "api.x.ai": Service("xAI"),
    "api.groq.com": Service("Groq", "tail"),
    "api.together.xyz": _TOGETHER, "api.together.ai": _TOGETHER,
    "api.featherless.ai": Service("Featherless", "tail", text=True),
    "nano-gpt.com": Service("NanoGPT", "tail"),
    "api.moonshot.ai": _MOONSHOT, "api.moonshot.cn": _MOONSHOT,
    "router.huggingface.co": Service("Hugging Face"),
}


def dialect_at(name: str, host: str) -> Dialect:
    """The dialect `name` as the service at `host` speaks it."""
    dialect, service = DIALECTS[name], SERVICES.get(host)
    if service is None or name != "openai" or host not in KNOWN_HOSTS:
        return dialect
    return replace(
        dialect, label=service.label, prefill=service.prefill, public=True, text="openai" if service.text else None,
        body=service.body or {})
