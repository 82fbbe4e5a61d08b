"""Macros of strangers: whatever they say, they end soon, say little and never raise."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.macros import MAX_STEPS, Collected, Frozen, MacroContext, Variables, expand, macro_uses

HOSTILE = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "make_hostile.py"
PIECES = st.sampled_from([
    "{{", "}}", "{", "}", "::", ":", " ", "\n", "user", "char", "{{if ", "{{else}}", "{{/if}}", "{{//", "{{///}}",
    "{{#", "{{setvar::a}}", "{{/setvar}}", "{{trim}}", "{{/trim}}", "{{noop}}", ".a", "$b", " = ", " ?? ", "++", "+=",
    "{{.a", "{{$b", "{{getvar::a}}", "{{addvar::a::", "{{setvarkey::l::", "{{getvarkey::l::", "{{random::",
    "{{roll:", "{{pick:", "1", "0", "d6", "{{reverse::", "{{newline::", "<USER>", "\\{", "\\}", "слово",
    "{{datetimeformat ", "YYYY", "{{time_UTC+2}}", "{{timeDiff::", "2024-01-01", "{{original}}", "{{unknown", "!",
    "\\,", ",", "\U0001f600", "\ud800",
])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join)


def context(variables: Variables | None = None) -> MacroContext:
    return MacroContext(
        user="u" * 50, char="c", description="{{description}}", original="o", clock="2025-01-15T14:05:00", facts={},
        outlets={}, variables=variables or Variables(), collected=Collected(), frozen=Frozen(), idle_since="",
        last_message="{{lastMessage}}", greetings=("{{greeting}}",),
    )


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_any_text_is_taken_and_stays_small(text: str) -> None:
    first, again = Variables({"a": "1"}), Variables({"a": "1"})
    out = expand(text, context(first))
    assert len(out) <= 4 * len(text) + 65_536
    assert out == expand(text, context(again))
    assert first.local == again.local
    macro_uses(text)


@given(st.text(max_size=300).filter(lambda t: not any(mark in t for mark in ("{{", "<", "\\{", "\\}"))))
def test_text_without_macros_stays(text: str) -> None:
    assert expand(text, context()) == text


@given(st.from_regex(r"\{\{(nix|foo_bar|X9)(::[a-z ,]{0,9}){0,3}\}\}", fullmatch=True), st.text("ab \n", max_size=20))
def test_unknown_macros_stay(macro: str, around: str) -> None:
    assert expand(around + macro + around, context()) == around + macro + around


@pytest.mark.parametrize("text", [
    "{{random:" * 4000 + "a" + "}}" * 4000, "{{" * 50_000, "{{ " * 50_000, "}}" * 50_000, "{{user}}" * 50_000,
    "{" * 100_000, "{{newline::99999999}}" * 5000, "{{// never closed " * 5000,
    "{{reverse::" * 50 + "x" * 10_000 + "}}" * 50,
    "{{trim}}\n" * 20_000, "<USER>" * 20_000, "{{random::" + "a::" * 50_000 + "}}", "{{#if a}}" * 20_000,
    "{{#if a}}" * 5000 + "x" + "{{/if}}" * 5000, "{{user}}" * 5000 + "{{/user}}" * 5000, "{{/if}}" * 20_000,
    "{{setvar::a::xx}}" + "{{setvar::a::{{getvar::a}}{{getvar::a}}}}" * 64 + "{{getvar::a}}",
    "{{.l = [" + "1," * 20_000 + "1]}}" + "{{getvarkey::l::5}}" * 5000, "{{.l = " + "[" * 30_000 + "}}{{.l += 1}}" * 50,
    "{{.n = 1e308}}" + "{{.n += 1e308}}" * 2000, "{{.n = " + "9" * 5000 + "}}{{.n++}}",
    "{{datetimeformat " + "D" * 60_000 + "}}", "{{.a-" + "-" * 50_000 + "}}", "{{" + " " * 50_000 + "user}}",
    "\\{" * 50_000, "{{timeDiff::" + "1" * 5000 + "::1}}",
    "{{if {{if " * 2000 + "x" + "}}" * 4000, "{{addvar::t::{{getvar::t}}x}}" * 3000,
], ids=str.__len__)
def test_costly_texts_cost_little(text: str) -> None:
    started = time.process_time()
    out = expand(text, context())
    macro_uses(text)
    assert time.process_time() - started < 3.0
    assert len(out) <= 4 * len(text) + 65_536


def test_what_exceeds_the_limits_is_left_as_written() -> None:
    many = expand("{{noop}}" * (MAX_STEPS + 5), context())
    assert many == "{{noop}}" * 5
    deep = expand("{{reverse::" * 25 + "ab" + "}}" * 25, context())
    assert deep == "{{reverse::" * 5 + "ab" + "}}" * 5
    long = expand("{{user}}" * 3, MacroContext(user="x" * 40_000))
    assert long == "x" * 40_000 + "{{user}}{{user}}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not HOSTILE.exists():
        pytest.skip("the hostile samples are not here")
    place = tmp_path_factory.mktemp("hostile")
    subprocess.run([sys.executable, str(HOSTILE), str(place)], check=True, capture_output=True, cwd=place)
    return place / "macro"


def test_hostile_cards(hostile: Path) -> None:
    for file in sorted(hostile.glob("*.json")):
        text = json.loads(file.read_text(encoding="utf-8"))["data"]["description"]
        started = time.process_time()
        out = expand(text, context())
        assert time.process_time() - started < 2.0, file.name
        assert len(out) <= 4 * len(text) + 65_536, file.name
