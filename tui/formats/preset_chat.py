"""SillyTavern's chat-completion presets as prompts: the enabled prompts in their order (sillytavern.md 1.6, 2.7).

What stands before the chat becomes the story string, what stands after it the post-history text. Prompts at a depth
inside the chat have no equivalent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.domain.profile import PromptPreset
from tui.formats.coerce import flag
from tui.formats.preset_report import Report, is_connection, raw_fields, shown

_MOST_PROMPTS = 500
_MARKERS: Mapping[str, str] = {
    "worldInfoBefore": "{{#if lore_before}}{{lore_before}}\n\n{{/if}}",
    "worldInfoAfter": "{{#if lore_after}}{{lore_after}}\n\n{{/if}}",
    "personaDescription": "{{#if persona}}{{persona}}\n\n{{/if}}",
    "charDescription": "{{#if description}}{{description}}\n\n{{/if}}",
}
_USUAL = (
    "main", "worldInfoBefore", "personaDescription", "charDescription", "charPersonality", "scenario", "nsfw",
    "worldInfoAfter", "dialogueExamples", "chatHistory", "jailbreak",
)
#: Utility texts of the preset that nothing here answers to, and their values that change nothing.
_UTILITIES = (
    "new_chat_prompt", "new_group_chat_prompt", "continue_nudge_prompt", "group_nudge_prompt", "send_if_empty",
    "assistant_prefill", "assistant_impersonation",
)


@dataclass(slots=True)
class _Order:
    """What comes before the chat, what after it, and the system text itself."""

    story: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    system: str = ""
    history_passed: bool = False

    def put(self, text: str) -> None:
        if self.history_passed:
            self.after.append(text)
        else:
            self.story.append(text + "\n\n")


def chat_prompt(fields: Mapping[str, Any], name: str, report: Report) -> PromptPreset:
    """The prompt that says the same in the same order."""
    prompts = _prompts(fields, report)
    order = _Order()
    for identifier in _enabled(fields, prompts):
        _place(order, identifier, prompts.get(identifier, {}), fields, report)
    impersonate = report.text(fields, "impersonation_prompt")
    for utility in _UTILITIES:
        if (value := fields.get(utility)) and isinstance(value, str) and value.strip():
            report.add("{field} ({value}) was left out: the prompt has no such text here.",
                       field=utility, value=value)
    if fields.get("wi_format") not in (None, "", "{0}"):
        report.add("{field} ({value}) was left out: lore stands as it is written.",
                   field="wi_format", value=shown(fields["wi_format"]))
    report.add("SillyTavern's own fields are kept in this file; a prompt with mode: compatible follows them exactly.")
    default = PromptPreset(id="")
    return PromptPreset(
        id="", label=name, system=order.system, story="".join(order.story), post_history="\n\n".join(order.after),
        example_separator=report.text(fields, "new_example_chat_prompt").strip("\n"),
        impersonate_prompt=impersonate if impersonate.strip() else default.impersonate_prompt,
        sillytavern=raw_fields(fields),
    )


def _prompts(fields: Mapping[str, Any], report: Report) -> dict[str, Mapping[str, Any]]:
    """The prompts by identifier; of several with one identifier the first counts."""
    found: dict[str, Mapping[str, Any]] = {}
    listed = fields.get("prompts")
    for prompt in (listed if isinstance(listed, list) else [])[:_MOST_PROMPTS]:
        identifier = prompt.get("identifier") if isinstance(prompt, Mapping) else None
        if not isinstance(identifier, str):
            report.add("{field} holds a prompt without an identifier; it was left out.", field="prompts")
        elif identifier in found:
            report.add("{field} holds {value} twice; the first one counts.", field="prompts", value=identifier)
        else:
            found[identifier] = prompt
    return found


def _enabled(fields: Mapping[str, Any], prompts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Identifiers of the order that counts (the global one, else the older default), switched on, each once."""
    listed = fields.get("prompt_order")
    orders = [o for o in (listed if isinstance(listed, list) else []) if isinstance(o, Mapping)]
    if orders and "identifier" in orders[0]:                     # an older form: the order itself
        orders = [{"order": orders}]
    chosen = sorted(orders, key=lambda o: {"100001": 0, "100000": 1}.get(str(o.get("character_id")), 2))[:1]
    entries = chosen[0].get("order") if chosen else None
    if not isinstance(entries, list) or not entries:
        known = [i for i in _USUAL if i in prompts or i in _MARKERS]
        return [*known, *(i for i in prompts if i not in _USUAL and flag(prompts[i].get("enabled"), False))]
    names = [
        e["identifier"] for e in entries
        if isinstance(e, Mapping) and isinstance(e.get("identifier"), str) and flag(e.get("enabled"), True)
    ]
    return list(dict.fromkeys(names))[:_MOST_PROMPTS]


def _place(
    order: _Order, identifier: str, prompt: Mapping[str, Any], fields: Mapping[str, Any], report: Report
) -> None:
    text = report.text(prompt, "content")
    if identifier == "chatHistory":
        order.history_passed = True
    elif identifier == "dialogueExamples":
        return                                                   # a place of its own, before the chat
    elif identifier in _MARKERS:
        if order.history_passed:
            report.add("{value} stands after the chat there; here it stands before.", value=identifier)
        order.story.append(_MARKERS[identifier])
    elif identifier in ("charPersonality", "scenario"):
        order.story.append(_formatted(identifier, fields, report))
    elif identifier == "main" and not order.history_passed:
        order.system = text
        order.story.append("{{#if system}}{{system}}\n\n{{/if}}")
    elif not text.strip():
        return
    elif str(prompt.get("injection_position", 0)) == "1":
        report.add("The prompt {value} stands at depth {depth} in the chat there; it was left out.",
                   value=str(prompt.get("name") or identifier), depth=shown(prompt.get("injection_depth", 4)))
    else:
        if prompt.get("role", "system") not in ("system", "", None):
            report.add("The prompt {value} is said by {role} there; here it joins the system text.",
                       value=str(prompt.get("name") or identifier), role=shown(prompt.get("role")))
        order.put(text)


def _formatted(identifier: str, fields: Mapping[str, Any], report: Report) -> str:
    part = "personality" if identifier == "charPersonality" else "scenario"
    text = report.text(fields, f"{part}_format")
    if f"{{{{{part}}}}}" not in text:
        text = f"{{{{{part}}}}}"
    return f"{{{{#if {part}}}}}{text}\n\n{{{{/if}}}}"


def sampler_fields(fields: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The sampler settings of the preset; the names of its connections go to the report."""
    out: dict[str, Any] = {}
    for name in (
        "temperature", "frequency_penalty", "presence_penalty", "top_p", "top_k", "top_a", "min_p",
        "repetition_penalty", "openai_max_tokens", "openai_max_context", "seed", "n", "reasoning_effort",
    ):
        if name in fields:
            out[name] = fields[name]
    for name, value in fields.items():
        if is_connection(str(name)) and value not in (None, "", [], {}, False):
            report.leave(str(name))
    return out
