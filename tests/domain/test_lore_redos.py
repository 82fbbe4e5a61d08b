"""Patterns made to hang a program, as keys, with the helper process that tries them."""

from __future__ import annotations

import runpy
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tui.domain.lore_index import IndexedFinder
from tui.domain.lore_keys import KeySpec, Matcher
from tui.domain.notice import Notice
from tui.sandbox import Sandbox

HOSTILE = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "make_hostile.py"


@pytest.fixture
def matcher() -> Iterator[Matcher]:
    box = Sandbox(deadline=0.8)

    def match(jobs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
        return [answer if isinstance(answer, bool) else answer.why for answer in box.search(jobs)]

    yield match
    box.close()


def specs(*keys: str) -> tuple[KeySpec, ...]:
    return tuple(KeySpec(key, False, False) for key in keys)


@pytest.mark.skipif(not HOSTILE.is_file(), reason="the hostile patterns are not here")
def test_keys_that_hang_are_named_and_the_others_work(matcher: Matcher) -> None:
    good = specs("/dra(gon|ke)/i", "/\\bthe (sea|lake)\\b/", "storm")
    hang = specs("/(a+)+$/", "/(x+x+)+y/", "/(a|aa)+$/")
    wild = specs(*runpy.run_path(str(HOSTILE))["RX"])
    keys = (*wild[:12], *good, *wild[12:])
    assert set(hang) <= set(wild)
    finder = IndexedFinder(matcher)
    finder.prepare(keys)
    told = "a" * 36 + "! " + "x" * 35 + " DRAGON storm"
    longest = 0.0
    for turn in range(12):
        began = time.monotonic()
        found = finder.hits([f"{turn} {'0' * 30}b {told}", told])
        longest = max(longest, time.monotonic() - began)
    assert longest < 3.0                                   # of which 0.8 are the helper's, and some a new one's start
    assert {good[0], good[2]} <= found
    assert not set(hang) & found
    assert all("takes too long to search with" in str(finder.refused(key)) for key in hang)
    assert not any(finder.refused(key) for key in good)


def test_thousands_of_patterns_in_one_turn(matcher: Matcher) -> None:
    keys = specs(*(f"/\\bname{i}(s|'s)?\\b/i" for i in range(3000)), *(f"/{i}\\d:\\d\\d/" for i in range(200)))
    finder = IndexedFinder(matcher)
    finder.prepare(keys)
    finder.hits(["A first message."])
    assert finder.hits(["NAME77's bell rang at 123:45."] * 2) == set(
        specs("/\\bname77(s|'s)?\\b/i", "/12\\d:\\d\\d/", "/2\\d:\\d\\d/")
    )
