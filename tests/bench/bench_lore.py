"""Keys of 10,000 lore entries over messages that were not there before: the index beside a naive loop.

A tenth of the entries have regular expressions. The naive loop is a quick one: the searched messages are folded and
joined once, keys and patterns are prepared beforehand, and an entry is left at its first key that occurs. Both ask for
the same entries of the same messages, in turns (ABBA), and must agree; patterns run in this process for both, and in
the last row in the helper process for both.
Run: python tests/bench/bench_lore.py [--entries 10000] [--messages 20]
"""

from __future__ import annotations

import argparse
import random
import re
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from tui.core.stems import stem_word
from tui.domain.lore_forms import fold, stem_line, stem_tokens
from tui.domain.lore_index import IndexedFinder
from tui.domain.lore_keys import KeySpec, Matcher, by_stem, find_plain, is_pattern, pattern_text, trimmed
from tui.domain.notice import Notice
from tui.domain.patterns import parse_pattern
from tui.sandbox import Sandbox

_LATIN = ["ar", "bel", "cor", "dra", "el", "fen", "gor", "hal", "is", "kas", "lor", "mir", "nor", "oth", "ral", "sil",
          "tan", "ul", "ven", "wyn", "yor", "zan", "the", "en", "ith"]
_RUSSIAN = ["ар", "бел", "вор", "дра", "ел", "жар", "зим", "ир", "кас", "лес", "мир", "нор", "ос", "пол", "рус", "сил",
            "тан", "ук", "вен", "хор", "яр", "зар", "ни", "ом", "ек"]
_THINGS = {"l": ["tower", "sword", "guild", "river", "queen", "order", "of the north", "gate", "song", "crown"],
           "r": ["башня", "меч", "гильдия", "река", "королева", "орден", "северный", "ворота", "песнь", "корона"]}
_TALK = {"l": "the and then she looked at him with a slow smile while rain fell over roofs of the town, nobody said so",
         "r": "и тогда она посмотрела на него с медленной улыбкой, пока дождь падал на крыши старого города, и"}
Entry = tuple[KeySpec, ...]


class Book:
    """Entries and messages, the same for the same seed."""

    def __init__(self, seed: int, entries: int) -> None:
        self.rng = random.Random(seed)
        self.names = {k: [self._name(part) for _ in range(entries)] for k, part in (("l", _LATIN), ("r", _RUSSIAN))}
        self.entries = [self._patterned() if i % 10 == 0 else self._plain() for i in range(entries)]

    def _name(self, parts: Sequence[str]) -> str:
        return "".join(self.rng.choice(parts) for _ in range(self.rng.choice((2, 3, 3, 4)))).capitalize()

    def _plain(self) -> Entry:
        rng, tongue = self.rng, self.rng.choice("lr")
        whole, stem, case = rng.random() < 0.5, rng.random() < 0.1, rng.random() < 0.05
        keys = []
        for _ in range(rng.randint(1, 4)):
            name = rng.choice(self.names[tongue])
            keys.append(f"{name} {rng.choice(_THINGS[tongue])}" if rng.random() < 0.4 else name)
        return tuple(KeySpec(key, case, whole, stem=stem) for key in keys)

    def _patterned(self) -> Entry:
        rng, tongue = self.rng, self.rng.choice("lr")
        one, other = rng.sample(self.names[tongue], 2)
        thing, more = rng.sample(_THINGS[tongue], 2)
        source = rng.choice([
            rf"\b{one}(s|'s)?\b", rf"(?:{one}|{other})\s+(?:{thing}|{more})", rf"(?:^|\W){one}(?:$|\W)",
            rf"{one}[а-яё]*", rf"{thing}.{{0,40}}{one}", rf"(?<!not ){one}", rf"\d+\s*{thing} {one}",
            rf"({one}|{other}|{thing} {more}){{1,2}}", rf"{one}[\s\S]{{0,80}}{other}", rf"[«\"]{one}\S*[»\"]",
        ])
        return (KeySpec(f"/{source}/{rng.choice(('i', 'i', '', 'im'))}", False, False),)

    def message(self) -> str:
        """Some 300 to 900 characters, with a few names of the book."""
        rng, tongue = self.rng, self.rng.choice("lr")
        talk = _TALK[tongue].split()
        words = [rng.choice(talk) for _ in range(rng.randint(60, 180))]
        for _ in range(rng.randint(2, 8)):
            name = rng.choice(self.names[tongue])
            words[rng.randrange(len(words))] = f"{name} {rng.choice(_THINGS[tongue])}," if rng.random() < 0.3 else name
        return " ".join(words)


@cache
def compiled(key: str) -> re.Pattern[str]:
    pattern = parse_pattern(key)
    assert pattern is not None
    return re.compile(pattern.python or "(?!)", re.IGNORECASE if pattern.ignore_case else 0)


def here(jobs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
    return [compiled(key).search(text) is not None for key, text in jobs]


def helper(box: Sandbox) -> Matcher:
    return lambda jobs: [a if isinstance(a, bool) else a.why for a in box.search(jobs)]


class Naive:
    """Every entry, every key, one after the other."""

    def __init__(self, entries: Sequence[Entry], match: Matcher) -> None:
        self.match = match
        self.patterns = [(number, e) for number, e in enumerate(entries) if is_pattern(e[0].key)]
        self.plain = [
            (number, [(spec, self._stems(spec) if by_stem(spec) else trimmed(spec)) for spec in e])
            for number, e in enumerate(entries) if not is_pattern(e[0].key)
        ]

    @staticmethod
    def _stems(spec: KeySpec) -> str:
        return stem_line(stem_tokens(spec.key, stem_word, spec.case_sensitive))

    def __call__(self, texts: Sequence[str]) -> set[int]:
        joined = "\x01".join(texts)
        exact, folded = joined, fold(joined)
        stems = ["".join(stem_line(stem_tokens(text, stem_word, case)) for text in texts) for case in (False, True)]
        fired = set()
        for number, keys in self.plain:
            for spec, needle in keys:
                if spec.stem:
                    if needle in stems[spec.case_sensitive]:
                        fired.add(number)
                        break
                elif find_plain(spec, needle, exact if spec.case_sensitive else folded) >= 0:
                    fired.add(number)
                    break
        buffer = pattern_text(texts)
        answers = self.match([(e[0].key, buffer) for _, e in self.patterns])
        fired.update(number for (number, _), answer in zip(self.patterns, answers, strict=True) if answer is True)
        return fired


class Indexed:
    def __init__(self, entries: Sequence[Entry], match: Matcher) -> None:
        self.finder = IndexedFinder(match, stem_word)
        self.holders: dict[KeySpec, list[int]] = {}
        for number, entry in enumerate(entries):
            for spec in entry:
                self.holders.setdefault(spec, []).append(number)
        self.finder.prepare(tuple(self.holders))

    def __call__(self, texts: Sequence[str]) -> set[int]:
        return {number for spec in self.finder.hits(texts) for number in self.holders[spec]}


@dataclass
class Row:
    name: str
    naive: list[float]
    index: list[float]
    fired: list[int]

    def line(self) -> str:
        ratios = [n / i for n, i in zip(self.naive, self.index, strict=True)]
        return (f"{self.name:<26} {median(self.naive):>10.1f} {median(self.index):>10.2f} {median(ratios):>8.0f} "
                f"{min(ratios):>8.0f} {median(self.fired):>8.0f}")


def timed(find: Callable[[Sequence[str]], set[int]], texts: Sequence[str]) -> tuple[float, set[int]]:
    began = time.perf_counter()
    found = find(texts)
    return (time.perf_counter() - began) * 1000, found


def row(name: str, depth: int, times: int, book: Book, chat: list[str], naive: Naive, index: Indexed) -> Row:
    made = Row(name, [], [], [])
    index(chat[: -depth - 1 : -1])
    naive(chat[: -depth - 1 : -1])
    for turn in range(times):
        chat.append(book.message())
        newest = chat[: -depth - 1 : -1]
        if turn % 2:
            slow, expected = timed(naive, newest)
            quick, found = timed(index, newest)
        else:
            quick, found = timed(index, newest)
            slow, expected = timed(naive, newest)
        assert found == expected, f"{name}: they differ in {sorted(found ^ expected)[:5]}"
        made.naive.append(slow)
        made.index.append(quick)
        made.fired.append(len(found))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=20, help="new messages in each row")
    options = parser.parse_args()
    book = Book(7, options.entries)
    chat = [book.message() for _ in range(2_000)]
    tracemalloc.start()
    Indexed(book.entries, here)(chat[-50:])
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    began = time.perf_counter()
    index = Indexed(book.entries, here)
    built = time.perf_counter() - began
    naive = Naive(book.entries, here)
    rows = [
        row(f"depth {depth}", depth, options.messages, book, chat, naive, index) for depth in (4, 10, 20, 50)
    ]
    box = Sandbox(deadline=60)
    try:
        naive, boxed = Naive(book.entries, helper(box)), Indexed(book.entries, helper(box))
        rows.append(row("depth 4, helper process", 4, options.messages, book, chat, naive, boxed))
    finally:
        box.close()
    keys = sum(map(len, book.entries))
    print(f"{len(book.entries)} entries, {keys} keys; index built in {built * 1000:.0f} ms")
    print(f"{'':<26} {'naive, ms':>10} {'index, ms':>10} {'ratio':>8} {'least':>8} {'fired':>8}")
    for made in rows:
        print(made.line())
    print(f"the index and what it knows of 50 messages: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
