"""Lorebooks: entries that enter the prompt when their keys occur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LorePosition = Literal[
    "before_char", "after_char", "at_depth", "note_top", "note_bottom", "examples_top", "examples_bottom"
]


@dataclass(frozen=True, slots=True)
class LoreEntry:
    """One entry. `order`: higher stands nearer to the end of the prompt and is kept longer when the budget is short
    (`priority` decides that instead where a book gives it). `depth` counts messages from the end.

    `logic` combines secondary keys: 0 any of them, 1 not all, 2 none, 3 all (SillyTavern's selectiveLogic).
    """

    uid: str
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    content: str = ""
    comment: str = ""
    enabled: bool = True
    constant: bool = False
    selective: bool = False
    logic: int = 0
    order: int = 100
    priority: int | None = None
    position: LorePosition = "before_char"
    depth: int = 4
    role: Literal["system", "user", "assistant"] = "system"
    case_sensitive: bool | None = None
    whole_words: bool | None = None
    use_regex: bool = False
    scan_depth: int | None = None
    probability: int = 100
    ignore_budget: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)   # fields that later pieces read (groups, timers, …)


@dataclass(frozen=True, slots=True)
class Lorebook:
    """A book. `scan_depth` in messages, `token_budget` in tokens (None: the caller's defaults)."""

    id: str
    name: str = ""
    entries: tuple[LoreEntry, ...] = ()
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)     # as it was read, for a lossless way out
