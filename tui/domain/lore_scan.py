"""The lore scan: which entries enter the prompt, and why the others do not.

Passes follow one another as in SillyTavern: over the chat; over the chat with what entries said (recursion), where
they fire others; further into the past, where too few fired; and once more for each delay of recursion. In every pass
the entries whose keys occur (and those that need none) go through the same gates: filters, timers, delays, groups,
dice, budget. Everything that a book can ask for has a limit here, for books come from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tui.domain.lore import Lorebook, MatchField
from tui.domain.lore_budget import Fate, RunningBudget, spend
from tui.domain.lore_groups import GroupRules, settle_groups
from tui.domain.lore_index import IndexedFinder
from tui.domain.lore_keys import KeyFinder, KeySpec
from tui.domain.lore_prepare import (
    MAX_SCAN,
    NOT_NOW,
    Item,
    Keys,
    Layout,
    PreparedBooks,
    Window,
    keys_of,
    no_key,
    prepare_books,
)
from tui.domain.lore_settings import ScanSettings, closed_to, lore_budget, rank_of
from tui.domain.lore_timers import running_timers, timers_after
from tui.domain.notice import Notice, notice
from tui.domain.prompt.types import Counter, LoreHit, LoreTimer

__all__ = ["LoreScan", "ScanSettings", "lore_budget", "prepare_books", "scan_lore"]

#: Passes in which entries make others fire: so many, but fewer where entries look at many different stretches of the
#: chat, each of which has to be looked at in each pass; and all passes together.
MAX_ROUNDS = 100
_MIN_ROUNDS, _MAX_LOOKS = 10, 4_000
MAX_PASSES = MAX_ROUNDS + MAX_SCAN

_LATER = Notice("It fires only where other entries make it fire.")
_NOT_BY_OTHERS = Notice("Its key occurs only in other entries, which may not make it fire.")
_FIELDS: tuple[MatchField, ...] = (
    "persona", "description", "personality", "character_note", "scenario", "creator_notes",
)
_State = Literal["first", "recursion", "further", "done"]
_Resolve = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class LoreScan:
    """`hits`: what became of every entry, in the order of the books. `active`: those that entered, in the order in
    which they did (see `lore_output`). `timers`: all timed effects that run after this turn. `notices`: what the
    person should know."""

    hits: tuple[LoreHit, ...]
    active: tuple[LoreHit, ...] = ()
    timers: tuple[LoreTimer, ...] = ()
    notices: tuple[Notice, ...] = ()


def scan_lore(
    books: Sequence[Lorebook] | PreparedBooks, messages: Sequence[str], count: Counter, *,
    settings: ScanSettings | None = None, finder: KeyFinder | None = None, resolve: _Resolve | None = None,
) -> LoreScan:
    """What becomes of every entry of `books`. `messages` are the chat's texts, oldest first, with their speakers'
    names where those are to be found too.

    Books that are kept prepared (`prepare_books`) and a finder that is kept (an `IndexedFinder`) make a scan cost what
    is new. `resolve(text, place)` fills macros in keys and in the text that enters the prompt.
    """
    chosen = settings or ScanSettings()
    prepared = books if isinstance(books, PreparedBooks) else prepare_books(books)
    newest = [text.strip() if chosen.exact else text for text in reversed(messages[-MAX_SCAN:])]
    length = len(messages) if chosen.chat_length is None else chosen.chat_length
    scan = _Scan(prepared, newest, length, chosen, count, finder or IndexedFinder(), resolve or (lambda text, _: text))
    scan.run()
    return scan.result()


@dataclass(slots=True)
class _Buffer:
    """The texts that entries look at, newest first, then fields, injections, and what entries said (`said`, each with
    the name of its entry). `skew`: how many messages more than the settings say."""

    newest: Sequence[str]
    settings: ScanSettings
    skew: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def depth(self) -> int:
        return max(0, min(self.settings.lore.scan_depth + self.skew, MAX_SCAN))

    def reach(self, window: Window) -> int:
        """How many messages an entry looks at."""
        return min(self.depth if window.depth is None else window.depth, len(self.newest))

    def texts(self, window: Window, with_said: bool) -> list[str]:
        depth = self.reach(window)
        if (self.depth if window.depth is None else window.depth) <= 0 and self.settings.exact:
            return []
        out = list(self.newest[:depth])
        out += [text for name in _FIELDS if name in window.fields and (text := self.settings.fields.get(name, ""))]
        out += [text for text in self.settings.injections if text]
        if with_said and window.recursion:
            out += [text for _, text in self.said]
        return out

    def place(self, window: Window, with_said: bool, index: int) -> tuple[int | None, str]:
        """Which message the text at an index is, or by which entry it was said."""
        if index < self.reach(window):
            return index, ""
        before = len(self.texts(window, False))
        return None, self.said[index - before][0] if with_said and index >= before else ""


class _Scan:
    """One scan, pass by pass."""

    def __init__(
        self, prepared: PreparedBooks, newest: Sequence[str], length: int, settings: ScanSettings, count: Counter,
        finder: KeyFinder, resolve: _Resolve,
    ) -> None:
        self.prepared = prepared
        self.settings = settings
        self.layout: Layout = prepared.layout(settings.lore, settings.exact)
        self.timers = running_timers(settings.timers, prepared, self.layout.items, length)
        self.length = length
        self.count = count
        self.finder = finder
        self.resolve = resolve
        self.buffer = _Buffer(newest, settings)
        self.budget = RunningBudget(settings, count)
        self.state: _State = "first"
        self.levels = list(self.layout.levels)
        self.level = self.levels.pop(0) if self.levels else 0
        self.fates: dict[int, Fate] = {}
        self.done: set[int] = set()                # entered, or failed for good
        self.active: list[Item] = []
        self.closed: dict[int, Notice | None] = {}
        self.occurring: dict[tuple[int, frozenset[MatchField], bool], set[KeySpec]] = {}
        self.own_keys: dict[int, Keys] = {}
        self.notices: list[Notice] = []
        self.waiting = self._without_keys(prepared)

    def run(self) -> None:
        self._prepare_keys()
        rounds, windows = 0, max(1, len(self.layout.by_key))
        most_rounds = max(_MIN_ROUNDS, min(MAX_ROUNDS, _MAX_LOOKS // windows))
        for step in range(MAX_PASSES):
            most = self.settings.lore.max_recursion_steps
            if self.state == "done" or (0 < most <= step):
                return
            rounds += self.state == "recursion"
            if rounds > most_rounds:
                self.notices.append(notice(
                    "Lore entries made each other fire {count} times over; the scan ended there.", count=most_rounds
                ))
                return
            self._pass()

    def result(self) -> LoreScan:
        fired = [self.fates[item.at] for item in self.active]
        if not self.settings.exact:
            spend(fired, self.settings, self.count)
        entered = [fate.item for fate in fired if fate.fired]
        after = timers_after(self.timers, entered)
        hits = list(self.layout.idle)
        for at, why in self._reasons().items():
            fate = self.fates.setdefault(at, Fate(self.layout.items[at]))
            fate.why = why if not fate.fired and fate.why is None else fate.why
        for at, fate in self.fates.items():
            hits[at] = fate.hit((after if fate.fired else self.timers).left(fate.item))
        active = tuple(hits[item.at] for item in entered)
        return LoreScan(tuple(hits), active, after.all(), tuple(self.notices))

    # Before the first pass

    def _without_keys(self, prepared: PreparedBooks) -> list[Item]:
        """The entries that fire without keys: those that always do, and those that stay from earlier turns."""
        places = (prepared.place(key) for key in self.timers.sticky)
        sticky = [self.layout.items[at] for at in places if at is not None]
        return [*self.layout.always, *(i for i in sticky if i.open and not i.always)]

    def _prepare_keys(self) -> None:
        """Tell the finder all keys, those with macros filled in."""
        def named(key: str) -> str:
            return self.resolve(key, "key")

        for item in self.layout.named:
            self.own_keys[item.at] = keys_of(item, self.settings.lore, self.settings.exact, named)
        if self.own_keys:
            more = (spec for keys in self.own_keys.values() for spec in keys.every())
            self.finder.prepare(tuple(dict.fromkeys((*self.layout.specs, *more))))
        else:
            self.finder.prepare(self.layout.specs)

    # One pass

    def _pass(self) -> None:
        self.occurring.clear()
        fresh = [item for item in self._candidates() if self._may_now(item) and self._fires(item)]
        fresh.sort(key=lambda item: (not self._is_sticky(item), *rank_of(item, self.settings)))
        groups = settle_groups(fresh, self.active, GroupRules(
            self._is_sticky, self._score, lambda name: self.settings.chance("group", name),
            self.settings.lore.group_scoring, self.settings.exact,
        ))
        for at, (group, why) in groups.lost.items():
            self.fates[at].group, self.fates[at].why = group, why
        for at, group in groups.won.items():
            self.fates[at].group = group
        self._go_on(self._enter(groups.left))

    def _candidates(self) -> Iterable[Item]:
        """Entries that fire if nothing keeps them out, each once: those without need of a key, then those of which a
        key occurs."""
        seen: set[int] = set()
        self.waiting = [item for item in self.waiting if item.at not in self.done]
        for item in (*self.waiting, *self._by_keys()):
            if item.at not in self.done and item.at not in seen:
                seen.add(item.at)
                yield item

    def _by_keys(self) -> Iterable[Item]:
        for window, by_key in self.layout.by_key.items():
            for spec in by_key.keys() & self._occurring(window):
                yield from by_key[spec]
        for item in self.layout.named:
            if not self._occurring(item.window).isdisjoint(self._keys(item).primary):
                yield item

    def _occurring(self, window: Window) -> set[KeySpec]:
        """The keys that occur in a window now, asked for once a pass."""
        reach = self.buffer.reach(window) if window.depth != 0 else -1
        seen = (reach, window.fields, window.recursion)
        known = self.occurring.get(seen)
        if known is None:
            texts = self.buffer.texts(window, self._with_said)
            known = self.occurring[seen] = self.finder.hits(texts) if texts else set()
        return known

    @property
    def _with_said(self) -> bool:
        return self.state != "further"

    def _keys(self, item: Item) -> Keys:
        return self.own_keys.get(item.at, item.keys)

    def _is_sticky(self, item: Item) -> bool:
        return item.key in self.timers.sticky

    def _may_now(self, item: Item) -> bool:
        """Whether filters, timers and delays let an entry take part in this pass."""
        if item.at not in self.closed:
            self.closed[item.at] = closed_to(item, self.settings, self.timers)
        if (why := self.closed[item.at]) is not None:
            self._fate(item).why = why
            return False
        if self._is_sticky(item):
            return True
        delay, recursing = item.entry.delay_until_recursion, self.state == "recursion"
        if delay and (not recursing or delay > self.level):
            self._fate(item).why = _LATER
            return False
        if recursing and item.entry.exclude_recursion:
            self._fate(item).why = _NOT_BY_OTHERS
            return False
        return True

    def _fires(self, item: Item) -> bool:
        """Whether an entry fires now; the key by which it does is noted."""
        fate = self._fate(item)
        fate.why = None
        if item.always or self._is_sticky(item):
            return True
        there, keys = self._occurring(item.window), self._keys(item)
        spec = next(spec for spec in keys.primary if spec in there)
        fate.key = spec.key
        if keys.secondary and not _LOGIC[item.entry.logic if 0 <= item.entry.logic <= 3 else 0](
            [key in there for key in keys.secondary]
        ):
            fate.why = notice("Its key {key} occurs, but its secondary keys keep it out.", key=spec.key)
            return False
        if any(there.isdisjoint(group) for group in keys.needed) or not there.isdisjoint(keys.unwanted):
            fate.why = NOT_NOW
            return False
        self._locate(fate, spec)
        return True

    def _locate(self, fate: Fate, spec: KeySpec) -> None:
        window = fate.item.window
        index, fate.snippet = self.finder.where(spec, self.buffer.texts(window, self._with_said))
        if index is not None:
            fate.message, fate.parent = self.buffer.place(window, self._with_said, index)

    def _score(self, item: Item) -> int:
        """How many keys of an entry occur, as groups count them."""
        there, keys = self._occurring(item.window), self._keys(item)
        first = sum(key in there for key in keys.primary)
        second = sum(key in there for key in keys.secondary)
        if not keys.primary:
            return 0
        logic = item.entry.logic
        return first + (second if logic == 0 or (logic == 3 and second == len(keys.secondary)) else 0)

    def _enter(self, candidates: Sequence[Item]) -> list[Fate]:
        """Dice and, in SillyTavern's way, budget. Returns those whose text may make others fire: all that the dice
        let through, as in SillyTavern even those that the budget turned away."""
        self.budget.begin()
        passed = []
        for item in candidates:
            fate = self._fate(item)
            if self.budget.closed_to(fate):
                fate.text = item.content
                passed.append(fate)
                continue
            if not self._dice_allow(fate):
                self.done.add(item.at)
                continue
            text = self.resolve(item.content, f"lore:{item.book.id}:{item.entry.uid}")
            fate.text = text if self.settings.exact else text.strip("\n")
            passed.append(fate)
            if self.settings.exact and not self.budget.admit(fate):
                continue
            fate.fired, fate.why, fate.dropped_by = True, None, ""
            self.done.add(item.at)
            self.active.append(item)
        return [f for f in passed if not f.item.entry.prevent_recursion and (f.fired or self.settings.exact)]

    def _dice_allow(self, fate: Fate) -> bool:
        item = fate.item
        percent = max(0, min(100, item.entry.probability))
        if percent >= 100 or self._is_sticky(item):
            return True
        fate.dice = int(self.settings.chance(item.book.id, item.entry.uid) * 100)
        if fate.dice < percent:
            return True
        fate.why = notice(
            "Its key occurs, but the dice ({percent} %) fell against it." if fate.key
            else "It needs no key, but the dice ({percent} %) fell against it.", percent=percent,
        )
        return False

    def _go_on(self, passed: Sequence[Fate]) -> None:
        """Choose the next pass, and hand what was said on to it."""
        lore, was = self.settings.lore, self.state
        heard = [f for f in passed if self._recursive(f.item)]
        able = not self.budget.over
        self.state = "done"
        if able and (heard or (was == "further" and self.buffer.said and self._any_recursive())):
            self.state = "recursion"
        elif able and len(self.active) < lore.min_activations and self._reaches_further():
            self.state = "further"
            self.buffer.skew += 1
        elif self.levels:
            self.state = "recursion"
            self.level = self.levels.pop(0)
        if self.state != "done":
            said = passed if self.settings.exact else heard
            self.buffer.said += [(f.item.name, f.text) for f in said if f.text]
            self.budget.end("\n".join(f.text for f in said))

    def _recursive(self, item: Item) -> bool:
        """Whether what an entry says may make others fire."""
        lore = self.settings.lore
        return item.book.recursive if lore.book_recursion and not self.settings.exact else lore.recursive

    def _any_recursive(self) -> bool:
        return self.settings.lore.recursive or not self.settings.exact

    def _reaches_further(self) -> bool:
        most, depth = self.settings.lore.min_activations_depth, self.buffer.depth
        return depth <= self.length and depth < MAX_SCAN and not 0 < most < depth

    # The trace

    def _fate(self, item: Item) -> Fate:
        known = self.fates.get(item.at)
        if known is None:
            known = self.fates[item.at] = Fate(item)
        return known

    def _reasons(self) -> dict[int, Notice]:
        """Why entries stayed out that no pass came to, where it is not simply that no key occurs."""
        out = {}
        for item in self.layout.patterned:
            if item.at not in self.fates:
                refused = (self.finder.refused(spec) for spec in self._keys(item).primary)
                if (why := next((r for r in refused if r is not None), None)) is not None:
                    out[item.at] = why
        for item in self.layout.conditioned:
            if item.at not in self.fates and (why := closed_to(item, self.settings, self.timers)) is not None:
                out[item.at] = why
        for key in self.timers.cooldown:
            item = self.layout.items[self.prepared.place(key) or 0]
            if item.at not in self.fates and item.open and (why := closed_to(item, self.settings, self.timers)):
                out[item.at] = why
        if self.buffer.skew:
            for item in self.layout.items:
                if item.open and not item.always and item.keys.primary and item.window.depth is None:
                    out.setdefault(item.at, no_key(item, self.buffer.depth))
        return out


_LOGIC: tuple[Callable[[list[bool]], bool], ...] = (any, lambda f: not all(f), lambda f: not any(f), all)
