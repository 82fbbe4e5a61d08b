"""An evening in the tavern: the real program under a pseudo-terminal, with the engine and over a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from terminal import ALT_LEFT, ALT_RIGHT, CHECKOUT, CTRL_Q, CTRL_R, CTRL_Z, ENTER, ESCAPE, F1, F2, UP, Open, Terminal


def first_run(terminal: Terminal, character: str = "mira") -> None:
    """What a newcomer does: take the model that is there, pick somebody, and read the greeting."""
    terminal.until(lambda s: "None found" in s or "Found here" in s)
    terminal.type(ENTER)
    terminal.until("Mira")
    terminal.type(character)
    terminal.until(lambda s: "Ansel" not in s)
    terminal.type(ENTER)
    terminal.until("#1")


def connect(terminal: Terminal, address: str) -> None:
    """Go over to a server that does not tell its prompt format."""
    terminal.type(f"/connect {address}", ENTER)
    terminal.until("KoboldCpp 1.99")
    terminal.type(ENTER)
    terminal.until("Write here")
    terminal.type("/template chatml", ENTER)
    terminal.until("The prompt format is now")


def told(home: Path, *words: str) -> list[dict[str, Any]]:
    env = {**os.environ, "TRAKTIR_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "tui", *words, "--json"],
        env=env, cwd=CHECKOUT, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def path_of_last_chat(home: Path) -> list[dict[str, Any]]:
    return told(home, "chats", "show", told(home, "chats", "list")[0]["id"])


def test_two_commands_and_you_are_talking(tavern: Open, home: Path) -> None:
    terminal = tavern()
    first_run(terminal)
    terminal.type("Good evening! What is there to eat?", ENTER)
    terminal.until("#3")
    terminal.until(lambda s: "t/s" in s and "Esc stop" not in s)
    terminal.type("Расскажи о кошках, пожалуйста.", ENTER)
    terminal.until("Расскажи о кошках, пожалуйста.")
    terminal.until("#5")
    terminal.until(lambda s: "t/s" in s and "Esc stop" not in s)

    terminal.type(ALT_RIGHT)                                       # beyond the last version: another
    terminal.until("2/2")
    terminal.type(ALT_LEFT)
    terminal.until("1/2")
    terminal.type(CTRL_R)
    terminal.until("3/3")

    terminal.type(UP)                                              # edit my last message
    terminal.until("Расскажи о кошках")
    terminal.type(" И о море!", ENTER)
    terminal.until("И о море!")

    terminal.type(CTRL_Q)
    assert terminal.ended() == 0
    texts = [m["text"] for m in path_of_last_chat(home)]
    assert "Good evening! What is there to eat?" in texts
    assert "Расскажи о кошках, пожалуйста. И о море!" in texts

    again = tavern()
    again.until("И о море!")
    again.type(CTRL_Z)
    again.until(lambda s: "И о море!" not in s)
    again.type(CTRL_Q)
    assert again.ended() == 0


def test_a_reply_goes_on_when_the_terminal_is_left_and_is_there_afterwards(
    tavern: Open, home: Path, slow_server: tuple[str, str]
) -> None:
    address, reply = slow_server
    terminal = tavern()
    first_run(terminal)
    connect(terminal, address)
    terminal.type("Count the waves.", ENTER)
    terminal.until("wave3")
    terminal.type(CTRL_Q)
    assert terminal.ended() == 0

    again = tavern()
    again.until("and the last one.")
    again.type(CTRL_Q)
    again.ended()
    last = path_of_last_chat(home)[-1]
    assert last["text"] == reply
    assert last["finish"] == "stop"


@pytest.mark.parametrize("how", ["hangup", "kill"])
def test_a_dropped_connection_costs_nothing(
    tavern: Open, home: Path, slow_server: tuple[str, str], how: str
) -> None:
    address, reply = slow_server
    terminal = tavern()
    first_run(terminal)
    connect(terminal, address)
    terminal.type("Count the waves.", ENTER)
    terminal.until("wave2")
    terminal.type("a draft, half wri")
    terminal.until("half wri")
    terminal.pump(1.5)                                             # a draft is stored about a second after the last key
    if how == "hangup":
        terminal.hang_up()
        terminal.process.wait(timeout=10)
    else:
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait(timeout=10)

    again = tavern()
    again.until("and the last one.")
    again.until("a draft, half wri")
    again.type(CTRL_Q)
    again.ended()
    assert path_of_last_chat(home)[-1]["text"] == reply


@pytest.mark.parametrize(("columns", "rows"), [(40, 10), (48, 18), (120, 40), (200, 60)])
def test_a_conversation_works_at_every_size(tavern: Open, columns: int, rows: int) -> None:
    terminal = tavern(columns=columns, rows=rows)
    first_run_any_size(terminal)
    terminal.type("Привет!", ENTER)
    terminal.until(lambda s: "t/s" in s and "Esc stop" not in s)
    terminal.type(F1)
    terminal.until(lambda s: "Привет!" not in s)
    terminal.type(ESCAPE)
    terminal.until("Привет!" if rows > 12 else "t/s")
    terminal.type(F2)
    terminal.until("Mira")
    terminal.type(ESCAPE)
    terminal.pump(0.3)
    terminal.type("/")
    terminal.until("/")
    terminal.type("quit", ENTER)
    assert terminal.ended() == 0


def first_run_any_size(terminal: Terminal) -> None:
    terminal.until(lambda s: "None found" in s or "Found here" in s)
    terminal.type(ENTER)
    terminal.until(lambda s: "Ansel" in s or "Mira" in s)
    terminal.type("mira")
    terminal.until(lambda s: "Ansel" not in s)
    terminal.type(ENTER)
    terminal.until(lambda s: "/" in s and "Mira" in s)
    terminal.pump(0.5)
