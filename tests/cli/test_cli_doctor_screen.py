"""`/doctor` in the terminal: what is wrong first, and the command of a line copied by Enter."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from terminal import CTRL_Q, ENTER, ESCAPE, Terminal


def test_the_russian_name_opens_it_and_enter_copies_what_to_do(home: Path) -> None:
    """With a preset that is broken, which comes first; searched for by its topic, like any list here."""
    profile = home / "config" / "presets" / "profiles" / "mine.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("label: [\n", "utf-8")
    env = {"NO_COLOR": "1", "LC_ALL": "ru_RU.UTF-8", "TERM_PROGRAM": "Apple_Terminal", "TMUX": "", "DISPLAY": "",
           "WAYLAND_DISPLAY": ""}
    terminal = Terminal("--standalone", "--character", "mira", env=env)
    try:
        terminal.until("›")
        terminal.type(*"/доктор", ENTER)
        screen = terminal.until("неисправно: 1", timeout=90)
        rows = [row for row in screen.splitlines() if row.lstrip().startswith(("!", "·"))]
        assert "mine.yaml" in rows[0]
        assert any("NO_COLOR" in row for row in rows)
        terminal.type(*"colours")
        terminal.until(lambda screen: "NO_COLOR" in screen and "mine.yaml" not in screen)
        terminal.type(ENTER)
        terminal.until("copied.txt")
        assert (home / "data" / "copied.txt").read_text("utf-8") == "unset NO_COLOR\n"
        terminal.type(ESCAPE)
        terminal.until(lambda screen: "NO_COLOR" not in screen)
        terminal.type(CTRL_Q)
        assert terminal.ended() == 0
    finally:
        terminal.close()
