"""SillyTavern's global World Info settings as `LoreSettings` (sillytavern.md 1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from tui.domain.lore import SILLYTAVERN_LORE, LoreSettings
from tui.formats.coerce import flag, whole

_STRATEGIES: tuple[Literal["evenly", "character_first", "global_first"], ...] = (
    "evenly", "character_first", "global_first",
)


def lore_settings(values: Mapping[str, Any]) -> LoreSettings:
    """The settings by SillyTavern's names (`world_info_depth`, …; `world_info_budget` in percent), as they stand in
    its `settings.json` or one level below, in `world_info_settings`; what is missing is as in a fresh SillyTavern."""
    nested = values.get("world_info_settings")
    found = {**values, **nested} if isinstance(nested, Mapping) else values

    def number(name: str, default: int, most: int) -> int:
        return whole(found.get(f"world_info_{name}"), default, 0, most)

    def yes(name: str, default: bool) -> bool:
        return flag(found.get(f"world_info_{name}"), default)

    return replace(
        SILLYTAVERN_LORE,
        scan_depth=number("depth", 2, 1000), budget_share=number("budget", 25, 100) / 100,
        budget_cap=number("budget_cap", 0, 10_000_000), min_activations=number("min_activations", 0, 10_000),
        min_activations_depth=number("min_activations_depth_max", 0, 10_000),
        max_recursion_steps=number("max_recursion_steps", 0, 10_000), recursive=yes("recursive", True),
        include_names=yes("include_names", True), case_sensitive=yes("case_sensitive", False),
        whole_words=yes("match_whole_words", True), group_scoring=yes("use_group_scoring", False),
        strategy=_STRATEGIES[number("character_strategy", 1, 2)],
    )
