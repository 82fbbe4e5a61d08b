"""JavaScript's regular expressions in Python's dialect: what matches there matches here, what is wrong is told."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.patterns import PATTERN_LENGTH, parse_pattern


def occurs(key: str, text: str) -> bool:
    pattern = parse_pattern(key)
    assert pattern is not None
    assert pattern.python is not None, pattern.problem
    return re.search(pattern.python, text, re.IGNORECASE if pattern.ignore_case else 0) is not None


@pytest.mark.parametrize("key", ["cat", "/", "//", "/cat", "cat/i", "/a/b/", "/home/user", "/a/x", "//a/", "", "/ /a"])
def test_plain_text_is_no_pattern(key: str) -> None:
    assert parse_pattern(key) is None


@pytest.mark.parametrize(
    ("key", "yes", "no"),
    [
        ("/cat/", "a cat", "a Cat"), ("/cat/i", "a CAT", "dog"), (r"/город(а|е|ом)?/i", "в ГОРОДЕ", "горе"),
        (r"/\bcat\b/", "the cat.", "cats"), (r"/\bкот/", "xкот", "кот"), (r"/^\w+$/", "word_1", "слово"),
        (r"/\d/", "7", "٧"), (r"/\s/", "\ufeff", "\x1c"), ("/a.c/", "abc", "a\nc"), ("/a.c/s", "a\nc", "ac"),
        ("/a$/", "ba", "a\n"), ("/a$/m", "a\nb", "ab"), ("/^b/m", "a\u2028b", "ab"), ("/[^]/", "\n", ""),
        ("/a[]|b/", "b", "a"), (r"/a\/b/", "a/b", "ab"), ("/a{,3}/", "a{,3}", "aaa"), ("/x{2}/", "xx", "x"),
        ("/[[&&||]/", "|", "a"), (r"/[\w-]@/", "-@", "+@"), (r"/[^\W\d]/", "a", "1"), (r"/\u0436/", "ж", "z"),
        (r"/\u{1F600}/u", "😀", "u"), (r"/\ud83d\ude00/", "😀", "x"), (r"/\u{2}/", "uu", "u"),
        (r"/\cA\x41/", "\x01A", "A"),
        (r"/(?<n>a|b)\k<n>/", "bb", "ab"), (r"/(a)|b\1c/", "bc", "c"), (r"/\2(a)(b)/", "ab", "a"), (r"/\8/", "8", "7"),
        (r"/(?<=^|\s)x/", "a x", "ax"), (r"/(?<!ab|c)x/", "bx", "abx"), (r"/(?<=\$)\d+(?!%)/", "$5", "5"),
        ("/b/y", "ba", "ab"), ("/(?i:a)b/", "Ab", "AB"), ("/(?-i:a)b/i", "aB", "Ab"), (r"/\p{L}+\P{L}/u", "ж1", "1"),
        (r"/[\p{Lu}\d]x/u", "Жx", "жx"), (r"/\p{L}/", "p{L}", "ж"), ("/a|/", "", None), ("/]}/", "]}", "]"),
    ],
)
def test_it_matches_what_javascript_matches(key: str, yes: str, no: str | None) -> None:
    assert occurs(key, yes)
    assert no is None or not occurs(key, no)


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("/(/", "character 1"), ("/a)/", "character 2"), ("/a++/", "nothing to repeat"), ("/*a/", "nothing to repeat"),
        ("/[b-a]/", "character"), ("/[a/", "character 1"), ("/a/gg", "twice"), ("/(?P<a>b)/", "(?P<"),
        ("/(?>a)/", "(?>"), (r"/\p{Script=Greek}/u", "Script=Greek"), (r"/\_/u", "\\_"), ("/a{2,1}/", "{2,1}"),
        ("/(?<a>x)(?<a>y)/", "(?<a>"), ("/" + "a" * (PATTERN_LENGTH + 1) + "/", str(PATTERN_LENGTH)), ("/a{/u", "{"),
        ("/" + r"\p{L}" * 50 + "/u", "too many classes"),
    ],
)
def test_what_is_wrong_is_told(key: str, part: str) -> None:
    pattern = parse_pattern(key)
    assert pattern is not None
    assert pattern.python is None
    assert part in str(pattern.problem)


def test_a_thousand_nested_groups_are_no_danger() -> None:
    started = time.process_time()
    for source in ("(" * 500 + ")" * 500, "(?:" * 250 + ")" * 250, "(?<!" * 190 + "a|b" + ")" * 190, "(" * 1000):
        pattern = parse_pattern(f"/{source}/")
        assert pattern is not None
        assert (pattern.python is None) == (source == "(" * 1000)
    assert time.process_time() - started < 0.5


ALPHABET = "abж |\\()[]{}?*+^$.<>=!:-,0129/kuxcwWdsbBpPLn😀\n"


@given(st.text(alphabet=ALPHABET, max_size=25), st.sampled_from(["", "i", "msu"]))
def test_any_text_becomes_a_pattern_that_compiles_or_a_reason(body: str, flags: str) -> None:
    pattern = parse_pattern(f"/{body}/{flags}")
    if pattern is None:
        return
    assert (pattern.python is None) != (pattern.problem is None)
    if pattern.python is not None:
        # A look back by a varying width is the one thing that Python lacks.
        assert _compiles(pattern.python) in ("", "look-behind requires fixed-width pattern"), body


def _compiles(source: str) -> str:
    try:
        re.compile(source)
    except re.error as error:
        return error.msg
    return ""
