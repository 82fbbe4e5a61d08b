"""Regex scripts: SillyTavern's own results, and patterns that never end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.domain.regex_scripts import AI_OUTPUT, USER_INPUT, RegexScript, chosen, read_scripts, step_of
from tui.sandbox import Sandbox
from tui.sandbox.scripts import run_scripts

GOLDEN = Path(__file__).parents[2].parent / "shared" / "data" / "sillytavern" / "regex.json"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.close()


def run(sandbox: Sandbox, text: str, *scripts: RegexScript) -> str:
    steps = [step_of(script, lambda t: t.replace("{{char}}", "Mi.ra")) for script in scripts]
    return run_scripts(sandbox, [(text, steps)]).texts[0].text


@pytest.mark.skipif(not GOLDEN.exists(), reason="no recorded cases here")
def test_every_recorded_case_of_sillytavern_gives_its_result(sandbox: Sandbox) -> None:
    for case in json.loads(GOLDEN.read_bytes()):
        scripts = chosen(read_scripts(case["script"], "x"), "kept", AI_OUTPUT)
        steps = [step_of(script, lambda text: text) for script in scripts]
        assert run_scripts(sandbox, [(case["in"], steps)]).texts[0].text == case["out"], case["script"]["findRegex"]


def test_what_a_match_holds_is_never_a_macro_but_the_replacement_may_be(sandbox: Sandbox) -> None:
    script = RegexScript("x", "x", r"/<(.+?)>/g", "{{char}}: {{match}} $1")
    assert run(sandbox, "<{{char}}>", script) == "Mi.ra: <{{char}}> {{char}}"


def test_groups_by_name_trims_and_macros_in_the_pattern(sandbox: Sandbox) -> None:
    trimmed = RegexScript("x", "x", r"/(?<said>\*.*?\*)/g", "[$<said>|$9]", trims=("*",))
    assert run(sandbox, "*a* and *b*", trimmed) == "[a|] and [b|]"
    escaped = RegexScript("x", "x", "{{char}}", "she", macros_in_find=2)
    assert run(sandbox, "Mixra Mi.ra", escaped) == "Mixra she"
    raw = RegexScript("x", "x", "{{char}}", "she", macros_in_find=1)
    assert run(sandbox, "Mixra Mi.ra", raw) == "she Mi.ra"


def test_a_script_that_never_ends_is_told_and_passed_over_and_the_others_run(sandbox: Sandbox) -> None:
    endless = RegexScript("bad", "bad", r"/^(a+)+$/g", "x")
    fine = RegexScript("good", "good", "/b/", "c")
    steps = [step_of(script, str) for script in (endless, fine)]
    for _ in range(2):                                      # the second time it is not tried
        outcome = run_scripts(sandbox, [("a" * 60 + "b", steps), ("b", steps)])
        assert [changed.text for changed in outcome.texts] == ["a" * 60 + "c", "c"]
        assert set(outcome.troubles) == {"bad"}


def test_a_script_cannot_make_a_text_without_end(sandbox: Sandbox) -> None:
    flood = RegexScript("flood", "flood", "/a/g", "$0" * 9000)
    outcome = run_scripts(sandbox, [("a" * 5000, [step_of(flood, str)])])
    assert outcome.texts[0].text == "a" * 5000
    assert set(outcome.troubles) == {"flood"}


def test_which_script_changes_what() -> None:
    def ids(*flags: str) -> list[tuple[str, int]]:
        script = RegexScript("x", "x", "/a/", display="display" in flags, prompt="prompt" in flags)
        return [(use, p) for use in ("kept", "shown", "sent") for p in (USER_INPUT, AI_OUTPUT)
                if chosen([script], use, p)]

    assert ids() == [("kept", AI_OUTPUT)]
    assert ids("display") == [("shown", AI_OUTPUT)]
    assert ids("prompt") == [("sent", AI_OUTPUT)]
    assert ids("display", "prompt") == [("shown", AI_OUTPUT), ("sent", AI_OUTPUT)]
    deep = RegexScript("x", "x", "/a/", prompt=True, min_depth=2, max_depth=3)
    assert [d for d in range(6) if deep.applies("sent", AI_OUTPUT, d)] == [2, 3]
    assert not RegexScript("x", "x", "/a/").applies("kept", AI_OUTPUT, edited=True)
