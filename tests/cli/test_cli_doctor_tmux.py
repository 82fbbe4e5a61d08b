"""What `traktir doctor` says inside tmux and GNU screen: made up, and in the real tmux of this machine."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doctor_kit import by_id, made_up

from tui.cli.doctoring import multiplexers
from tui.cli.doctoring.machine import Ran

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests"))
from terminal import Terminal  # noqa: E402

GOOD = {
    "version": "3.5a", "escape-time": "10", "set-clipboard": "external", "allow-passthrough": "off",
    "extended-keys": "always", "focus-events": "on", "mouse": "on", "client_termname": "xterm-256color",
    "client_termfeatures": "256,RGB,clipboard,title", "client_pid": "77",
}
INSIDE = {"TMUX": "/tmp/tmux-1000/default,5,0", "TERM": "tmux-256color"}


def told(tmp_path: Path, env: dict[str, str] | None = None, files: dict[str, str] | None = None,
         **settings: str) -> dict[str, Any]:
    answers = {"tmux": Ran(0, "\n".join((GOOD | settings).values()) + "\n"),
               "mosh-server": Ran(0, "mosh-server (mosh) 1.3.2 [build 1.3.2]\n")}
    return by_id([*multiplexers.look(made_up(tmp_path, INSIDE | (env or {}), files, answers))])


def test_good_settings_leave_nothing_to_do(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert [f.id for f in found.values() if f.severity != "ok"] == []
    assert "tmux.clipboard" in found


@pytest.mark.parametrize(("settings", "id_", "do"), [
    ({"escape-time": "500"}, "tmux.escape_time", "tmux set -s escape-time 20"),
    ({"extended-keys": "on"}, "tmux.extended_keys", "tmux set -s extended-keys always"),
    ({"focus-events": "off"}, "tmux.focus_events", "tmux set -s focus-events on"),
    ({"mouse": "0"}, "tmux.mouse", "tmux set -g mouse on"),
    ({"set-clipboard": "off"}, "tmux.clipboard_off", "tmux set -s set-clipboard external"),
    ({"version": "3.1c"}, "tmux.clipboard_old", "tmux set -s set-clipboard on"),
    ({"version": "3.4"}, "tmux.frames", ""),
    ({"client_termfeatures": "256,RGB"}, "tmux.clipboard_unknown",
     "tmux set -as terminal-features ',xterm-256color:clipboard'"),
    ({"client_termfeatures": "256,clipboard"}, "tmux.colours",
     "tmux set -as terminal-features ',xterm-256color:RGB'"),
])
def test_each_setting_is_told_with_its_command(tmp_path: Path, settings: dict[str, str], id_: str, do: str) -> None:
    found = told(tmp_path, **settings)[id_]
    assert found.severity == "note"
    assert found.do == do


def test_a_wrong_term_and_a_mosh_outside_are_told(tmp_path: Path) -> None:
    found = told(tmp_path, {"TERM": "xterm"}, {"proc/77/status": "Name:\ttmux: client\nPPid:\t70\n",
                                               "proc/70/status": "Name:\tmosh-server\nPPid:\t1\n"})
    assert found["tmux.term"].do == "tmux set -g default-terminal tmux-256color"
    assert found["network.mosh"].severity == "note"


def test_a_left_over_variable_is_told(tmp_path: Path) -> None:
    found = by_id([*multiplexers.look(made_up(tmp_path, INSIDE, answers={"tmux": Ran(1, "")}))])
    assert found["tmux.silent"].do == "unset TMUX"


def test_gnu_screen_is_known_by_its_faults(tmp_path: Path) -> None:
    machine = made_up(tmp_path, {"STY": "5.pts-0", "TERM": "screen"},
                      answers={"screen": Ran(0, "Screen version 4.09.01 (GNU) 20-Aug-23\n")})
    found = by_id([*multiplexers.look(machine)])
    assert set(found) == {"screen.escape", "screen.clipboard", "screen.colours", "screen.letters"}
    assert found["screen.letters"].do == "screen -U"


@pytest.fixture
def tmux() -> Iterator[Path]:
    """A folder with a short path for a tmux server of our own, which is ended afterwards."""
    if not shutil.which("tmux"):
        pytest.skip("tmux is not here")
    with tempfile.TemporaryDirectory(prefix="tt-", dir="/tmp") as folder:
        yield Path(folder)
        subprocess.run(["tmux", "-S", f"{folder}/s", "kill-server"], capture_output=True, check=False)


def in_real_tmux(folder: Path, home: Path, settings: str, term: str) -> dict[str, dict[str, Any]]:
    """What doctor says in a pane of a real tmux with `settings`, in a real pseudo-terminal called `term`."""
    (folder / "conf").write_text(settings, "utf-8")
    out, done = folder / "out", folder / "done"
    command = f"{shlex.quote(sys.executable)} -m tui doctor --json >{out}; touch {done}; cat"
    terminal = Terminal(
        columns=100, rows=30, env={"TERM": term, "TMUX": "", "TRAKTIR_HOME": str(home), "SSH_CONNECTION": ""},
        program=("tmux", "-S", str(folder / "s"), "-f", str(folder / "conf"), "new-session", command),
    )
    try:
        terminal.until(lambda _: done.exists(), timeout=90)
    finally:
        subprocess.run(["tmux", "-S", str(folder / "s"), "kill-server"], capture_output=True, check=False)
        terminal.close()
    return {f["id"]: f for f in map(json.loads, out.read_text("utf-8").splitlines())}


def test_a_real_tmux_with_the_settings_of_the_usual_versions(tmux: Path, home: Path) -> None:
    """The defaults of 3.3; later ones have better."""
    settings = "\n".join((
        "set -s escape-time 500", "set -g mouse off", "set -s extended-keys off", "set -s focus-events off",
        "set -s set-clipboard external",
    ))
    found = in_real_tmux(tmux, home, settings, "xterm-256color")
    assert "500 ms" in found["tmux.escape_time"]["says"]
    assert found["tmux.mouse"]["do"] == "tmux set -g mouse on"
    assert found["tmux.clipboard"]["severity"] == "ok"
    assert {"tmux.extended_keys", "tmux.focus_events", "terminal.size"} <= set(found)
    assert not [f for f in found.values() if f["severity"] == "problem"]


def test_a_real_tmux_with_other_settings(tmux: Path, home: Path) -> None:
    """What doctor told to do is done, and then it is content; what was made worse is told."""
    settings = "\n".join((
        "set -s escape-time 20", "set -g mouse on", "set -s extended-keys always", "set -s focus-events on",
        "set -s set-clipboard off", "set -as terminal-features ',linux:RGB'",
    ))
    found = in_real_tmux(tmux, home, settings, "linux")
    assert found["tmux.clipboard_off"]["do"] == "tmux set -s set-clipboard external"
    fine = {"tmux.escape_time", "tmux.mouse", "tmux.extended_keys", "tmux.focus_events", "tmux.colours"}
    assert not fine & set(found)
