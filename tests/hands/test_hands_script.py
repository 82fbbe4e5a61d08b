"""The script language of quick replies: what it does, what it refuses before it begins, and where it is stopped."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.errors import BadInput, Refused, TraktirError
from tui.domain.script.parse import Closure, parse_script
from tui.domain.script.run import run_script


class Table:
    commands = frozenset({"echo", "send", "sendas"})

    def __init__(self) -> None:
        self.local: dict[str, str] = {}
        self.shared: dict[str, str] = {}
        self.done: list[tuple[str, dict[str, str], str]] = []

    async def act(self, name: str, named: Mapping[str, str], text: str) -> str:
        self.done.append((name, dict(named), text))
        return text

    async def fill(self, text: str) -> str:
        return text.replace("{{user}}", "Alex")


async def run(script: str) -> tuple[str, Table]:
    table = Table()
    return await run_script(parse_script(script), table), table


@pytest.mark.parametrize(("script", "result"), [
    ("/pass hello | /echo {{pipe}} there", "hello there"),
    ("/pass hello | /echo", "hello"),
    ("/pass hello || /echo", ""),
    ("/setvar key=x 3 | /addvar key=x 4 | /getvar x", "7"),
    ("/setvar key=x ab | /addvar key=x c", "abc"),
    ("/incvar n | /incvar n | /decvar n", "1"),
    ("/setglobalvar key=g 5 || /echo {{getglobalvar::g}}", "5"),
    ("/let x 5 | /var x 6 | /echo {{var::x}}", "6"),
    ("/add 1 2 3 | /mul {{pipe}} 2 | /sub {{pipe}} 2 | /div {{pipe}} 4", "2.5"),
    ("/mod 7 4", "3"), ("/div 1 0", "0"), ("/len héllo", "5"),
    ('/if left=2 right=10 rule=lt else={: /echo no :} {: /echo yes :}', "yes"),
    ('/if left="a b" right=B rule=in {: /echo yes :}', "yes"),
    ("/setvar key=n 3 || /if left=n right=3 {: /echo three :}", "three"),
    ("/setvar key=i 0 || /while left=i right=5 rule=lt {: /incvar i :}", "5"),
    ("/times 3 {: /addvar key=s x{{timesIndex}} :} | /getvar s", "x0x1x2"),
    ("/times 9 {: /if left={{timesIndex}} right=2 {: /break {{timesIndex}} :} :}", "2"),
    ("/let f {: /return {{pipe}}! :} | /pass hi | /:f | /echo", "hi!"),
    ("/echo {: /pass in :}()", "in"),
    ("/echo one /* | /echo two */ | // nothing of this | /echo", "one"),
    (r"/echo a \| b", "a | b"), ("/echo {{user}}", "Alex"), ("/upper abc", "ABC"),
    ("/echo a | /abort | /echo b", ""),
])
async def test_a_script_leaves_this(script: str, result: str) -> None:
    assert (await run(script))[0] == result


async def test_named_arguments_and_text_reach_the_command() -> None:
    _, table = await run('/sendas name="Old Bob" Who goes there? | /send *waves*')
    assert table.done == [("sendas", {"name": "Old Bob"}, "Who goes there?"), ("send", {}, "*waves*")]


async def test_what_is_not_known_is_refused_by_name_before_anything_runs() -> None:
    table = Table()
    with pytest.raises(BadInput) as refused:
        await run_script(parse_script("/send hi | /if left=1 {: /fetch http://x :} | /bg rain"), table)
    assert "/bg, /fetch" in str(refused.value.what)
    assert table.done == []


@pytest.mark.parametrize("script", [
    "/setvar key=i 0 || /while guard=off left=1 {: /incvar i :}",
    "/let f {: /:f :} | /:f",
    "/setvar key=x xxxxxxxxxx || /times 100 {: /setvar key=x {{getvar::x}}{{getvar::x}} :}",
    "/times guard=off 10000 {: /times guard=off 10000 {: /pass x :} :}",
])
async def test_a_script_without_end_is_stopped(script: str) -> None:
    with pytest.raises(Refused):
        await run(script)


@pytest.mark.parametrize("script", ["hello", "/echo {: /x", "/echo a :}", '/echo a="b', "{: " * 30])
def test_what_is_no_script_says_where(script: str) -> None:
    with pytest.raises(BadInput):
        parse_script(script)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text("/|{:}\"\\= ab\n*#", max_size=60))
async def test_any_text_is_a_script_or_refused(text: str) -> None:
    try:
        script = parse_script(text)
        assert isinstance(script, Closure)
        await run_script(script, Table())
    except TraktirError:
        pass


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_characters='"\\{}|', exclude_categories=("Cs",)), max_size=40))
async def test_a_quoted_value_arrives_as_it_is(text: str) -> None:
    _, table = await run(f'/sendas name="{text}" x')
    assert table.done == [("sendas", {"name": text}, "x")]
