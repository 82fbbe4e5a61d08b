"""Prompt formats come out of the copy as they came out of their files, and a file that changed is read anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.domain.template import Template
from tui.formats import presets
from tui.formats.library import Library
from tui.resources import presets_dir

SHIPPED = presets_dir() / "templates"


def read(own: Path, copy: Path) -> dict[str, Template]:
    return {item.id: item.value for item in Library(SHIPPED, own, "templates", copy).list()}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files that were parsed."""
    names: list[str] = []
    real = presets.read_yaml

    def noted(data: bytes, name: str) -> object:
        names.append(name)
        return real(data, name)

    monkeypatch.setattr(presets, "read_yaml", noted)
    return names


def test_the_copy_holds_what_the_files_hold(tmp_path: Path, parsed: list[str]) -> None:
    copy = tmp_path / "cache" / "templates.json"
    first = read(tmp_path / "own", copy)
    assert len(parsed) == len(first) > 80
    parsed.clear()
    assert read(tmp_path / "own", copy) == first
    assert parsed == []


def test_a_file_that_changed_is_read_anew(tmp_path: Path, parsed: list[str]) -> None:
    own, copy = tmp_path / "own", tmp_path / "templates.json"
    own.mkdir()
    file = own / "mine.yaml"
    file.write_text("label: One\n")
    os.utime(file, ns=(1, 1))
    assert read(own, copy)["mine"].label == "One"
    file.write_text("label: Two\n")
    os.utime(file, ns=(1, 1))
    parsed.clear()
    assert read(own, copy)["mine"].label == "Two"
    assert parsed == ["mine.yaml"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"shape": [], "files": {}}', "{files}", "{fields}"])
def test_a_damaged_copy_costs_only_time(tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "templates.json"
    first = read(tmp_path / "own", copy)
    text = copy.read_text("utf-8")
    if damage == "{files}":
        damage = text.replace('"files":{', '"files":[{', 1)[:-1] + "]}"
    elif damage == "{fields}":
        damage = text.replace('"label"', '"lable"')
    copy.write_text(damage, "utf-8")
    assert read(tmp_path / "own", copy) == first
    copy.unlink()
    copy.mkdir()
    assert read(tmp_path / "own", copy) == first
