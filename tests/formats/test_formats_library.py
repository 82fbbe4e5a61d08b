"""Folders of files that people edit: shadowing, reading again, broken files, saving and deleting."""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from pathlib import Path

import pytest

from tui.domain.errors import BadInput, NotFound, Refused, StoreError
from tui.formats.card_write import card_json, card_png
from tui.formats.files import read_bounded, safe_id, write_atomic
from tui.formats.library import Library


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    shipped.mkdir()
    (shipped / "calm.yaml").write_text("label: Shipped\ntemperature: 0.5\n")
    (shipped / "wild.yaml").write_text("temperature: 1.5\n")
    return shipped, own


def touch(path: Path, text: str) -> None:
    """Write, with a time stamp that differs from the last one however coarse the file system's clock is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 2_000_000_000, before + 2_000_000_000))


def test_a_persons_own_file_takes_the_place_of_the_shipped_one(folders: tuple[Path, Path]) -> None:
    library = Library(*folders, "samplers")
    assert [(i.id, i.source) for i in library.list()] == [("calm", "shipped"), ("wild", "shipped")]
    assert library.save("calm", ".yaml", b"label: Mine\n", replace=True) == "calm"
    item = library.get("calm")
    assert (item.source, item.value.label, item.text()) == ("own", "Mine", "label: Mine\n")
    library.delete("calm")
    assert library.get("calm").value.label == "Shipped"


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_its_last_good_version(folders: tuple[Path, Path]) -> None:
    shipped, own = folders
    own.mkdir()
    library = Library(shipped, own, "samplers")
    touch(own / "calm.yaml", "temperature: 0.7\n")
    library.refresh()
    assert library.get("calm").value.values == {"temperature": 0.7}
    touch(own / "calm.yaml", "label: x\ntemperature: hot\n")
    (news,) = library.refresh()
    assert (news.id, news.value.values) == ("calm", {"temperature": 0.7})
    assert "calm.yaml, line 2" in str(news.problem)
    assert "temperature" in str(news.problem)
    assert library.refresh() == []
    assert library.get("wild").problem is None
    touch(own / "calm.yaml", "temperature: 0.8\n")
    library.refresh()
    assert (library.get("calm").value.values, library.get("calm").problem) == ({"temperature": 0.8}, None)


def test_an_own_file_that_never_was_good_leaves_the_shipped_one_in_place(folders: tuple[Path, Path]) -> None:
    shipped, own = folders
    own.mkdir()
    (own / "calm.yaml").write_text("a: [\n")
    (own / "new.yaml").write_text("nothing: 1\n")
    library = Library(shipped, own, "samplers")
    assert library.get("calm").value.label == "Shipped"
    assert library.get("calm").problem is not None
    assert library.get("new").value is None


def test_links_pipes_folders_and_strangers_do_no_harm(folders: tuple[Path, Path]) -> None:
    shipped, own = folders
    own.mkdir()
    (own / "folder.yaml").mkdir()
    (own / "loop.yaml").symlink_to(own / "loop.yaml")
    (own / "gone.yaml").symlink_to(own / "nowhere")
    os.mkfifo(own / "pipe.yaml")
    (own / ".hidden.yaml").write_text("x")
    (own / "notes.txt").write_text("x")
    (own / "good.yaml").write_text("top_k: 3\n")
    assert [i.id for i in Library(shipped, own, "samplers").list()] == ["calm", "good", "wild"]
    for name in ("pipe.yaml", "folder.yaml", "loop.yaml", "gone.yaml"):
        with pytest.raises(BadInput, match=name):
            read_bounded(own / name)
    with pytest.raises(BadInput, match="larger than 3"):
        read_bounded(own / "good.yaml", 3)


def test_a_file_name_that_cannot_be_shown_gets_one_that_can(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in (b"bad\xff\xfename.yaml", b"red\x1b[31m.yaml", unicodedata.normalize("NFD", "йод").encode() + b".yaml"):
        (Path(os.fsdecode(os.fsencode(own) + b"/" + name))).write_bytes(b"top_k: 1\n")
    ids = [item.id for item in Library(tmp_path / "none", own, "samplers").list()]
    assert "йод" in ids
    assert len(ids) == 3
    for name in ids:
        assert name.isprintable()
        name.encode()


def test_missing_folders_are_empty(tmp_path: Path) -> None:
    library = Library(tmp_path / "a", tmp_path / "b", "profiles")
    assert library.list() == []
    with pytest.raises(NotFound, match="no profile called x"):
        library.get("x")


CARD = {"name": "Mira", "description": "d", "first_mes": "hi", "personality": "", "scenario": "", "mes_example": ""}


def test_a_different_card_of_the_same_name_is_kept_beside(tmp_path: Path) -> None:
    library = Library(tmp_path / "none", tmp_path / "own", "characters")
    one, two = json.dumps(CARD).encode(), json.dumps({**CARD, "description": "other"}).encode()
    assert library.save("Mira", ".json", one) == "mira"
    assert library.save("Mira", ".json", one) == "mira"
    assert library.save("MIRA", ".json", two) == "mira-2"
    assert [i.value.card.description for i in library.list()] == ["d", "other"]
    assert stat.S_IMODE((tmp_path / "own" / "mira.json").stat().st_mode) == 0o600
    with pytest.raises(BadInput):
        library.save("Mira", ".json", b"not a card", replace=True)
    assert library.get("mira").value.card.description == "d"


def test_replacing_a_card_by_one_of_another_kind_leaves_one_of_them(tmp_path: Path) -> None:
    library = Library(tmp_path / "none", tmp_path / "own", "characters")
    library.save("mira", ".json", json.dumps(CARD).encode())
    png = card_png(library.get("mira").value, {"description": "new"})
    assert library.save("mira", ".png", png, replace=True) == "mira"
    assert [(i.path.suffix, i.value.card.description) for i in library.list()] == [(".png", "new")]


def test_a_listed_card_leaves_with_its_picture_and_its_own_text(tmp_path: Path) -> None:
    library = Library(tmp_path / "none", tmp_path / "own", "characters")
    text = json.dumps(CARD, indent=3).encode()
    library.save("mira", ".json", text)
    assert card_json(library.get("mira").value) == text
    png = card_png(library.get("mira").value)
    library.save("mira", ".png", png, replace=True)
    listed = library.get("mira").value
    assert (listed.original, listed.picture) == (b"", None)
    idat = png[png.index(b"IDAT") : png.index(b"IDAT") + 40]
    assert idat in card_png(listed, {"creator": "x"})


def test_deleted_files_go_to_the_trash_and_shipped_ones_stay(folders: tuple[Path, Path]) -> None:
    library = Library(*folders, "samplers")
    with pytest.raises(Refused, match="ships with the program"):
        library.delete("wild")
    library.save("mine", ".yaml", b"top_k: 1\n")
    moved = library.delete("mine")
    assert moved.read_bytes() == b"top_k: 1\n"
    assert moved.parent == folders[1] / "trash"
    assert [i.id for i in library.list()] == ["calm", "wild"]


def test_a_file_of_ones_own_with_any_name_can_be_replaced(folders: tuple[Path, Path]) -> None:
    shipped, own = folders
    own.mkdir()
    (own / "Мой Любимый.yaml").write_text("top_k: 1\n")
    library = Library(shipped, own, "samplers")
    assert library.save("Мой Любимый", ".yaml", b"top_k: 2\n", replace=True) == "Мой Любимый"
    assert library.get("Мой Любимый").value.values == {"top_k": 2}


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/abs",
        "a\0b",
        "..",
        "CON",
        "nul",
        "x" * 5000,
        "-rf",
        "~root",
        "a\nb",
        "\u202e",
        "Ёжик в тумане",
        "K\u212aeper",
        "com1",
        "",
        "   ",
        "\x1b[31m",
    ],
)
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    stem = safe_id(name, b"content")
    assert stem == safe_id(stem, b"content")
    assert 0 < len(stem) <= 70
    assert stem.isascii()
    assert not set(stem) - set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert stem[0] not in "-."
    library = Library(tmp_path / "none", tmp_path / "own", "samplers")
    library.save(name, ".yaml", b"top_k: 1\n")
    assert [p.parent for p in tmp_path.rglob("*.yaml")] == [tmp_path / "own"]


def test_a_link_at_the_target_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "x.yaml").symlink_to(victim)
    write_atomic(tmp_path / "x.yaml", b"new")
    assert (victim.read_text(), (tmp_path / "x.yaml").read_text()) == ("precious", "new")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".new")] == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="could not be written"):
        write_atomic(tmp_path / "file" / "x.yaml", b"new")
