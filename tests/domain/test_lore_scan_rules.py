"""Lore rule by rule: recursion, timers, groups, filters, budget, places; and what holds for any books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.lore import SILLYTAVERN_LORE as SILLYTAVERN
from tui.domain.lore import Lorebook, LoreEntry, LoreSettings
from tui.domain.lore_keys import PlainFinder
from tui.domain.lore_output import joined, lore_output
from tui.domain.lore_scan import LoreScan, ScanSettings, lore_budget, prepare_books, scan_lore
from tui.domain.prompt.types import LoreHit, LoreTimer


def quarter(text: str) -> int:
    return -(-len(text) // 4)


def entry(uid: str, *keys: str, **more: Any) -> LoreEntry:
    return LoreEntry(uid, keys, **{"content": f"text {uid}", **more})


def lore_scan(entries: Sequence[LoreEntry], *messages: str, lore: LoreSettings = SILLYTAVERN, **more: Any) -> LoreScan:
    chosen = ScanSettings(lore, **{"exact": True, **more})
    return scan_lore([Lorebook("b", entries=tuple(entries))], messages, quarter, settings=chosen)


def fired(entries: Sequence[LoreEntry], *messages: str, **more: Any) -> set[str]:
    return {hit.uid for hit in lore_scan(entries, *messages, **more).active}


def hit_of(scanned: LoreScan, uid: str) -> LoreHit:
    return next(hit for hit in scanned.hits if hit.uid == uid)


# Recursion

CHAIN = [entry("a", "one", content="two"), entry("b", "two", content="three"), entry("c", "three")]


def test_the_trace_names_the_parent() -> None:
    scanned = lore_scan(CHAIN, "one")
    assert [(h.uid, h.parent, h.message) for h in scanned.hits] == [
        ("a", "", 0), ("b", "b:a", None), ("c", "b:b", None)
    ]


@pytest.mark.parametrize(("change", "expected"), [
    ({"exclude_recursion": True}, {"a"}), ({"prevent_recursion": True}, {"a", "b"}), ({"enabled": False}, {"a"}),
    ({"delay_until_recursion": 1}, {"a", "b", "c"}), ({"scan_depth": 0}, {"a"}),
])
def test_what_an_entry_says_about_recursion(change: dict[str, Any], expected: set[str]) -> None:
    assert fired([CHAIN[0], replace(CHAIN[1], **change), CHAIN[2]], "one") == expected


def test_an_entry_that_waits_for_recursion_does_not_fire_on_the_chat_alone() -> None:
    late = entry("late", "one", delay_until_recursion=1)
    assert fired([late], "one") == set()
    assert fired([late, entry("x", "one")], "one") == {"late", "x"}


def test_levels_open_one_after_the_other_even_without_recursion() -> None:
    off = replace(SILLYTAVERN, recursive=False)
    first, second = entry("1", "one", delay_until_recursion=1), entry("2", "one", delay_until_recursion=2)
    assert fired([first], "one", lore=off) == set()
    assert fired([first, second], "one", lore=off) == {"1", "2"}


def test_a_books_own_word_on_recursion_counts_in_our_way_only() -> None:
    books = [Lorebook("yes", entries=(CHAIN[0], CHAIN[1]), recursive=True), Lorebook("no", entries=tuple(CHAIN[1:]))]
    ours = scan_lore(books, ["one"], quarter)
    assert [(h.book, h.uid) for h in ours.active] == [("yes", "a"), ("yes", "b")]
    theirs = scan_lore(books, ["one"], quarter, settings=ScanSettings(SILLYTAVERN, exact=True))
    assert len(theirs.active) == 4


def test_too_few_entries_send_the_scan_further_back() -> None:
    items, chat = [entry("old", "one"), entry("older", "zero")], ("zero", "one", "x", "y", "z")
    lore = replace(SILLYTAVERN, scan_depth=1)
    assert fired(items, *chat, lore=lore) == set()
    assert fired(items, *chat, lore=replace(lore, min_activations=1)) == {"old"}
    assert fired(items, *chat, lore=replace(lore, min_activations=2)) == {"old", "older"}
    assert fired(items, *chat, lore=replace(lore, min_activations=2, min_activations_depth=3)) == {"old"}
    assert fired([replace(items[0], scan_depth=1)], *chat, lore=replace(lore, min_activations=1)) == set()


# Timers

def lengths_at_which_it_fires(item: LoreEntry, keyed: set[int], until: int = 12) -> list[int]:
    timers: tuple[LoreTimer, ...] = ()
    out = []
    for length in range(1, until):
        scanned = lore_scan([item], "key" if length in keyed else "no", chat_length=length, timers=timers)
        timers = scanned.timers
        out += [length] if scanned.active else []
    return out


def test_sticky_and_cooldown_as_recorded() -> None:
    item = entry("s", "key", sticky=2, cooldown=2)
    assert lengths_at_which_it_fires(item, {2}) == [2, 3]
    assert lengths_at_which_it_fires(item, set(range(2, 12))) == [2, 3, 6, 7, 10, 11]
    assert lengths_at_which_it_fires(replace(item, sticky=0), {2, 3, 4, 5}) == [2, 4]
    assert lengths_at_which_it_fires(replace(item, sticky=0, cooldown=0, delay=3), {1, 2, 3}) == [3]


def test_a_turn_taken_back_takes_its_timers_with_it() -> None:
    item = entry("s", "key", sticky=5)
    timers = lore_scan([item], "key", chat_length=4).timers
    assert [(t.start, t.end) for t in timers] == [(4, 9)]
    assert lore_scan([item], "no", chat_length=5, timers=timers).active
    assert not lore_scan([item], "no", chat_length=4, timers=timers).active
    edited = replace(item, content="other")
    assert not lore_scan([edited], "no", chat_length=5, timers=timers).active
    elsewhere = scan_lore([Lorebook("c")], ["no"], quarter, settings=ScanSettings(chat_length=5, timers=timers))
    assert elsewhere.timers == timers


def test_the_trace_tells_what_is_left() -> None:
    item = entry("s", "key", sticky=3, cooldown=2)
    first = lore_scan([item], "key", chat_length=2)
    assert first.hits[0].timers["sticky"] == 3
    resting = lore_scan([item], "key", chat_length=5, timers=first.timers).hits[0]
    assert not resting.fired
    assert resting.timers == {"cooldown": 2}
    assert "2" in str(resting.why)


@given(st.integers(0, 4), st.integers(0, 4), st.sets(st.integers(1, 11)))
@settings(max_examples=40, deadline=None)
def test_sticky_entries_stay_and_rest_for_as_long_as_they_say(sticky: int, cooldown: int, keyed: set[int]) -> None:
    at = lengths_at_which_it_fires(entry("s", "key", sticky=sticky, cooldown=cooldown), keyed)
    if not sticky and not cooldown:
        assert at == sorted(keyed)
    start = None
    for length in at:
        if start is None or length >= start + max(sticky, 1):
            assert length in keyed
            assert start is None or length >= start + sticky + (cooldown if sticky else max(cooldown, 1))
            start = length
    if at and sticky:
        assert set(range(at[0], min(at[0] + sticky, 12))) <= set(at)


# Groups

def test_one_of_a_group_enters_by_weight() -> None:
    items = [entry("a", "k", groups=("g",), group_weight=0), entry("b", "k", groups=("g",))]
    assert all(fired(items, "k", seed=seed) == {"b"} for seed in range(20))
    even = [entry(str(i), "k", groups=("g",)) for i in range(4)]
    seen = [fired(even, "k", seed=seed) for seed in range(60)]
    assert all(len(one) == 1 for one in seen)
    assert set().union(*seen) == {"0", "1", "2", "3"}
    loser = next(hit for hit in lore_scan(even, "k").hits if not hit.fired)
    assert (loser.group, "g" in str(loser.why)) == ("g", True)


def test_override_score_and_what_is_there_already_decide_before_chance() -> None:
    forced = [entry("a", "k", groups=("g",), group_override=True, order=1),
              entry("b", "k", groups=("g",), group_override=True, order=2), entry("c", "k", groups=("g",), order=9)]
    assert fired(forced, "k") == {"b"}
    more, fewer = entry("a", "k", "l", groups=("g",)), entry("b", "k", groups=("g",))
    scored = [replace(item, group_scoring=True) for item in (more, fewer)]
    assert all(fired(scored, "k l", seed=seed) == {"a"} for seed in range(9))
    chained = [entry("a", "one", content="two", groups=("g",)), entry("b", "two", groups=("g",))]
    assert fired(chained, "one") == {"a"}


def test_a_sticky_member_keeps_its_group() -> None:
    items = [entry("a", "k", groups=("g",), sticky=5), entry("b", "m", groups=("g",), group_override=True)]
    timers = lore_scan(items, "k", chat_length=2).timers
    assert [h.uid for h in lore_scan(items, "m", chat_length=3, timers=timers).active] == ["a"]


def test_two_groups_of_one_entry() -> None:
    items = [entry("a", "k", groups=("g", "h")), entry("b", "k", groups=("g",), group_override=True),
             entry("c", "k", groups=("h",))]
    assert fired(items, "k", exact=False, lore=LoreSettings()) == {"b", "c"}


# Filters and texts beside the chat

@pytest.mark.parametrize(("change", "turn", "expected"), [
    ({"triggers": ("swipe",)}, {"kind": "swipe"}, True), ({"triggers": ("swipe",)}, {}, False),
    ({"characters": ("Mira",)}, {"characters": ("Mira",)}, True),
    ({"characters": ("Bob",)}, {"characters": ("Mira",)}, False),
    ({"characters": ("Bob",), "characters_exclude": True}, {"characters": ("Mira",)}, True),
    ({"characters": ("Mira",), "characters_exclude": True}, {"characters": ("Mira",)}, False),
    ({"character_tags": ("x",)}, {"tags": ("x",)}, True), ({"character_tags": ("x",)}, {"tags": ("y",)}, False),
    ({"character_tags": ("x",)}, {"tags": None}, True),
    ({"character_tags": ("x",), "characters_exclude": True}, {"tags": ("x",)}, False),
])
def test_filters(change: dict[str, Any], turn: dict[str, Any], expected: bool) -> None:
    hit = lore_scan([entry("a", "k", **change)], "k", **turn).hits[0]
    assert hit.fired is expected
    assert (hit.why is None) is expected


def test_texts_beside_the_chat_are_searched_where_an_entry_asks() -> None:
    items = [entry("p", "sailor", match_fields=frozenset({"persona"})), entry("q", "sailor"),
             entry("n", "noted"), entry("w", "sailor", match_fields=frozenset({"scenario"}))]
    scanned = lore_scan(items, "hello", fields={"persona": "a sailor"}, injections=("as noted",))
    assert {h.uid for h in scanned.active} == {"p", "n"}
    assert (hit_of(scanned, "p").message, hit_of(scanned, "p").snippet) == (None, "a sailor")


def test_macros_in_keys_are_filled() -> None:
    books = prepare_books([Lorebook("b", entries=(entry("a", "{{char}}"), entry("b", "other")))])
    for name in ("Mira", "Bob"):
        scanned = scan_lore(books, ["Bob waves"], quarter, resolve=lambda t, _, n=name: t.replace("{{char}}", n))
        assert [h.fired for h in scanned.hits] == [name == "Bob", False]


def test_sillytaverns_words_end_at_any_letter_it_does_not_know() -> None:
    word = entry("a", "слово", whole_words=True)
    assert fired([word], "словообразование") == {"a"}
    assert fired([word], "словообразование", exact=False, lore=LoreSettings()) == set()


# Order, places, budget

def test_sources_come_in_turn_and_higher_order_stands_later() -> None:
    names = ("global", "character", "persona", "chat")
    books = [Lorebook(n, entries=(entry("l", order=1, constant=True, content=f"{n} low"),
                                  entry("h", order=2, constant=True, content=f"{n} high"))) for n in names]
    for strategy, expected in (
        ("character_first", ["chat", "persona", "character", "global"]),
        ("global_first", ["chat", "persona", "global", "character"]),
    ):
        chosen = ScanSettings(replace(SILLYTAVERN, strategy=strategy), exact=True, sources={n: n for n in names})
        scanned = scan_lore(books, ["x"], quarter, settings=chosen)
        assert [h.book for h in scanned.active] == [n for n in expected for _ in "lh"]
        before = [h.book + h.uid for h in lore_output(scanned.active).before]
        assert before == [n + "l" for n in reversed(expected)] + [n + "h" for n in reversed(expected)]
    evenly = replace(SILLYTAVERN, strategy="evenly")
    scanned = scan_lore(books, ["x"], quarter, settings=ScanSettings(evenly, exact=True, sources={n: n for n in names}))
    assert [h.book + h.uid for h in scanned.active][4:] == ["globalh", "characterh", "globall", "characterl"]


def test_places() -> None:
    def at(uid: str, position: Any, **more: Any) -> LoreEntry:
        return entry(uid, constant=True, position=position, **more)

    scanned = lore_scan([
        at("d1", "at_depth", depth=2, order=1), at("d2", "at_depth", depth=2, order=2),
        at("d3", "at_depth", depth=2, role="user"), at("o1", "outlet", outlet="x", order=1),
        at("o2", "outlet", outlet="x", order=2), at("o3", "outlet"), at("n", "note_top"), at("e", "examples_bottom"),
    ], "x")
    out = lore_output(scanned.active)
    assert {(g.depth, g.role, joined(g.hits)) for g in out.depth} == {
        (2, "system", "text d1\ntext d2"), (2, "user", "text d3")
    }
    assert {name: joined(hits) for name, hits in out.outlets.items()} == {"x": "text o2\ntext o1"}
    assert (joined(out.note_top), joined(out.examples), len(scanned.active)) == ("text n", "text e", 8)


def test_sillytaverns_budget_spares_nobody_but_those_that_ignore_it() -> None:
    items = [entry("big", "k", order=3, content="x" * 80), entry("const", constant=True, order=2, content="y" * 80),
             entry("small", "k", order=1, content="z"), entry("free", "k", order=0, ignore_budget=True)]
    scanned = lore_scan(items, "k", budget=25)
    assert {h.uid for h in scanned.active} == {"big", "free"}
    assert [hit_of(scanned, uid).dropped_by for uid in ("const", "small")] == ["lore", "lore"]
    capped = lore_scan(items, "k", budget=1000, lore=replace(SILLYTAVERN, budget_cap=25))
    assert hit_of(capped, "small").dropped_by == "cap"
    ours = lore_scan(items, "k", budget=25, exact=False, lore=LoreSettings())
    assert {h.uid for h in ours.active} == {"const", "free"}


def test_the_share_of_the_window_is_rounded_and_never_nothing() -> None:
    assert [lore_budget(LoreSettings(budget_share=share), room) for share, room in (
        (0.25, 8192), (0.25, 10), (0.25, 9), (0.0, 500), (5.0, 8)
    )] == [2048, 3, 2, 1, 8]


def test_decorators_that_sillytavern_knows() -> None:
    items = [entry("on", content="@@activate\n@@depth 3\nOn."), entry("off", "k", content="@@dont_activate\nOff."),
             entry("odd", "k", content="@@unknown\n@@@activate\nOdd."), entry("all", "k", content="@@unknown")]
    scanned = lore_scan(items, "nothing")
    assert {(h.uid, h.text, h.position) for h in scanned.active} == {
        ("on", "On.", "before_char"), ("odd", "Odd.", "before_char")
    }
    assert hit_of(lore_scan(items, "k"), "all").text == "@@unknown"


def test_decorators_that_hold_for_good() -> None:
    def at(decorator: str) -> list[int]:
        item, timers, out = entry("a", "key", content=f"@@{decorator}\nText."), (), []
        for length in range(1, 6):
            said = "key" if length in (2, 4) else "no"
            chosen = ScanSettings(chat_length=length, timers=timers)
            scanned = scan_lore([Lorebook("b", entries=(item,))], [said], quarter, settings=chosen)
            timers, out = scanned.timers, [*out, length] if scanned.active else out
        return out

    assert at("keep_activate_after_match") == [2, 3, 4, 5]
    assert at("dont_activate_after_match") == [2]


def test_an_entry_of_one_greeting() -> None:
    items, ours = [entry("a", "k", content="@@is_greeting 1\nText.")], {"exact": False, "lore": LoreSettings()}
    assert [fired(items, "k", greeting=n, **ours) for n in (None, 0, 1)] == [set(), set(), {"a"}]


def test_what_is_to_go_first_goes_before_others() -> None:
    items = [entry("a", "k", content="@@ignore_on_max_context\nText.", order=9), entry("b", "k", content="Text.")]
    assert fired(items, "k", exact=False, lore=LoreSettings(), budget=3) == {"b"}


def test_only_what_fires_for_certain_is_stable() -> None:
    items = [entry("s", constant=True), entry("k", "k"), entry("p", constant=True, probability=99),
             entry("g", constant=True, groups=("g",)), entry("t", constant=True, triggers=("normal",)),
             entry("d", constant=True, delay=1), entry("c", constant=True, content="@@activate_only_every 1\nC")]
    scanned = lore_scan(items, "k", exact=False, lore=LoreSettings())
    assert {h.uid for h in scanned.active} >= {"s", "k", "g", "t", "d"}
    assert [h.uid for h in scanned.hits if h.stable] == ["s"]


# For any books

KEYS = st.sampled_from(["one", "two", "three", "four"])


@st.composite
def entries(draw: st.DrawFn) -> list[LoreEntry]:
    count = draw(st.integers(1, 7))
    return [entry(
        str(uid), *draw(st.lists(KEYS, max_size=2)), content=" ".join(draw(st.lists(KEYS, min_size=1, max_size=6))),
        order=draw(st.integers(0, 3)), constant=draw(st.booleans()), probability=draw(st.sampled_from([0, 50, 100])),
        ignore_budget=draw(st.booleans()), groups=tuple(draw(st.sets(st.sampled_from("gh"), max_size=1))),
        exclude_recursion=draw(st.booleans()), delay_until_recursion=draw(st.integers(0, 2)),
    ) for uid in range(count)]


CHATS = st.lists(st.lists(KEYS, max_size=3).map(" ".join), min_size=1, max_size=4)


@given(entries(), CHATS, st.integers(1, 40), st.integers(0, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_budget_and_repetition(items: list[LoreEntry], chat: list[str], budget: int, seed: int, exact: bool) -> None:
    lore = SILLYTAVERN if exact else LoreSettings(recursive=True, book_recursion=False)
    chosen = ScanSettings(lore, budget, exact, seed)
    books = [Lorebook("b", entries=tuple(items))]
    scanned = scan_lore(books, chat, quarter, settings=chosen)
    kept = [h.text for h in scanned.active if not items[int(h.uid)].ignore_budget]
    assert sum(map(quarter, kept)) <= budget + len(kept)
    if not exact:
        assert sum(map(quarter, kept)) <= budget
    assert [h.uid for h in scanned.hits] == [e.uid for e in items]
    assert all(h.fired == (h.why is None) for h in scanned.hits)
    for group in "gh":
        assert sum(items[int(h.uid)].groups == (group,) for h in scanned.active) <= 1
    kept_ready = prepare_books(books)
    again = [scan_lore(kept_ready, chat, quarter, settings=chosen, finder=f) for f in (PlainFinder(), None)]
    assert again == [scanned, scanned]


@given(entries(), CHATS, st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_an_entry_that_has_nothing_to_do_with_it_changes_nothing(
    items: list[LoreEntry], chat: list[str], seed: int
) -> None:
    stranger = entry("stranger", "nobody says this", content="one two three four", order=9)
    before = lore_scan(items, *chat, seed=seed)
    after = lore_scan([stranger, *items], *chat, seed=seed)
    assert after.hits[1:] == before.hits
    assert not after.hits[0].fired
