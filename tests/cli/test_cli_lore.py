"""`traktir lore test`, as its lines read."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from tui.cli.lore import add_arguments, run
from tui.domain.errors import BadInput


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["test", *words])) == 0
    return capsys.readouterr().out


@pytest.fixture
def books(tmp_path: Path) -> list[str]:
    def book(name: str, *entries: dict[str, Any]) -> str:
        path = tmp_path / f"{name}.json"
        world = {"entries": {str(i): {"uid": i, "content": "text", **e} for i, e in enumerate(entries)}}
        path.write_text(json.dumps(world, ensure_ascii=False), "utf-8")
        return str(path)

    return [
        book("first", {"key": ["город"], "content": "a lamp"}, {"key": ["/sea+/i"], "order": 50},
             {"key": ["maybe"], "probability": 0}),
        book("second", {"key": ["lamp"], "group": "g"}, {"key": ["xyz"]}),
    ]


def scan(capsys: pytest.CaptureFixture[str], books: list[str], *words: str) -> dict[str, dict[str, Any]]:
    out = [json.loads(row) for row in told(capsys, "--book", *books, *words, "--json").splitlines()]
    assert all(row["type"] == "entry" for row in out)
    return {f"{row['book']}/{row['uid']}": row for row in out}


def test_books_are_scanned_together_and_each_entry_explains_itself(
    capsys: pytest.CaptureFixture[str], books: list[str]
) -> None:
    hits = scan(capsys, books, "--text", "город, SEAA, maybe", "--sillytavern")
    assert {name for name, hit in hits.items() if hit["fired"]} == {"first/0", "first/1", "second/0"}
    assert (hits["second/0"]["parent"], hits["second/0"]["key"]) == ("first:0", "lamp")
    assert not hits["first/2"]["fired"]
    assert 0 <= hits["first/2"]["dice"] < 100
    assert [hits[n]["place"] for n in ("first/1", "second/0", "first/0", "second/1")] == [1, 2, 3, None]
    assert hits["second/1"]["why"]


def test_options_choose_how_it_scans(capsys: pytest.CaptureFixture[str], books: list[str], tmp_path: Path) -> None:
    def fired(*words: str) -> set[str]:
        return {name for name, hit in scan(capsys, books, *words).items() if hit["fired"]}

    assert fired("--text", "в городе") == {"first/0"}
    assert fired("--text", "в городе", "--whole-words") == set()
    assert fired("--text", "в городе", "--whole-words", "--stem") == {"first/0"}
    assert fired("--text", "город", "--recursion") == {"first/0", "second/0"}
    messages = tmp_path / "messages.json"
    chat = [{"role": "user", "content": t} for t in ("sea", "x", "lamp")]
    messages.write_text(json.dumps(chat))
    assert fired("--messages", str(messages), "--depth", "1") == {"second/0"}
    assert fired("--messages", str(messages), "--depth", "1", "--min-activations", "2") == {"second/0", "first/1"}
    assert fired("--messages", str(messages), "--budget", "1") == {"second/0"}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"world_info_settings": {"world_info_depth": 3, "world_info_recursive": False}}))
    assert fired("--messages", str(messages), "--settings", str(settings), "--sillytavern") == {"second/0", "first/1"}


def test_the_trace_reads_in_prompt_order(capsys: pytest.CaptureFixture[str], books: list[str]) -> None:
    out = told(capsys, "--book", *books, "--text", "город sea", "--recursion", "--all")
    assert [row.split()[1] for row in out.splitlines() if row.startswith("* ")] == ["first/1", "second/0", "first/0"]
    assert "first:0" in out
    assert "  second/1" in out


def test_macros_stand_for_the_names_given(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    book, card = tmp_path / "b.json", tmp_path / "mira.json"
    book.write_text(json.dumps({"entries": {
        "0": {"uid": 0, "key": ["{{char}}"], "content": "{{user}} met {{char}}."},
        "1": {"uid": 1, "key": ["sea"], "content": "x", "characterFilter": {"names": ["mira"], "isExclude": True}},
        "2": {"uid": 2, "key": ["salt"], "content": "y", "matchScenario": True},
    }}))
    card.write_text(json.dumps({"spec": "chara_card_v2", "data": {
        "name": "Mira", "first_mes": "Hi.", "scenario": "A salt mine.", "description": "", "mes_example": ""
    }}))
    hits = scan(capsys, [str(book)], "--text", "Mira, the sea", "--card", str(card), "--user", "Alex")
    assert [hits[f"b/{n}"]["fired"] for n in range(3)] == [True, False, True]
    assert "Mira" in told(capsys, "--book", str(book), "--text", "Mira", "--card", str(card))


def test_a_source_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], books: list[str]) -> None:
    with pytest.raises(BadInput, match="first=king"):
        told(capsys, "--book", *books, "--text", "x", "--source", "first=king")
