"""Lorebooks: entries that enter the prompt when their keys occur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LorePosition = Literal[
    "before_char", "after_char", "at_depth", "note_top", "note_bottom", "examples_top", "examples_bottom", "outlet"
]
#: Where a book comes from; SillyTavern sorts by it.
LoreSource = Literal["chat", "persona", "character", "global"]
#: Texts beside the chat in which an entry may look for its keys.
MatchField = Literal["persona", "description", "personality", "scenario", "character_note", "creator_notes"]
#: What a reply is asked for; lore entries may be limited to some kinds.
TurnKind = Literal["normal", "continue", "impersonate", "swipe", "regenerate", "quiet"]


@dataclass(frozen=True, slots=True)
class LoreEntry:
    """One entry. `order`: higher stands nearer to the end of the prompt and is kept longer when the budget is short
    (`priority` decides that instead where a book gives it). `depth` counts messages from the end.

    `logic` combines secondary keys: 0 any of them, 1 not all, 2 none, 3 all (SillyTavern's selectiveLogic).
    `groups`: of the entries of one group one enters; `group_override` wins by order, otherwise `group_weight` decides
    by chance. `sticky`, `cooldown`, `delay` are counts of messages. `delay_until_recursion` is the level of recursion
    from which on the entry may fire (0: at once). `triggers` empty means every kind of turn. `characters` and
    `character_tags` limit the entry to characters (by name or file name) or, with `characters_exclude`, keep it from
    them. `stem` matches by word stem, `anchored` puts the text before the user's turn that fired it; None leaves
    either to the book, and the book to the settings.
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
    outlet: str = ""
    groups: tuple[str, ...] = ()
    group_override: bool = False
    group_weight: int = 100
    group_scoring: bool | None = None
    sticky: int = 0
    cooldown: int = 0
    delay: int = 0
    exclude_recursion: bool = False
    prevent_recursion: bool = False
    delay_until_recursion: int = 0
    match_fields: frozenset[MatchField] = frozenset()
    triggers: tuple[str, ...] = ()
    characters: tuple[str, ...] = ()
    character_tags: tuple[str, ...] = ()
    characters_exclude: bool = False
    stem: bool | None = None
    anchored: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)   # what nothing here reads (automation id, vectorized, …)


@dataclass(frozen=True, slots=True)
class Lorebook:
    """A book. `scan_depth` in messages, `token_budget` in tokens (None: the caller's defaults)."""

    id: str
    name: str = ""
    entries: tuple[LoreEntry, ...] = ()
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool = False
    stem: bool | None = None
    anchored: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)     # as it was read, for a lossless way out


@dataclass(frozen=True, slots=True)
class LoreSettings:
    """How all books are scanned, where neither entry nor book says (SillyTavern's global World Info settings).

    `scan_depth` in messages; `budget_share` of the room for the prompt (0..1) and `budget_cap` in tokens (0: none);
    `min_activations` goes on into older messages until so many entries fired, at most `min_activations_depth` of them
    (0: all); `max_recursion_steps` counts the first pass too (0: no limit of the user's). `strategy`: how books of the
    character and global ones are mixed. `ascii_words`: SillyTavern's word boundaries, which know no Cyrillic.
    `book_recursion`: a book's own `recursive` decides (SillyTavern ignores it and uses `recursive` for all).
    """

    scan_depth: int = 4
    budget_share: float = 0.25
    budget_cap: int = 0
    min_activations: int = 0
    min_activations_depth: int = 0
    max_recursion_steps: int = 0
    recursive: bool = False
    book_recursion: bool = True
    include_names: bool = True
    case_sensitive: bool = False
    whole_words: bool = False
    ascii_words: bool = False
    group_scoring: bool = False
    strategy: Literal["evenly", "character_first", "global_first"] = "character_first"
    stem: bool = False
    anchored: bool = False


#: What a fresh SillyTavern sets.
SILLYTAVERN_LORE = LoreSettings(
    scan_depth=2, recursive=True, book_recursion=False, whole_words=True, ascii_words=True,
    strategy="character_first",
)
