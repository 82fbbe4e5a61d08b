"""Lore: what fires, what does not and why, and what books from anywhere cannot do."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.domain.lore import Lorebook, LoreEntry, LoreSettings
from tui.domain.lore_index import IndexedFinder
from tui.domain.lore_keys import PlainFinder
from tui.domain.lore_output import joined, lore_output
from tui.domain.lore_scan import ScanSettings, lore_budget, prepare_books, scan_lore
from tui.domain.prompt.types import LoreHit
from tui.formats.lore_read import read_lorebook
from tui.formats.lore_settings import lore_settings


def words(text: str) -> int:
    return len(text.split())


def entry(*keys: str, **more: Any) -> LoreEntry:
    return LoreEntry(more.pop("uid", "1"), keys, content=more.pop("content", "Some lore."), **more)


def scan(entries: Sequence[LoreEntry], *messages: str, recursive: bool = False, **more: Any) -> Sequence[LoreHit]:
    chosen = {k: more.pop(k) for k in ("budget", "seed", "replies") if k in more}
    settings = ScanSettings(LoreSettings(scan_depth=more.pop("depth", 4)), **chosen)
    book = Lorebook("b", entries=tuple(entries), recursive=recursive, token_budget=more.pop("token_budget", None))
    return scan_lore([book], messages, words, settings=settings, **more).hits


def fires(item: LoreEntry, *messages: str, **more: Any) -> bool:
    return scan([item], *messages, **more)[0].fired


@pytest.mark.parametrize(("key", "message", "more", "expected"), [
    ("lamp", "The LAMP burns", {}, True),
    ("Lamp", "the lamp", {"case_sensitive": True}, False),
    ("ёлка", "Стоит ЕЛКА", {}, True),
    ("лес", "полеса", {}, True),
    ("лес", "полеса", {"whole_words": True}, False),
    ("лес", "в лес, домой", {"whole_words": True}, True),
    ("cat", "a category", {"whole_words": True}, False),
    ("old cat", "the old cats", {"whole_words": True}, False),
    ("straße", "STRASSE", {}, True),
    ("", "anything", {}, False),
    ("   ", "any thing", {}, False),
])
def test_keys(key: str, message: str, more: dict[str, Any], expected: bool) -> None:
    assert fires(entry(key, **more), message) is expected


@pytest.mark.parametrize(("logic", "message", "expected"), [
    (0, "lamp oil", True), (0, "lamp", False), (1, "lamp oil", True), (1, "lamp oil wick", False),
    (2, "lamp", True), (2, "lamp oil", False), (3, "lamp oil wick", True), (3, "lamp oil", False),
    (3, "oil wick", False),
])
def test_secondary_keys(logic: int, message: str, expected: bool) -> None:
    item = entry("lamp", secondary_keys=("oil", "wick"), selective=True, logic=logic)
    assert fires(item, message) is expected
    assert fires(replace(item, selective=False), "lamp")


def test_constant_needs_no_key_and_switched_off_never_fires() -> None:
    assert fires(entry(constant=True), "nothing")
    assert not fires(entry("lamp", constant=True, enabled=False), "lamp")


def test_only_the_last_messages_are_searched() -> None:
    messages = ("a lamp", "two", "three")
    assert not fires(entry("lamp"), *messages, depth=2)
    assert fires(entry("lamp"), *messages, depth=3)
    assert fires(entry("lamp", scan_depth=3), *messages, depth=1)
    assert not fires(entry("lamp", scan_depth=0), *messages)


def test_a_key_does_not_match_across_messages() -> None:
    assert not fires(entry("stormlamp"), "lamp", "storm")


def test_the_trace_says_which_key_and_where() -> None:
    hit = scan([entry("oil", "lamp", comment="Light")], "In the cellar stands a lamp of brass.", "Good.")[0]
    assert (hit.comment, hit.key, hit.message) == ("Light", "lamp", 1)
    assert "a lamp of brass" in hit.snippet
    assert hit.tokens == 2


def test_every_entry_that_stays_out_says_why() -> None:
    items = [
        entry("lamp", uid="key"), entry("sea", uid="off", enabled=False), entry(uid="none"),
        entry("/sea/", uid="regex"), entry("sea", uid="dice", probability=0),
        entry("sea", uid="second", secondary_keys=("oil",), selective=True), entry("sea", uid="empty", content=" "),
        entry("sea", uid="mark", content="@@dont_activate\nText"),
    ]
    hits = scan(items, "the sea")
    assert not any(hit.fired for hit in hits)
    assert len({str(hit.why) for hit in hits}) == len(items)


def test_regular_expressions_only_run_in_the_matcher() -> None:
    asked: list[str] = []

    def match(pairs: Sequence[tuple[str, str]]) -> list[bool]:
        asked.extend(pattern for pattern, _ in pairs)
        return ["sea" in text for _, text in pairs]

    assert fires(entry("/s.a/i"), "the sea", finder=PlainFinder(match))
    assert set(asked) == {"/s.a/i"}


def test_the_budget_keeps_the_highest_order_and_stops_there() -> None:
    items = [
        entry("sea", uid="low", order=1, content="one"), entry("sea", uid="high", order=9, content="one two three"),
        entry("sea", uid="big", order=5, content="x " * 50), entry("sea", uid="free", order=0, ignore_budget=True),
    ]
    fired = {hit.uid for hit in scan(items, "sea", budget=10) if hit.fired}
    assert fired == {"high", "free"}


def test_a_book_has_a_budget_of_its_own() -> None:
    items = [entry("sea", uid=str(i), order=9 - i, content="one two") for i in range(4)]
    assert [hit.fired for hit in scan(items, "sea", token_budget=5)] == [True, True, False, False]


def test_what_fires_never_pushes_out_what_is_constant() -> None:
    loud = entry("sea", uid="loud", order=1000, content="x " * 6)
    items = [loud, entry(uid="still", constant=True, content="y " * 6)]
    assert {hit.uid for hit in scan(items, "sea", budget=8) if hit.fired} == {"still"}


def test_priority_decides_where_a_book_gives_it() -> None:
    items = [entry("sea", uid="a", order=100, priority=1), entry("sea", uid="b", order=1, priority=5)]
    assert {hit.uid for hit in scan(items, "sea", budget=3) if hit.fired} == {"b"}


def test_entries_make_others_fire_where_the_book_says_so() -> None:
    items = [entry("sea", uid="1", content="A lamp."), entry("lamp", uid="2", content="Oil."), entry("oil", uid="3")]
    assert [hit.fired for hit in scan(items, "sea")] == [True, False, False]
    assert [hit.fired for hit in scan(items, "sea", recursive=True)] == [True, True, True]
    guarded = [items[0], replace(items[1], exclude_recursion=True), items[2]]
    assert [hit.fired for hit in scan(guarded, "sea", recursive=True)] == [True, False, False]


def test_recursion_ends() -> None:
    chain = [entry(f"k{i}x", uid=str(i), content=f"k{i + 1}x") for i in range(150)]
    scanned = scan_lore([Lorebook("b", entries=tuple(chain), recursive=True)], ["k0x"], words)
    assert len(scanned.active) == 101
    assert len(scanned.notices) == 1
    circle = [entry("a1", uid="1", content="b1"), entry("b1", uid="2", content="a1")]
    assert [hit.fired for hit in scan(circle, "a1", recursive=True)] == [True, True]


def test_decorators() -> None:
    lines = "@@depth 2\n@@role user\n@@unknown 7\n@@@scan_depth 1\n\nThe text."
    marked = entry("sea", content=lines, position="before_char")
    hit = scan([marked], "sea", "other")[0]
    assert not hit.fired                                   # the fallback of the unknown one says: one message
    hit = scan([marked], "sea")[0]
    assert (hit.position, hit.depth, hit.role, hit.text) == ("at_depth", 2, "user", "The text.")
    assert fires(entry(content="@@activate\nOn."), "x")
    assert not fires(entry("sea", content="@@activate_only_after 3\nLate."), "sea", replies=2)
    assert fires(entry("sea", content="@@activate_only_every 0\nEver."), "sea", replies=3)
    assert fires(entry("sea", content="@@additional_keys oil,salt\nBoth."), "sea salt")
    assert not fires(entry("sea", content="@@additional_keys oil,salt\nBoth."), "sea")
    assert not fires(entry("sea", content="@@exclude_keys salt\nFresh."), "sea salt")


def test_dice_fall_the_same_way_for_the_same_seed() -> None:
    items = [entry("sea", uid=str(i), probability=50) for i in range(200)]
    first = [hit.fired for hit in scan(items, "sea", seed=1)]
    assert first == [hit.fired for hit in scan(items, "sea", seed=1)]
    assert 60 < sum(first) < 140
    assert first != [hit.fired for hit in scan(items, "sea", seed=2)]


def test_hostile_numbers_are_clipped() -> None:
    wild = entry(
        "sea", content=f"@@depth {10 ** 21}\n@@scan_depth -5\nText", depth=10 ** 9, order=10 ** 30,
        scan_depth=10 ** 12, probability=10 ** 6, logic=77,
    )
    hit = scan([wild], "sea", token_budget=10 ** 15)[0]
    assert hit.fired
    assert hit.depth == 9999
    assert hit.order <= 10 ** 9


def test_six_thousand_entries_are_quick() -> None:
    items = [entry(f"needle{i}", f"игла{i}", f"spare {i}", uid=str(i)) for i in range(6000)]
    messages = ["слово word " * 100] * 4
    books, finder = prepare_books([Lorebook("b", entries=tuple(items))]), IndexedFinder()
    scan_lore(books, messages, words, finder=finder)
    started = time.process_time()
    hits = scan_lore(books, [*messages, "needle77 and more"], words, finder=finder).hits
    assert time.process_time() - started < 0.2             # 0.003 s where it was written
    assert {hit.uid for hit in hits if hit.fired} == {"7", "77"}


def test_a_book_that_asks_for_everything_does_not_hang_the_turn() -> None:
    wild = [
        entry(f"k{i}", uid=str(i), scan_depth=i % 1000, content=f"k{i + 1} k{i - 1}") for i in range(3000)
    ]
    messages = ["k7 " + "буква letter " * 2000] * 300
    started = time.process_time()
    hits = scan(wild, *messages, recursive=True, depth=10 ** 9, budget=100)
    assert time.process_time() - started < 5.0
    assert sum(hit.tokens for hit in hits if hit.fired) <= 100


RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "sillytavern" / "gold6_worldinfo.json"


def recorded_cases() -> list[Any]:
    data = json.loads(RECORDED.read_text("utf-8")) if RECORDED.is_file() else {}
    return [pytest.param(v["cfg"], v["result"], id=k) for k, v in data.items() if "entries" in v.get("cfg", {})]


def quarter(text: str) -> int:
    return -(-len(text) // 4)


@pytest.mark.skipif(not RECORDED.is_file(), reason="the recorded scans are not here")
@pytest.mark.parametrize(("given", "result"), recorded_cases())
def test_as_recorded(given: dict[str, Any], result: dict[str, Any]) -> None:
    world = {"entries": {str(i): {"uid": i, **e} for i, e in enumerate(given["entries"])}}
    book = read_lorebook(json.dumps(world).encode(), "world.json")
    lore = lore_settings(given["settings"])
    fields = {"persona": given["gsd"].get("personaDescription", "")}
    settings = ScanSettings(
        lore, lore_budget(lore, given["maxContext"]), exact=True, characters=("Mira",), tags=None, fields=fields
    )
    scanned = scan_lore([book], given["chat"], quarter, settings=settings)
    expected = {str(item["uid"] if isinstance(item, dict) else item) for item in result["activated"]}
    assert {hit.uid for hit in scanned.hits if hit.fired} == expected
    places = lore_output(scanned.active)
    assert (joined(places.before), joined(places.after)) == (result["before"], result["after"])
