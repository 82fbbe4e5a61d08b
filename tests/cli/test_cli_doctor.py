"""`traktir doctor` and `traktir import` where something is wrong: it is named, in a sentence, with status 1."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tui.cli import main
from tui.i18n import use_language


def test_a_damaged_store_and_a_broken_preset_are_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = home / "what? 100%41 #1"                  # characters that mean something in a URI
    monkeypatch.setenv("TRAKTIR_HOME", str(odd))
    assert main(["chats", "list", "--standalone"]) == 0
    assert main(["doctor"]) == 0

    store = odd / "data" / "traktir.db"
    whole = store.read_bytes()
    store.write_bytes(whole[:4096] + b"spoilt" * 2000 + whole[16096:])
    profile = odd / "config" / "presets" / "profiles" / "mine.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text("label: [\n", "utf-8")
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 1
    found = map(json.loads, capsys.readouterr().out.splitlines())
    wrong = {f["id"]: f for f in found if f["severity"] == "problem"}
    assert "traktir.db is damaged" in wrong["store.damaged"]["says"]
    assert wrong["store.damaged"]["do"] == "traktir restore latest"
    assert "mine.yaml, line 2" in wrong["presets.broken"]["says"]


def test_what_to_do_stands_on_a_line_of_its_own_in_both_languages(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for locale, says in (("C.UTF-8", "NO_COLOR is set"), ("ru_RU.UTF-8", "Задана NO_COLOR")):
        monkeypatch.setenv("LC_ALL", locale)
        try:
            assert main(["doctor"]) == 0
        finally:
            use_language("en")
        out = capsys.readouterr().out
        assert f"-- colours    {says}" in out
        assert "\n     → unset NO_COLOR\n" in out


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "mira.yaml").write_text("name: Mirabel\ndescription: She keeps bees.\n", "utf-8")
    assert main(["import", "--standalone", str(tmp_path), str(tmp_path / "absent.json")]) == 1
    out, err = capsys.readouterr()
    assert "Mirabel" in out
    assert len(out.splitlines()) == 1
    for name, reason in (
        ("pipe", "is not an ordinary file"), ("zero", "is not an ordinary file"), ("loop", "cannot be read"),
        ("sparse", "is larger than 48 MiB"), ("absent", "cannot be read"),
    ):
        assert any(f"{name}.json" in line and reason in line for line in err.splitlines()), err
