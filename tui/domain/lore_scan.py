"""The lore scan: which entries enter the prompt, and why the others do not.

Keys are looked for in the last messages; entries that fire may make others fire where their book says so. Everything
that a book can ask for has a limit here, for books come from anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tui.domain.lore import Lorebook, LoreEntry, LorePosition
from tui.domain.lore_decorators import Decorators, split_decorators
from tui.domain.lore_haystack import Haystack, KeyRule, Matcher, Said, find_snippet, is_pattern, key_occurs
from tui.domain.notice import Notice, notice
from tui.domain.prompt.types import Counter, LoreHit

MAX_ROUNDS = 10
MAX_SCAN = 1_000
MAX_DEPTH = 9_999
_MAX_ORDER = 1_000_000_000

_OFF = Notice("The entry is switched off.")
_NO_KEYS = Notice("The entry has no keys.")
_NOT_NOW = Notice("A decorator of the entry keeps it out of this turn.")
_NO_PATTERNS = Notice("Its keys are regular expressions, which could not be tried here.")
_SPENT = Notice("It fired, but entries before it have spent the lore budget.")
_EMPTY = Notice("The entry has no text.")


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """`depth` in messages where neither entry nor book says; `budget` in tokens for all books; `seed` for entries
    with a probability; `replies` is how many messages the character has written."""

    depth: int = 4
    budget: int = 1 << 30
    seed: int = 0
    replies: int = 0


@dataclass(slots=True)
class _Candidate:
    """An entry with its decorators applied and all numbers in their limits."""

    book: Lorebook
    entry: LoreEntry
    marks: Decorators
    content: str
    rule: KeyRule
    scan: int
    position: LorePosition
    depth: int
    order: int
    fired: bool = False
    key: str = ""
    message: int | None = None
    snippet: str = ""
    why: Notice | None = None
    text: str = ""
    tokens: int = 0

    @property
    def constant(self) -> bool:
        return self.entry.constant or self.marks.activate

    def hit(self) -> LoreHit:
        return LoreHit(
            self.book.id, self.entry.uid, self.entry.comment, self.fired, self.key, self.message, self.snippet,
            self.position, self.depth, self.order, self.tokens, self.text, self.marks.role or self.entry.role,
            self.entry.constant, self.why,
        )


def scan_lore(
    books: Sequence[Lorebook], messages: Sequence[str], count: Counter, *, settings: ScanSettings | None = None,
    match: Matcher | None = None, resolve: Callable[[str, str], str] | None = None,
) -> list[LoreHit]:
    """What becomes of every entry of `books`, in their order. `messages` are the chat's texts, oldest first.

    `match` tries keys of the form `/…/flags`; without it they never match. `resolve(text, place)` fills macros in keys
    and in the text that enters the prompt.
    """
    chosen = settings or ScanSettings()
    fill = resolve or (lambda text, place: text)
    newest = [Said.of(text) for text in reversed(messages[-MAX_SCAN:])]
    candidates = [_prepare(book, entry, chosen, match) for book in books for entry in book.entries]
    scan = _Scan(newest, chosen, fill)
    scan.run(candidates)
    _spend(candidates, chosen, count, fill)
    return [candidate.hit() for candidate in candidates]


class _Scan:
    """One scan: rounds over the candidates until nothing new fires."""

    def __init__(self, newest: Sequence[Said], settings: ScanSettings, fill: Callable[[str, str], str]) -> None:
        self.newest = newest
        self.settings = settings
        self.fill = fill

    def run(self, candidates: Sequence[_Candidate]) -> None:
        waiting = [c for c in candidates if self._open(c)]
        fresh = self._round(waiting, "")
        said: list[str] = []
        for _ in range(MAX_ROUNDS - 1):
            said += [c.content for c in fresh if c.book.recursive and not _flag(c.entry, "prevent_recursion")]
            waiting = [
                c for c in waiting
                if not c.fired and c.book.recursive and not _flag(c.entry, "exclude_recursion")
            ]
            if not said or not waiting or not fresh:
                return
            fresh = self._round(waiting, "\x01".join(said))

    def _open(self, c: _Candidate) -> bool:
        """Whether keys decide at all; sets what is known before."""
        marks = c.marks
        if not c.entry.enabled:
            c.why = _OFF
        elif not c.content.strip():
            c.why = _EMPTY
        elif (marks.dont_activate and not marks.activate) or not self._due(marks):
            c.why = _NOT_NOW
        elif c.constant:
            c.fired = True
        elif not any(key.strip() for key in c.entry.keys):
            c.why = _NO_KEYS
        else:
            return True
        return c.fired

    def _due(self, marks: Decorators) -> bool:
        """Whether the character has written as many messages as the entry asks for."""
        replies = self.settings.replies
        return replies >= (marks.only_after or 0) and not (marks.only_every and replies % marks.only_every)

    def _round(self, waiting: Sequence[_Candidate], said: str) -> list[_Candidate]:
        """Try keys on chat and on what entries said. Returns what fired now."""
        fresh = [c for c in waiting if c.fired]
        more = [Said.of(said)] if said else []
        trying = sorted((c for c in waiting if not c.fired), key=lambda c: c.scan)
        for scan, group in groupby(trying, key=lambda c: c.scan):
            hay = Haystack([*self.newest[:scan], *more])
            for c in group:
                if self._keys_hold(c, hay):
                    c.fired, c.why = True, None
                    c.message, c.snippet = find_snippet(c.key, self.newest[:scan], c.rule)
                    fresh.append(c)
        return fresh

    def _keys_hold(self, c: _Candidate, hay: Haystack) -> bool:
        """Primary keys, then secondary ones by their logic, decorators' keys, and the dice."""
        key = next((k for k in map(self._named, c.entry.keys) if key_occurs(k, hay, c.rule)), None)
        if key is None:
            c.why = c.why or self._no_key(c)
            return False
        c.key = key
        if not self._secondary_hold(c, hay):
            return False
        percent = max(0, min(100, c.entry.probability))
        if percent < 100 and _dice(self.settings.seed, c) >= percent:
            c.why = notice("Its key occurs, but the dice ({percent} %) fell against it.", percent=percent)
            return False
        return True

    def _secondary_hold(self, c: _Candidate, hay: Haystack) -> bool:
        def occurs(key: str) -> bool:
            return key_occurs(self._named(key), hay, c.rule)

        secondary = [k for k in c.entry.secondary_keys if k.strip()] if c.entry.selective else []
        if secondary and not _LOGIC[c.entry.logic if 0 <= c.entry.logic <= 3 else 0]([occurs(k) for k in secondary]):
            c.why = notice("Its key {key} occurs, but its secondary keys keep it out.", key=c.key)
            return False
        if any(not any(occurs(k) for k in keys) for keys in c.marks.additional_keys) or any(
            occurs(k) for k in c.marks.exclude_keys
        ):
            c.why = _NOT_NOW
            return False
        return True

    def _named(self, key: str) -> str:
        return self.fill(key, "key") if "{{" in key else key

    def _no_key(self, c: _Candidate) -> Notice:
        if c.rule.match is None and all(is_pattern(k) for k in c.entry.keys if k.strip()):
            return _NO_PATTERNS
        return notice("None of its keys occurs in the last {count} messages.", count=c.scan)


_LOGIC: tuple[Callable[[list[bool]], bool], ...] = (any, lambda f: not all(f), lambda f: not any(f), all)


def _prepare(book: Lorebook, entry: LoreEntry, settings: ScanSettings, match: Matcher | None) -> _Candidate:
    marks, content = split_decorators(entry.content)
    position, depth = entry.position, entry.depth
    if marks.position is not None:
        position = marks.position
    elif marks.depth is not None:
        position, depth = "at_depth", marks.depth
    scan = next(n for n in (marks.scan_depth, entry.scan_depth, book.scan_depth, settings.depth) if n is not None)
    rule = KeyRule(bool(entry.case_sensitive), bool(entry.whole_words), match)
    return _Candidate(
        book, entry, marks, content, rule, max(0, min(scan, MAX_SCAN)), position, max(0, min(depth, MAX_DEPTH)),
        max(-_MAX_ORDER, min(entry.order, _MAX_ORDER)),
    )


def _spend(
    candidates: Sequence[_Candidate], settings: ScanSettings, count: Counter, fill: Callable[[str, str], str]
) -> None:
    """Keep what the budgets allow. Constant entries come first, so that what fires never pushes one out of the
    stable part of the prompt; then by priority, or by order; the first that does not fit ends its kind."""
    fired = [c for c in candidates if c.fired]
    fired.sort(key=lambda c: (not c.constant, -(c.order if c.entry.priority is None else c.entry.priority)))
    left = settings.budget
    own = {c.book.id: c.book.token_budget for c in fired if c.book.token_budget is not None and c.book.token_budget > 0}
    spent: set[str] = set()
    for c in fired:
        c.text = fill(c.content, f"lore:{c.book.id}:{c.entry.uid}").strip("\n")
        if c.book.id in spent and not c.entry.ignore_budget:
            c.fired, c.why = False, _SPENT
            continue
        c.tokens = count(c.text)
        if c.entry.ignore_budget:
            continue
        if c.tokens > min(left, own.get(c.book.id, left)):
            spent.update((other.book.id for other in fired) if c.tokens > left else (c.book.id,))
            c.fired = False
            c.why = notice("It fired, but the lore budget has no room for its {tokens} tokens.", tokens=c.tokens)
            continue
        left -= c.tokens
        if c.book.id in own:
            own[c.book.id] -= c.tokens


def _dice(seed: int, c: _Candidate) -> int:
    text = f"{seed}|{c.book.id}|{c.entry.uid}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") % 100


def _flag(entry: LoreEntry, name: str) -> bool:
    """A yes-or-no field among those that the book carried along, in either spelling."""
    head, *rest = name.split("_")
    camel = head + "".join(word.capitalize() for word in rest)
    return entry.extra.get(name) is True or entry.extra.get(camel) is True
