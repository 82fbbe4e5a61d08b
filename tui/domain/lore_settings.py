"""What one scan of lore is given, and the words in which it tells what became of an entry."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.domain.lore import LoreSettings, LoreSource, MatchField, TurnKind
from tui.domain.lore_prepare import NOT_NOW, Item
from tui.domain.lore_timers import RunningTimers
from tui.domain.notice import Notice, notice
from tui.domain.prompt.types import LoreTimer

_WRONG_KIND = Notice("The entry is not meant for this kind of reply.")
_ONCE = Notice("It fired before, and a decorator lets it fire only once.")
_OTHER_GREETING = Notice("The entry belongs to another greeting of the character.")
_OTHER_CHARACTER = Notice("The entry is not meant for this character.")


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """One scan. `lore` says how books are scanned.

    `budget`: tokens for all books (None: no limit); `lore.budget_cap` may lower it. `exact`: SillyTavern's rules to
    the letter (its words, its two decorators, its budget, in which constant entries have no privilege and a book's
    own settings do not count); otherwise ours. `seed` decides all chances. `replies`: messages that the character
    has written; `greeting`: with which of the card's greetings the chat began (0 the first message, 1 the first
    alternate one; None: with none, or it is not known); both for decorators. `chat_length`: messages of the chat, for
    timers (None: as many as are given).
    `sources`: where books (by id) come from; one that is not named is global. `characters`: the names by which
    filters may know the speaking character (display name, name of its file); `tags`: its tags (None: it has none on
    record, which SillyTavern takes for a match). `fields`: texts beside the chat that entries may ask for.
    `timers`: what runs from earlier turns. `injections`: further texts that are always scanned.
    """

    lore: LoreSettings = field(default_factory=LoreSettings)
    budget: int | None = None
    exact: bool = False
    seed: int = 0
    replies: int = 0
    greeting: int | None = None
    chat_length: int | None = None
    sources: Mapping[str, LoreSource] = field(default_factory=dict)
    kind: TurnKind = "normal"
    characters: tuple[str, ...] = ()
    tags: tuple[str, ...] | None = ()
    fields: Mapping[MatchField, str] = field(default_factory=dict)
    timers: tuple[LoreTimer, ...] = ()
    injections: tuple[str, ...] = ()

    @property
    def limit(self) -> int | None:
        """The tokens that all books may take together."""
        cap = self.lore.budget_cap if self.lore.budget_cap > 0 else None
        limits = [n for n in (self.budget, cap) if n is not None]
        return min(limits) if limits else None

    @property
    def limited_by(self) -> str:
        """Which of the two limits is the tighter, by the name that the trace uses."""
        cap = self.lore.budget_cap
        return "cap" if cap > 0 and (self.budget is None or cap < self.budget) else "lore"

    def chance(self, *about: str) -> float:
        """A number from 0 to just below 1 that depends on the seed and what it is about, and on nothing else."""
        text = "|".join((str(self.seed), *about)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:6], "big") / (1 << 48)


def lore_budget(lore: LoreSettings, room: int) -> int:
    """The tokens that `lore.budget_share` allows of `room`, the tokens of the longest prompt (context less reply):
    rounded half up, at least 1 (SillyTavern's rule)."""
    share = max(0.0, min(lore.budget_share, 1.0))
    return math.floor(round(max(0, room) * share, 6) + 0.5) or 1


def rank_of(item: Item, settings: ScanSettings) -> tuple[int, int, int, int]:
    """Sorts entries as they take part: lore of the chat, of the persona, then that of character and world by strategy;
    in each by order, the highest first."""
    source = settings.sources.get(item.book.id, "global")
    if source in ("chat", "persona"):
        return (0 if source == "chat" else 1, -item.order, 0, item.at)
    first = "character" if settings.lore.strategy == "character_first" else "global"
    part = 2 if settings.lore.strategy == "evenly" or source == first else 3
    return (part, -item.order, 0 if source == first else 1, item.at)


def closed_to(item: Item, settings: ScanSettings, timers: RunningTimers) -> Notice | None:
    """Why an entry takes no part in this scan at all; None if it may."""
    entry = item.entry
    if entry.triggers and settings.kind not in entry.triggers:
        return _WRONG_KIND
    if _other_character(item, settings):
        return _OTHER_CHARACTER
    if entry.delay > timers.length:
        return notice("It waits until the chat has {count} messages.", count=entry.delay)
    if item.key in timers.cooldown and item.marks.once:
        return _ONCE
    if item.key in timers.cooldown and item.key not in timers.sticky:
        left = timers.cooldown[item.key].end - timers.length
        return notice("It fired a short while ago and rests for {count} more messages.", count=left)
    marks = item.marks
    if settings.replies < (marks.only_after or 0) or (marks.only_every and settings.replies % marks.only_every):
        return NOT_NOW
    return _OTHER_GREETING if marks.greeting is not None and marks.greeting != settings.greeting else None


def _other_character(item: Item, settings: ScanSettings) -> bool:
    entry = item.entry
    if entry.characters and any(n in entry.characters for n in settings.characters) == entry.characters_exclude:
        return True
    if not entry.character_tags or (settings.tags is None and settings.exact):
        return False
    return any(tag in entry.character_tags for tag in settings.tags or ()) == entry.characters_exclude
