"""The chat-completion preset: its prompts, their order, and the texts between them (sections 1.6 and 2.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.domain.chat import Role
from tui.domain.prompt.compatible.settings import ROLES, as_flag, as_whole, read_fields
from tui.domain.prompt.types import Turn

#: What stands where, if the preset does not say.
DEFAULT_ORDER = (
    "main", "worldInfoBefore", "personaDescription", "charDescription", "charPersonality", "scenario", "nsfw",
    "worldInfoAfter", "dialogueExamples", "chatHistory", "jailbreak",
)
#: The order that holds for all characters, then the one of older versions.
_ORDER_IDS = (100001, 100000)
NAMES_NONE, NAMES_DEFAULT, NAMES_FIELD, NAMES_CONTENT = -1, 0, 1, 2


@dataclass(frozen=True, slots=True)
class PromptEntry:
    """One prompt of the list. `absolute`: it stands in the chat, at `depth`, those of higher `order` last."""

    identifier: str
    role: Role = "system"
    content: str = ""
    own: bool = False                             # a person's own prompt, none of SillyTavern's
    absolute: bool = False
    depth: int = 4
    order: int = 100
    forbid_overrides: bool = False


@dataclass(frozen=True, slots=True)
class ChatTexts:
    """The preset's texts and switches, by SillyTavern's names (but `names`). The nudges have words of our own until a
    preset brings its own."""

    names: int = 0                                # where speakers' names stand; SillyTavern's `names_behavior`
    send_if_empty: str = ""
    impersonation_prompt: str = ""
    new_chat_prompt: str = "[Start a new Chat]"
    new_group_chat_prompt: str = "[Start a new group chat. Those who take part: {{group}}]"
    new_example_chat_prompt: str = "[Example Chat]"
    continue_nudge_prompt: str = "[Go on with your last message where it breaks off. Repeat nothing of it.]"
    group_nudge_prompt: str = "[The next reply is {{char}}'s. Write it as {{char}} only.]"
    wi_format: str = "{0}"
    scenario_format: str = "{{scenario}}"
    personality_format: str = "{{personality}}"
    continue_prefill: bool = False
    squash_system_messages: bool = False
    custom_prompt_post_processing: str = ""


@dataclass(frozen=True, slots=True)
class ChatPreset:
    """A chat-completion preset. `prompts` are the enabled ones in order; `disabled` are named so that nothing brings
    them back."""

    texts: ChatTexts
    prompts: tuple[PromptEntry, ...]
    disabled: frozenset[str] = frozenset()

    @staticmethod
    def of(turn: Turn) -> ChatPreset:
        """The imported preset of a turn's prompt, or one that says what our own prompt preset says."""
        raw = turn.prompt.sillytavern
        texts = read_fields(ChatTexts, {**raw, "names": raw.get("names_behavior")})
        if not texts.impersonation_prompt:
            texts = replace(texts, impersonation_prompt=turn.prompt.impersonate_prompt)
        known = {entry.identifier: entry for entry in _entries(raw.get("prompts"), turn)}
        contents = (("main", turn.prompt.system), ("nsfw", ""), ("jailbreak", turn.prompt.post_history))
        for identifier, content in contents:
            known.setdefault(identifier, PromptEntry(identifier, content=content))
        order = _order(raw.get("prompt_order"))
        disabled = frozenset(name for name, enabled in order if not enabled)
        prompts = tuple(
            known.get(name, PromptEntry(name)) if enabled else PromptEntry(name, forbid_overrides=True)
            for name, enabled in order
            if (enabled and (name not in known or _triggered(raw.get("prompts"), name, turn.kind))) or name == "main"
        )
        return ChatPreset(texts, prompts, disabled)


def _entries(value: Any, turn: Turn) -> list[PromptEntry]:
    return [_entry(one) for one in value if isinstance(one, Mapping) and isinstance(one.get("identifier"), str)] \
        if isinstance(value, (list, tuple)) else []


def _entry(value: Mapping[str, Any]) -> PromptEntry:
    role: Role = next((r for r in ROLES if r == value.get("role")), "system")
    content = value.get("content")
    return PromptEntry(
        str(value["identifier"]), role, content if isinstance(content, str) else "",
        "system_prompt" in value and not as_flag(value["system_prompt"], True),
        as_whole(value.get("injection_position"), 0) == 1, as_whole(value.get("injection_depth"), 4),
        as_whole(value.get("injection_order"), 100), as_flag(value.get("forbid_overrides"), False),
    )


def _triggered(prompts: Any, identifier: str, kind: str) -> bool:
    """Whether a prompt enters this kind of turn; no list of kinds means all."""
    for one in prompts if isinstance(prompts, (list, tuple)) else ():
        if isinstance(one, Mapping) and one.get("identifier") == identifier:
            kinds = one.get("injection_trigger")
            return not isinstance(kinds, Sequence) or not kinds or kind in kinds
    return True


def _order(value: Any) -> list[tuple[str, bool]]:
    """Identifiers in order and whether they are enabled."""
    lists = [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []
    by_id = {as_whole(one.get("character_id"), 0): one.get("order") for one in lists}
    found = next((by_id[i] for i in _ORDER_IDS if isinstance(by_id.get(i), (list, tuple))), None)
    if found is None:
        return [(name, True) for name in DEFAULT_ORDER]
    entries = [one for one in found if isinstance(one, Mapping) and isinstance(one.get("identifier"), str)]
    return [(str(one["identifier"]), as_flag(one.get("enabled"), True)) for one in entries]
