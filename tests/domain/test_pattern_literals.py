"""What is said of a pattern before it is tried: never more than is true."""

from __future__ import annotations

import re
import sys
from functools import lru_cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.domain.pattern_literals import PatternFacts, Reach, fold_for_patterns, pattern_facts
from tui.domain.patterns import parse_pattern


@pytest.mark.parametrize(("source", "flags", "literals", "reach"), [
    ("Dragons?", "i", {"dragon", "dragons"}, Reach.LINE),
    (r"\b(elf|elves)\b", "i", {"elf", "elves"}, Reach.LINE),
    (r"\d+ (?:gold|silver) coins", "", {" gold coins", " silver coins"}, Reach.LINE),
    (r"(?:Мари[яюией]+|Маш[аеу]) в[её]дьма", "", {" ведьма", " вёдьма"}, Reach.LINE),
    (r"red\s+dragon", "", {"dragon"}, Reach.MESSAGE),
    (r"storm[\s\S]*lamp", "", {"storm"}, Reach.BUFFER),
    (r"(?:^|\W)elf(?:$|\W)", "i", {"elf"}, Reach.BUFFER),
    ("^elf$", "m", {"elf"}, Reach.LINE),
    (r"elf\s$", "m", {"elf"}, Reach.BUFFER),
    ("elf", "y", {"elf"}, Reach.BUFFER),
    ("(?!black )cat", "", {"cat"}, Reach.LINE),
    ("(?=.*king)queen", "", {"queen"}, Reach.LINE),
    ("ha{3}", "", {"haaa"}, Reach.LINE),
    ("(?:ab)*c?", "", None, Reach.LINE),
    (".*", "", None, Reach.LINE),
    (".*", "s", None, Reach.BUFFER),
    ("cat|", "", None, Reach.LINE),
    (r"[^a]b", "", {"b"}, Reach.BUFFER),
    ("[a-f]x", "", {"x"}, Reach.LINE),
    (r"(a)\1", "", {"a"}, Reach.BUFFER),
    (r"\p{L}elf", "u", None, Reach.BUFFER),
    ("(" * 300 + "a" + ")" * 300, "", None, Reach.BUFFER),
    ("|".join(f"name{i}" for i in range(150)), "", {f"name{i}" for i in range(150)}, Reach.LINE),
    ("(a", "", None, Reach.BUFFER),
])
def test_what_is_known(source: str, flags: str, literals: set[str] | None, reach: Reach) -> None:
    assert pattern_facts(source, flags) == PatternFacts(None if literals is None else frozenset(literals), reach)


def test_letters_that_patterns_take_for_each_other_are_one_when_folded() -> None:
    cased = [c for c in map(chr, range(sys.maxunicode)) if c.lower() != c or c.upper() != c or c.casefold() != c]
    related: dict[str, set[str]] = {}
    for char in cased:
        for other in {char, *char.lower(), *char.upper(), *char.casefold()}:
            related.setdefault(other.casefold(), set()).add(char)
    related.setdefault("i", set()).update("iIıİ")
    for group in related.values():
        for char in group:
            same = re.compile(re.escape(char), re.IGNORECASE)
            assert {fold_for_patterns(c) for c in group if same.fullmatch(c)} <= {fold_for_patterns(char)}


ATOMS = [
    "a", "b", "е", "ё", "ß", "s", "i", "\\n", "\\s", "\\S", "\\w", "\\W", "\\d", ".", "[ab]", "[^a]", "[a-с]", "[^\\s]",
    "[^\\n]", "[^]",
    "\\b", "\\B", "^", "$", "\\x01", "\\x0a", "\\u0435", "\\.", " ", "🙂", "ab", "\\1", "-", "[]", "[\\W]",
]


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.lists(inner, max_size=4).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map("|".join)
        | st.builds(
            "({}{}){}".format, st.sampled_from(["", "?:", "?=", "?!", "?<=", "?<!", "?<n>"]), inner, st.just("")
        )
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["?", "*", "+", "{2}", "{0}", "{1,2}", "{0,1}", "+?"]))
    )


sources = st.recursive(st.sampled_from(ATOMS), combined, max_leaves=8)
texts = st.text("abABеЕёßsSſiİı \n\x01.🙂-_с", max_size=8)


@lru_cache(maxsize=4096)
def compiled(source: str, flags: str) -> re.Pattern[str] | None:
    pattern = parse_pattern(f"/{source}/{flags}")
    if pattern is None or pattern.python is None:
        return None
    try:
        return re.compile(pattern.python, re.IGNORECASE if pattern.ignore_case else 0)
    except re.error:
        return None


@given(sources, st.sampled_from(["", "i", "m", "s", "im", "is", "u", "y"]), st.lists(texts, min_size=1, max_size=3))
@example("a\\s(?!.)", "", ["a", "b"])
@example("a\\s\\B", "m", ["a", "b"])
@example("a$\\s", "m", ["a\n\nb", "b"])
@settings(max_examples=1500, deadline=None)
def test_never_more_is_said_than_is_true(source: str, flags: str, said: list[str]) -> None:
    pattern = compiled(source, flags)
    if pattern is None:
        return
    facts = pattern_facts(source, flags)
    whole = "\n".join("\x01" + text for text in said)
    found = pattern.search(whole) is not None
    if found and facts.literals is not None:
        assert any(literal in fold_for_patterns(text) for literal in facts.literals for text in said)
    tails = ["\n" if facts.reach is Reach.MESSAGE else ""] * (len(said) - 1) + [""]
    if facts.reach is not Reach.BUFFER:
        alone = [pattern.search("\x01" + text + tail) is not None for text, tail in zip(said, tails, strict=True)]
        assert any(alone) == found
