"""`traktir tokens`: for a model file without a core, and for a chat through one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tui.engine import available

pytestmark = pytest.mark.skipif(available() is not None, reason="llama-cpp-python is not installed")
TEXT = "Привет! She said: \"no\".\n"


def traktir(home: Path, *words: str, rc: int = 0, stdin: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tui", *words], env={**os.environ, "TRAKTIR_HOME": str(home)}, input=stdin,
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == rc, done.stderr
    return done.stdout if rc == 0 else done.stderr


def counted(home: Path, *words: str, stdin: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(traktir(home, "tokens", *words, "--json", stdin=stdin))
    return found


def test_a_model_file_counts_and_shows_the_tokens(home: Path, tmp_path: Path, starter: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, "utf-8")
    told = counted(home, "--model", str(starter), str(text))
    assert told["tokens"] == len(told["pieces"]) > 10
    ascii_only = counted(home, "--model", str(starter), "-", stdin="The lamp was old.")
    assert "".join(piece["text"] for piece in ascii_only["pieces"]) == "The lamp was old."
    shown = traktir(home, "tokens", "--model", str(starter), str(text))
    assert shown.splitlines()[0] == f"{told['tokens']} tokens"
    assert "\x1b" not in shown


def test_a_file_that_is_no_model_is_said_in_a_line(home: Path, tmp_path: Path) -> None:
    fake = tmp_path / "no.gguf"
    fake.write_bytes(b"GGUF" + bytes(100))
    said = traktir(home, "tokens", "--model", str(fake), "-", rc=1, stdin="x")
    assert len(said.splitlines()) == 1
    assert "no.gguf" in said


def test_a_chat_counts_as_its_model_does(home: Path, starter: Path) -> None:
    out = traktir(home, "say", "--standalone", "--character", "mira", "--json", "--set", "max_tokens=2", "Hi!")
    chat = json.loads(out.splitlines()[-1])["chat"]
    told = counted(home, "--standalone", "--chat", chat, "-", stdin=TEXT)
    assert told["exact"] is True
    assert told["tokens"] == counted(home, "--model", str(starter), "-", stdin=TEXT)["tokens"]
