"""Keys of lore: what a key of each kind matches, and that the index finds what trying them one by one finds."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.core.stems import stem_word
from tui.domain.lore_index import STRIKES, IndexedFinder
from tui.domain.lore_keys import NOT_TRIED, KeyFinder, KeySpec, PlainFinder
from tui.domain.notice import Notice
from tui.domain.patterns import parse_pattern


@lru_cache(maxsize=4096)
def compiled(key: str) -> re.Pattern[str] | None:
    pattern = parse_pattern(key)
    assert pattern is not None
    assert pattern.python is not None
    try:
        return re.compile(pattern.python, re.IGNORECASE if pattern.ignore_case else 0)
    except re.error:
        return None


class Trying:
    """Tries patterns in this process and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, jobs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
        self.asked += jobs
        return [Notice("wrong") if (p := compiled(key)) is None else p.search(text) is not None for key, text in jobs]


def finders() -> list[KeyFinder]:
    return [PlainFinder(Trying(), stem_word), IndexedFinder(Trying(), stem_word)]


def spec(key: str, *, case: bool = False, whole: bool = False, **more: bool) -> KeySpec:
    return KeySpec(key, case, whole, **more)


def occurs(key: KeySpec, *texts: str) -> bool:
    answers = set()
    for finder in finders():
        finder.prepare((key,))
        answers |= {finder.occurs(key, texts), key in finder.hits(texts), finder.where(key, texts)[0] is not None}
    assert len(answers) == 1
    return answers.pop()


@pytest.mark.parametrize(("key", "text", "expected"), [
    (spec("lamp"), "The LAMPS burn", True),
    (spec("  lamp "), "lamp", True),
    (spec("Lamp", case=True), "the lamp", False),
    (spec("ёлка"), "Стоит ЕЛКА", True),
    (spec("ёлка", case=True), "елка", False),
    (spec("straße"), "STRASSE", True),
    (spec("cafe\u0301"), "Café", True),
    (spec("лес", whole=True), "полеса", False),
    (spec("лес", whole=True), "в лес, домой", True),
    (spec("cat", whole=True), "cat_5", False),
    (spec("old cat", whole=True), "the old cats", False),
    (spec("old cat", whole=True), "bold cat", False),
    (spec("old cat", whole=True), "(old cat)", True),
    (spec("e", whole=True), "e\u0323", False),             # the dot below belongs to the letter
    (spec("🐉", whole=True), "a🐉b", True),
    (spec("…!", whole=True), "what…!?", True),
    (spec("龍", whole=False), "黒龍が", True),
    (spec("", whole=True), "anything", False),
    (spec("   "), "any thing", False),
])
def test_plain_keys(key: KeySpec, text: str, expected: bool) -> None:
    assert occurs(key, "nothing", text) is expected


@pytest.mark.parametrize(("key", "text", "expected"), [
    (spec("слово", whole=True, ascii_words=True), "словообразование", True),
    (spec("cat", whole=True, ascii_words=True), "category", False),
    (spec("cat", whole=True, ascii_words=True), "котcatкот", True),
    (spec("слово", whole=True, ascii_words=True), "xслово слово", True),
    (spec("слово", whole=True, ascii_words=True), "xслово", False),
    (spec("old cat", whole=True, ascii_words=True), "bold category", True),
    (spec("ёлка", ascii_words=True), "елка", False),
    (spec("Ёлка", ascii_words=True), "ёлка", True),
    (spec("straße", ascii_words=True), "STRASSE", False),
    (spec("Cat", case=True, whole=True, ascii_words=True), "cat", False),
])
def test_keys_as_sillytavern_compares_them(key: KeySpec, text: str, expected: bool) -> None:
    assert occurs(key, text) is expected


@pytest.mark.parametrize(("key", "text", "expected"), [
    ("город", "из города", True), ("город", "в городе", True), ("город", "между городами", True),
    ("город", "городской", False), ("король", "королю", True), ("король", "королеве", False),
    ("ведьма", "Ведьмы!", True), ("ёжик", "ежики", True),
    ("старый город", "в старом городе", True), ("старый город", "старых, тёмных городах", False),
    ("Нью-Йорк", "в Нью-Йорке", True),
    ("dragon", "the dragon's lair", True), ("dragons", "a dragon", True), ("knight", "nightly", False),
    ("old cat", "two old cats", True), ("🐉", "a 🐉 here", True),
])
def test_keys_by_stem(key: str, text: str, expected: bool) -> None:
    assert occurs(spec(key, stem=True), text) is expected


def test_case_counts_by_stem_at_the_first_letter() -> None:
    name = spec("Вера", case=True, stem=True)
    assert occurs(name, "я видел Веру")
    assert not occurs(name, "нет мне веры")


@pytest.mark.parametrize(("key", "texts", "expected"), [
    ("/dra(gon|ke)s?/i", ["A DRAKE!"], True),
    ("/^the/", ["the end"], False),                        # a marker stands before each text
    ("/^\\x01?the/", ["the end"], True),
    ("/end$/", ["the end", "older"], False),
    ("/end$/m", ["the end", "older"], True),
    ("/older$/", ["the end", "older"], True),
    ("/end\\n/", ["the end", "older"], True),
    ("/older\\n/", ["the end", "older"], False),
    ("/end[^]older/", ["the end", "older"], False),
    ("/end[^]+older/", ["the end", "older"], True),
    ("/end\\s+older/", ["the end", "older"], False),
    ("/(?<!old )sea/", ["an old sea", "the sea"], True),
])
def test_patterns(key: str, texts: list[str], expected: bool) -> None:
    for finder in finders():
        finder.prepare((spec(key),))
        assert finder.occurs(spec(key), texts) is expected
        assert finder.hits(texts) == ({spec(key)} if expected else set())


def test_a_plain_key_does_not_match_across_texts() -> None:
    assert not occurs(spec("stormlamp"), "storm", "lamp")
    assert not occurs(spec("storm lamp", stem=True), "storm", "lamp")


def test_where_a_key_stands_is_told_with_what_stands_around_it() -> None:
    text = "Long ago, " * 30 + "in the\n  cellar stood a LAMP of brass, and nobody lit it. " + "Much later. " * 30
    for key in (spec("lamp"), spec("lamp", whole=True), spec("lamps", stem=True), spec("/a l[ae]mp/i")):
        for finder in finders():
            index, snippet = finder.where(key, ["no", text, text])
            assert index == 1
            assert "in the cellar stood a LAMP of brass" in snippet
            assert len(snippet) <= 80


def test_a_letter_under_a_heap_of_accents_takes_no_time() -> None:
    finder = IndexedFinder()
    finder.prepare((spec("lamp"), spec("sea", whole=True)))
    began = time.process_time()
    assert finder.hits(["a" + "\u0300\u0316" * 100_000 + " lamp"]) == {spec("lamp")}
    assert time.process_time() - began < 2.0


def test_why_a_pattern_is_not_tried_is_said() -> None:
    wrong, good, plain = spec("/(lamp/"), spec("/lamp/"), spec("lamp")
    for finder in finders():
        finder.prepare((wrong, good, plain))
        assert finder.hits(["lamp"]) == {good, plain}
        assert "wrong" in str(finder.refused(wrong))
        assert finder.refused(good) is None
        assert finder.refused(plain) is None
    for finder in (PlainFinder(), IndexedFinder()):
        finder.prepare((good,))
        assert finder.hits(["lamp"]) == set()
        assert finder.refused(good) is not None


def test_a_pattern_that_is_refused_again_and_again_is_left_alone() -> None:
    asked: list[str] = []

    def slow(jobs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
        asked.extend(key for key, _ in jobs)
        return [Notice("It takes too long.") for _ in jobs]

    finder, key = IndexedFinder(slow), spec("/(a+)+b/")
    finder.prepare((key,))
    for turn in range(20):
        assert not finder.occurs(key, [f"aaaab {turn}"])
    assert len(asked) == STRIKES
    assert str(finder.refused(key)) == "It takes too long."


    finder.prepare((key, spec("new")))                     # a change of keys is another chance
    finder.hits(["aaaab again"])
    assert len(asked) == STRIKES + 1


def test_a_pattern_whose_turn_did_not_come_is_asked_again() -> None:
    rounds = iter(range(100))

    def busy(jobs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
        first = next(rounds) < 5
        return [NOT_TRIED if first else True for _ in jobs]

    finder, key = IndexedFinder(busy), spec("/a+b/")
    finder.prepare((key,))
    assert [finder.occurs(key, [f"ab {turn}"]) for turn in range(8)] == [False] * 5 + [True] * 3
    assert finder.refused(key) is None


LETTERS = "aAbeёЕЁ й\u0301\u0308\n\x01\x02_-./🙂中日iıİſsßΣς"
PIECES = [
    "a", "ab", "a+b", "^a", "b$", "a.b", "[^a]b", "a\\sb", "\\bе", "\\Wа", "a[\\s\\S]*b", "(?:a|b)e", "(?!a)b",
    "(?<=a)b\\s", "a\\n", "s", "i\\b", "[ab]е?", "\\s$", "(?=b)", "b(?!\\s)", "ß", "^.*$", "x*", "(a", "a{2}",
    "[её]лка?", "(?<!\\s)b", "(a)\\1", "\\1", "\\x01", "\\u0435", "{", "[^\\S]", "[b-s]i", "\\d?a",
]
plain_keys = st.text(LETTERS, max_size=4) | st.sampled_from(["old cat", "ёлка", "Елки", "кот"])
pattern_keys = st.builds(
    lambda pieces, flags: f"/{''.join(pieces)}/{''.join(flags)}", st.lists(st.sampled_from(PIECES), max_size=3),
    st.sets(st.sampled_from("imsy")),
)
specs = st.builds(KeySpec, plain_keys | pattern_keys, *[st.booleans()] * 4)
texts = st.lists(st.text(LETTERS, max_size=12) | st.sampled_from(["the old cats", "ёлки и елка"]), max_size=4)
turns = st.lists(st.tuples(st.sets(st.integers(0, 11)), st.lists(texts, max_size=3)), max_size=4)


@given(st.lists(specs, min_size=1, max_size=12), turns, st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_index_finds_what_trying_one_by_one_finds(
    keys: list[KeySpec], rounds: list[tuple[set[int], list[list[str]]]], stems: bool
) -> None:
    stem = stem_word if stems else None
    plain, index = PlainFinder(Trying(), stem), IndexedFinder(Trying(), stem)
    for chosen, asked in rounds:
        named = tuple(dict.fromkeys(keys[i % len(keys)] for i in sorted(chosen)))
        plain.prepare(named)
        index.prepare(named)
        for said in asked:
            expected = plain.hits(said)
            assert index.hits(said) == expected
            for key in named:
                assert index.occurs(key, said) == plain.occurs(key, said) == (key in expected)
                assert index.where(key, said) == plain.where(key, said)


def test_nothing_is_read_or_tried_twice() -> None:
    trying = Trying()
    finder = IndexedFinder(trying, stem_word)
    keys = tuple(
        [spec(f"name{i}", whole=i % 2 == 0) for i in range(50)]
        + [spec("/fire(s|d)?/i"), spec("/ash\\s+tree/"), spec("/\\d\\d:\\d\\d/"), spec("/fire[^]*smoke/")]
    )
    chat = [f"Message {i} of name{i % 50}: fire, an ash tree and smoke at 10:{i:02}." for i in range(40)]
    for end in range(1, len(chat) + 1):
        finder.prepare(keys)
        newest = chat[:end][::-1][:20]
        finder.hits(newest)
        assert finder.occurs(keys[-1], newest)
    assert finder.scanned == len(chat)
    assert len(trying.asked) == len(set(trying.asked))
    once = [job for job in trying.asked if job[0] in ("/fire(s|d)?/i", "/\\d\\d:\\d\\d/")]
    assert len(once) == 2 * len(chat)
    before = len(trying.asked)
    finder.prepare(list(keys))
    finder.hits(chat[::-1][:20])
    finder.hits(chat[::-1][:10])
    assert finder.scanned == len(chat)
    assert {key for key, _ in trying.asked[before:]} <= {"/fire[^]*smoke/", "/ash\\s+tree/"}


def test_a_text_is_read_again_for_new_keys_alone() -> None:
    finder = IndexedFinder(Trying(), stem_word)
    first, more = tuple(spec(f"name{i}") for i in range(100)), (spec("lamp"), spec("/la.p/"))
    finder.prepare(first)
    assert finder.hits(["name7 lit a lamp"]) == {first[7]}
    finder.prepare((*first, *more))
    assert finder.hits(["name7 lit a lamp"]) == {first[7], *more}
    assert finder.scanned == 2
    finder.prepare(first[50:])
    assert finder.hits(["name7 lit a lamp"]) == set()
    finder.prepare((*first, *more))
    assert finder.hits(["name7 lit a lamp"]) == {first[7], *more}
    assert finder.scanned == 2


def test_patterns_whose_letters_are_absent_are_never_tried() -> None:
    trying = Trying()
    finder = IndexedFinder(trying)
    finder.prepare(tuple(spec(f"/\\b(wyvern|drake){i}s?\\b/i") for i in range(1000)))
    assert finder.hits(["A quiet evening by the fire."] * 3) == set()
    assert trying.asked == []
    assert finder.hits(["The WYVERN512s came."]) == {spec("/\\b(wyvern|drake)512s?\\b/i")}
    assert {key for key, _ in trying.asked} <= {f"/\\b(wyvern|drake){i}s?\\b/i" for i in (5, 51, 512)}
