"""Sizes, times, ranges and lines as a person reads them; files named and written without harm."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.domain.errors import BadInput
from tui.i18n import use_language
from tui.ui import words
from tui.ui.importing import files_of, write_export
from tui.ui.ranges import parse_range
from tui.ui.widgets.listing import Line, draw_line
from tui.ui.widgets.picker import filter_lines


def test_sizes_and_numbers_in_both_languages() -> None:
    assert [words.size(n) for n in (0, 999, 1000, 999_600, 4_900_000_000, 70_000_000_000)] == [
        "0 B", "999 B", "1.0 KB", "1.0 MB", "4.9 GB", "70 GB",
    ]
    assert words.thousands(2914) == "2,914"
    use_language("ru")
    try:
        assert words.thousands(2914) == "2\u00a0914"
        assert words.size(4_900_000_000) == "4.9 ГБ"
    finally:
        use_language("en")


def test_times_fade_into_dates() -> None:
    now = 1_800_000_000_000
    assert words.ago(now - 5_000, now) == "now"
    assert words.ago(now + 5_000, now) == "now"        # another machine's clock may be ahead
    assert words.ago(now - 7 * 60_000, now) == "7 min ago"
    assert words.ago(now - 5 * 3_600_000, now) == "5 h ago"
    assert words.ago(now - 40 * 86_400_000, now)[:4] == "2026"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3..20", (3, 20)), ("3-20", (3, 20)), ("3–20", (3, 20)), ("3 20", (3, 20)), ("20..3", (3, 20)), ("7", (7, 7)),
     ("#2…#4", (2, 4))],
)
def test_ranges_as_people_type_them(text: str, expected: tuple[int, int]) -> None:
    assert parse_range(text, 30) == expected


@pytest.mark.parametrize("text", ["", "a", "0", "3..31", "-1", "1..2..3"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(BadInput):
        parse_range(text, 30)


@given(
    st.text(max_size=120), st.text(max_size=60), st.text(max_size=200), st.integers(10, 120), st.booleans(),
    st.booleans(),
)
def test_a_line_never_grows_wider_than_its_list(
    title: str, detail: str, note: str, width: int, wrap: bool, marks: bool
) -> None:
    drawn = draw_line(Line("x", title, detail, note, wrap=wrap), width, marks)
    for row in drawn.plain.split("\n"):
        assert cell_len(row) <= max(width, 14)
    assert not any(ord(c) < 32 and c != "\n" for c in drawn.plain)


def test_a_heading_stays_only_above_what_matches() -> None:
    lines = [Line("", "Chats"), Line("a", "Storm"), Line("", "More"), Line("b", "Import"), Line("c", "Stormy")]
    assert [line.title for line in filter_lines(lines, "storm")] == ["Chats", "Storm", "More", "Stormy"]
    assert [line.title for line in filter_lines(lines, "ыещкь")] == ["Chats", "Storm", "More", "Stormy"]
    assert filter_lines(lines, "nothing") == []
    assert filter_lines(lines, " ") == lines


def test_an_export_overwrites_nothing_and_stays_where_it_was_sent(tmp_path: Path) -> None:
    exported = {"filename": "../../etc/\x1b[2Jmira.png", "data_base64": base64.b64encode(b"x").decode()}
    first, second = write_export(exported, str(tmp_path)), write_export(exported, str(tmp_path))
    assert first.parent == second.parent == tmp_path
    assert first.name == "mira.png"
    assert second.name == "mira (2).png"
    with pytest.raises(BadInput, match="cannot be written"):
        write_export(exported, str(tmp_path / "none" / "mira.png"))


def test_a_folder_gives_its_files_and_an_empty_one_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to import"):
        files_of(str(tmp_path))
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.exe").write_text("")
    assert files_of(f"'{tmp_path}'") == [tmp_path / "a.json"]
    with pytest.raises(BadInput, match="no file"):
        files_of(str(tmp_path / "c.json"))
