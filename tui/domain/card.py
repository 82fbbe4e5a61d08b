"""A character card, whatever version and container it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.domain.lore import Lorebook


@dataclass(frozen=True, slots=True)
class Card:
    """What a character is (character card V1 to V3). Texts are as the author wrote them, macros unexpanded,
    line ends normalised to `\\n`. `raw` is the whole object as read, for a lossless way out."""

    name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    creator_notes: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""
    alternate_greetings: tuple[str, ...] = ()
    group_only_greetings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    creator: str = ""
    character_version: str = ""
    nickname: str = ""
    book: Lorebook | None = None
    depth_prompt: str = ""                        # the character's note (extensions.depth_prompt)
    depth_prompt_depth: int = 4
    depth_prompt_role: str = "system"
    spec: str = "chara_card_v2"
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def display_name(self) -> str:
        """What `{{char}}` stands for: the nickname where there is one."""
        return self.nickname or self.name

    @property
    def greetings(self) -> tuple[str, ...]:
        """First message and alternates, empty ones left out."""
        return tuple(g for g in (self.first_mes, *self.alternate_greetings) if g.strip())
