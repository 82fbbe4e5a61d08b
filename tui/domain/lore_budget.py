"""What became of an entry in a scan, and the two ways in which budgets decide over those that fired.

Ours looks at all that fired: constant entries first, so that what fires never pushes one out of the stable part of the
prompt; then by priority, or by order. SillyTavern's goes along while the scan runs, pass by pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.domain.lore_prepare import Item, idle_hit
from tui.domain.lore_settings import ScanSettings
from tui.domain.notice import Notice, notice
from tui.domain.prompt.types import Counter, LoreHit

_SPENT = Notice("It fired, but entries before it have spent the lore budget.")


@dataclass(slots=True)
class Fate:
    """What has become of one entry so far."""

    item: Item
    fired: bool = False
    key: str = ""
    message: int | None = None
    snippet: str = ""
    parent: str = ""
    dice: int | None = None
    group: str = ""
    why: Notice | None = None
    text: str = ""
    tokens: int = 0
    dropped_by: str = ""

    def drop(self, limit: str, why: Notice) -> None:
        self.fired, self.dropped_by, self.why = False, limit, why

    def hit(self, timers: dict[str, int]) -> LoreHit:
        return replace(
            idle_hit(self.item, self.why), fired=self.fired, key=self.key, message=self.message, snippet=self.snippet,
            tokens=self.tokens, text=self.text, parent=self.parent, dice=self.dice, timers=timers, group=self.group,
            dropped_by=self.dropped_by, stable=self.fired and self.item.certain,
        )


def spend(fired: Sequence[Fate], settings: ScanSettings, count: Counter) -> None:
    """Keep what the budgets allow, ours and each book's own; the first that does not fit ends its kind."""
    def rank(fate: Fate) -> tuple[bool, bool, int]:
        entry, marks = fate.item.entry, fate.item.marks
        weight = fate.item.order if entry.priority is None else entry.priority
        return (marks.first_to_go, not fate.item.always, -weight)

    left = settings.limit
    own = {f.item.book.id: f.item.book.token_budget for f in fired if (f.item.book.token_budget or 0) > 0}
    spent: dict[str, str] = {}
    for fate in sorted(fired, key=rank):
        book, free = fate.item.book.id, fate.item.entry.ignore_budget
        closed = spent.get(book) or spent.get("")
        if closed and not free:
            fate.drop(closed, _SPENT)
            continue
        fate.tokens = count(fate.text)
        if free:
            continue
        room = own.get(book)
        if left is not None and fate.tokens > left:
            spent[""] = settings.limited_by
            fate.drop(settings.limited_by, no_room(fate.tokens))
        elif room is not None and fate.tokens > room:
            spent[book] = "book"
            fate.drop("book", no_room(fate.tokens))
        else:
            left = left if left is None else left - fate.tokens
            own.update({book: room - fate.tokens} if room is not None else {})


def no_room(tokens: int) -> Notice:
    return notice("It fired, but the lore budget has no room for its {tokens} tokens.", tokens=tokens)


@dataclass(slots=True)
class RunningBudget:
    """SillyTavern's budget. `earlier` is the text of the passes before, `now` that of this one, rejected texts
    included. Once something did not fit, only entries that ignore the budget enter."""

    settings: ScanSettings
    count: Counter
    earlier: str = ""
    now: str = ""
    over: bool = False
    _earlier_tokens: int = 0

    def begin(self) -> None:
        """A pass begins."""
        self.now = ""
        if self.settings.limit is not None:
            self._earlier_tokens = self.count(self.earlier)

    def closed_to(self, fate: Fate) -> bool:
        """Whether an entry is not even looked at any more."""
        if not self.over or fate.item.entry.ignore_budget:
            return False
        fate.drop(self.settings.limited_by, _SPENT)
        return True

    def admit(self, fate: Fate) -> bool:
        """Whether the entry's text still fits."""
        fate.tokens = self.count(fate.text)
        limit = self.settings.limit
        if limit is None:
            return True
        self.now += fate.text + "\n"
        if fate.item.entry.ignore_budget or self._earlier_tokens + self.count(self.now) < limit:
            return True
        self.over = True
        fate.drop(self.settings.limited_by, no_room(fate.tokens))
        return False

    def end(self, said: str) -> None:
        """The pass ends, and the scan goes on after it with `said`."""
        self.earlier = f"{said}\n{self.earlier}"
