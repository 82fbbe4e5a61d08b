"""`traktir profiles`: bound to characters and chats, and keys that go in without being seen."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_cli_core import Traktir

KEY = "sk-cli-canary-0123456789"


@pytest.fixture
def traktir(home: Path) -> Iterator[Traktir]:
    program = Traktir(home)
    yield program
    program.run("stop", "--force")


def test_a_profile_is_bound_shown_and_freed(traktir: Traktir) -> None:
    profiles = traktir.home / "config" / "presets" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "far.yaml").write_text("label: Far away\nbackend:\n  kind: openai\n  url: http://127.0.0.1:9\n")
    assert traktir("profiles", "bind", "far", "--character", "mira") == "far\n"
    listed = {p["id"]: p for p in traktir.json("profiles", "list")}
    assert listed["far"]["characters"] == ["mira"]
    assert listed["far"]["holds"]["url"] == "http://127.0.0.1:9"
    refused = traktir.run("say", "--character", "mira", "Hello?")
    assert refused.returncode == 1
    assert "127.0.0.1:9" in refused.stderr
    chat = traktir.json("chats", "list")[0]["id"]
    assert traktir("profiles", "bind", "starter", "--chat", chat) == "starter\n"
    assert traktir("say", "--chat", chat, "Hello?").strip()
    assert traktir("profiles", "bind", "none", "--character", "mira") == "starter\n"
    assert "Far away" in traktir("profiles", "show", "far")
    assert traktir("profiles", "bind", "far", "--summaries") == ""
    assert traktir.run("profiles", "bind", "nobody", "--chat", chat).returncode == 1


def test_a_key_is_read_from_standard_input_and_shown_nowhere(traktir: Traktir) -> None:
    profiles = traktir.home / "config" / "presets" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "far.yaml").write_text("backend:\n  kind: openai\n  url: http://127.0.0.1:9\n")
    kept = traktir.run("profiles", "key", "far", stdin=KEY + "\n")
    assert (kept.returncode, kept.stdout) == (0, f"key_file: {os.path.join('keys', 'far.key')}\n")
    file = traktir.home / "config" / "keys" / "far.key"
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (KEY + "\n", 0o600)
    said = traktir.run("say", "--profile", "far", "--character", "mira", "Hello?").stderr
    heard = [kept.stdout, kept.stderr, said, traktir("profiles", "list", "--json"), traktir("profiles", "show", "far"),
             traktir("status", "--json")]
    assert KEY not in "".join(heard)
    file.chmod(0o644)
    traktir("stop", "--force")
    refused = traktir.run("say", "--profile", "far", "--character", "mira", "Hello?")
    assert "other users" in refused.stderr
    assert "chmod 600" in refused.stderr
    assert traktir.run("profiles", "key", "far", stdin="\n").returncode == 1
