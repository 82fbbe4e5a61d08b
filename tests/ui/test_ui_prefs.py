"""Preferences: the person's file is only read, the program's own lies over it, a later edit of theirs wins."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from tui import paths
from tui.domain.errors import BadInput
from tui.ui import prefs, theme


def write(text: str) -> None:
    paths.client_config().parent.mkdir(parents=True, exist_ok=True)
    paths.client_config().write_text(text, "utf-8")


def test_nothing_written_means_what_suits_the_terminal() -> None:
    assert prefs.defaults({"LANG": "ru_RU.UTF-8"}, "linux") | {"language": "en"} == {
        "theme": "", "mouse": True, "language": "en", "frame_rate": 60, "jump_scroll": 1, "keys": {},
    }
    assert prefs.defaults({}, "android")["mouse"] is False
    assert prefs.defaults({"TERMUX_VERSION": "0.118"}, "linux")["mouse"] is False
    over_ssh = prefs.defaults({"SSH_CONNECTION": "1"}, "linux")
    assert (over_ssh["frame_rate"], over_ssh["jump_scroll"]) == (30, 8)


def test_the_persons_file_is_read_and_never_written() -> None:
    text = '# mine\ntheme = "nord"\n[keys]\n"undo" = "ctrl+x"\n'
    write(text)
    prefs.change("mouse", False)
    prefs.change("theme", "dracula")
    now = prefs.read()
    assert (now.theme, now.mouse, dict(now.keys)) == ("dracula", False, {"undo": "ctrl+x"})
    assert paths.client_config().read_text("utf-8") == text


def test_an_edit_of_the_file_wins_over_an_earlier_choice_in_the_program() -> None:
    write('theme = "nord"\n')
    prefs.change("theme", "dracula")
    write('theme = "gruvbox"\n')
    assert prefs.read().theme == "gruvbox"


def test_what_is_wrong_is_said_and_the_rest_counts() -> None:
    write('theme = "nord"\nframe_rate = 9000\ncolour = "red"\nlanguage = "xx"\n')
    now = prefs.read()
    assert now.theme == "nord"
    assert now.frame_rate == prefs.defaults()["frame_rate"]
    told = " ".join(str(p) for p in now.problems)
    assert "frame_rate" in told
    assert "colour" in told
    assert "language" in told


def test_a_broken_file_is_named_and_the_defaults_hold() -> None:
    write("theme = \n")
    now = prefs.read()
    assert now.theme == ""
    assert "client.toml" in str(now.problems[0])


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="jump_scroll"):
        prefs.change("jump_scroll", 0)
    with pytest.raises(BadInput, match="volume"):
        prefs.change("volume", 11)


@pytest.mark.parametrize("name", sorted(BUILTIN_THEMES))
def test_every_theme_on_offer_can_be_drawn(name: str) -> None:
    found: Theme = BUILTIN_THEMES[name]
    for colour in theme.reading_colours(found).values():
        Color.parse(colour)
