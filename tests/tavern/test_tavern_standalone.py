"""The core inside the terminal's own process: a terminal that dies takes it along, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from terminal import CHECKOUT, CTRL_Q, ENTER, Open


def told(home: Path, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tui", *words, "--standalone", "--json"], env={**os.environ, "TRAKTIR_HOME": str(home)},
        cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_dead_terminal_ends_the_core_which_first_puts_away_what_it_had(
    tavern: Open, slow_server: tuple[str, str], home: Path
) -> None:
    url, reply = slow_server
    profile = home / "config" / "presets" / "profiles" / "slow.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(f"backend: {{kind: koboldcpp, url: '{url}'}}\ntemplate: chatml\n", "utf-8")
    words = ("--standalone", "--character", "mira", "--profile", "slow")

    terminal = tavern(*words)
    terminal.until("slow · ")
    terminal.type("Посчитай волны.", ENTER)
    terminal.until("wave5")
    terminal.hang_up()
    assert terminal.process.wait(10) == 0

    (chat,) = told(home, "chats", "list")
    last = told(home, "chats", "show", chat["id"])[-1]
    assert last["finish"] == "cut"
    assert reply.startswith(last["text"])
    assert "wave5" in last["text"]

    again = tavern(*words)
    again.until("cut off")
    assert "Finished while you were away" not in again.screen()
    again.type(CTRL_Q)
    assert again.ended() == 0
