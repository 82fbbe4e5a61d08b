"""Copying: which way is taken where, and that each really takes the text."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tui.ui.clipboard import copy, osc52, tools


def fake(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def test_a_desktop_tool_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "wl-copy", f"cat > {tmp_path}/taken")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sent: list[str] = []
    told = await copy("Привет\x1b[31m!", sent.append, tmp_path, {"WAYLAND_DISPLAY": "wayland-0"})
    assert (tmp_path / "taken").read_text() == "Привет!"
    assert str(told) == "Copied."
    assert not sent


async def test_a_tool_that_fails_or_hangs_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "xclip", "exit 1")
    fake(tmp_path, "xsel", "sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("tui.ui.clipboard._TIMEOUT_S", 0.2)
    sent: list[str] = []
    told = await copy("text", sent.append, tmp_path, {"DISPLAY": ":0"})
    assert sent == [f"\x1b]52;c;{base64.b64encode(b'text').decode()}\x1b\\"]
    assert "OSC 52" in str(told)


async def test_what_is_too_long_for_the_terminal_goes_to_a_file(tmp_path: Path) -> None:
    sent: list[str] = []
    told = await copy("word " * 20_000, sent.append, tmp_path, {})
    assert not sent
    assert "copied.txt" in str(told)
    assert (tmp_path / "copied.txt").read_text().startswith("word word")


def test_multiplexers_get_their_wrapping() -> None:
    plain = osc52("a", {})
    assert plain == "\x1b]52;c;YQ==\x1b\\"
    assert osc52("a", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]52;c;YQ==\x1b\x1b\\\x1b\\"
    assert osc52("a", {"STY": "x"}).startswith("\x1bP\x1b]52;c;YQ==")


def test_over_ssh_the_far_desktop_is_not_meant() -> None:
    assert tools({"SSH_CONNECTION": "x"}, "darwin") == []


async def test_tmux_with_its_default_settings_takes_it(tmp_path: Path) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("no tmux here")
    clean_env = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"TERM": "xterm-256color"}
    socket = tmp_path / "t"
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    started = subprocess.run([*tmux, "new-session", "-d", "sleep 60"], env=clean_env, check=False)
    if started.returncode != 0:
        pytest.skip("tmux does not start here")
    try:
        os.environ["TMUX"] = f"{socket},1,0"
        told = await copy("Привет из tmux", None, tmp_path, {"TMUX": f"{socket},1,0"})
        shown = subprocess.run([*tmux, "show-buffer"], capture_output=True, text=True, check=True, env=clean_env)
        assert shown.stdout == "Привет из tmux"
        assert str(told) == "Copied."
    finally:
        del os.environ["TMUX"]
        subprocess.run([*tmux, "kill-server"], check=False)
