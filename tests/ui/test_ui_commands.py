"""Slash commands as lines: found in both languages and in the wrong layout, completed, refused with a sentence."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.errors import BadInput
from tui.i18n import use_language
from tui.ui.commands import COMMANDS, complete, is_command, parse, resolve
from tui.ui.deeds import DEEDS
from tui.ui.layouts import matches, to_cyrillic, to_latin


@pytest.mark.parametrize(
    ("line", "name", "rest"),
    [
        ("/swipe 2", "swipe", "2"),
        ("/regen", "regenerate", ""),
        ("/regene", "regenerate", ""),
        ("/Regenerate", "regenerate", ""),
        ("/заново", "regenerate", ""),
        ("/Память", "memory", ""),
        (".ыцшзу 3", "swipe", "3"),                    # /swipe with the Russian layout on
        (".куптт", "regenerate", ""),                  # /regen, with a slip of the finger, too
        ("/pfyjdj", "regenerate", ""),                 # /заново with the Latin layout on
        (".заново", "regenerate", ""),                 # the Russian layout has its full stop on the key of the slash
        ("/memroy", "memory", ""),
        ("/set temperature 0.7", "set", "temperature 0.7"),
    ],
)
def test_a_line_finds_its_command(line: str, name: str, rest: str) -> None:
    command, found = parse(line)
    assert (command.name, found) == (name, rest)
    assert is_command(line)


@pytest.mark.parametrize("text", ["...и тут", ".", ". ну", ".ну и ладно", ".42", "//me waves", "he said /help", ""])
def test_words_of_a_story_are_no_commands(text: str) -> None:
    assert not is_command(text)


def test_what_deletes_or_leaves_is_never_guessed() -> None:
    for line in ("/delte", "/quti", "/undp"):
        with pytest.raises(BadInput):
            parse(line)


def test_an_unknown_command_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="/delete"):
        parse("/delte")
    with pytest.raises(BadInput, match="Type /"):
        parse("/xyzzy")


def test_an_ambiguous_beginning_names_those_it_fits() -> None:
    with pytest.raises(BadInput) as caught:
        parse("/co")
    assert "/continue" in str(caught.value)
    assert "/copy" in str(caught.value)


def test_completion_offers_commands_then_values() -> None:
    assert len(complete("/")) == len(COMMANDS)
    assert [c.insert for c in complete("/regene")] == ["/regenerate"]
    assert [c.insert for c in complete("/пам")] == ["/память"]
    assert [c.insert for c in complete(".кун")] == []
    assert [c.insert for c in complete(".купут")] == ["/regenerate"]
    assert "/set temperature " in [c.insert for c in complete("/set t")]
    assert [c.insert for c in complete("/mouse щт")] == ["/mouse on"]
    assert complete("/note of") == []
    assert complete("..") == []


def test_in_russian_the_list_shows_russian_names_and_english_ones_still_complete() -> None:
    use_language("ru")
    try:
        assert "/память" in [c.insert for c in complete("/")]
        assert ("/задать ИМЯ ЗНАЧЕНИЕ", "/задать ") in [(c.label, c.insert) for c in complete("/")]
        assert [c.insert for c in complete("/mem")] == ["/memory"]
    finally:
        use_language("en")


def test_every_command_does_something_and_no_name_means_two() -> None:
    assert {c.name for c in COMMANDS} == set(DEEDS)
    names = [name for c in COMMANDS for name in (c.name, *c.aliases)]
    assert len(names) == len(set(names))
    for name in names:
        assert [c.name for c in resolve(name)] == [next(c.name for c in COMMANDS if name in (c.name, *c.aliases))]


@given(st.text(max_size=40))
def test_no_line_breaks_the_parser(text: str) -> None:
    complete(text)
    is_command(text)
    with contextlib.suppress(BadInput):
        parse("/" + text)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=1, max_size=20))
def test_a_word_typed_in_the_russian_layout_is_found_again(text: str) -> None:
    assert to_latin(to_cyrillic(text)) == text
    if text.strip():
        assert matches(to_cyrillic(text), text) is not None
