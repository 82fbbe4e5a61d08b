"""Pictures on the screen: attached, shown as labelled blocks, opened elsewhere; hostile names and small screens."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from pathlib import Path

import pytest
from chat_stage import stage
from textual import events

from tui.client import pictures
from tui.domain.errors import BadInput, Refused
from tui.domain.pictures import Picture, picture_label


def png(width: int = 24, height: int = 16) -> bytes:
    rows = b"".join(b"\0" + bytes((x * 3 + y) % 256 for x in range(width * 3)) for y in range(height))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)


@pytest.fixture
def lamp(tmp_path: Path) -> Path:
    file = tmp_path / "old lamp.png"
    file.write_bytes(png())
    return file


async def test_a_picture_goes_with_the_message_and_is_shown(lamp: Path) -> None:
    async with stage("I see.") as play:
        await play.type(f"/image {lamp}", "enter")
        await play.sees("▣ old lamp.png · 24×16 · 1 KB ✕")
        assert "old lamp.png" not in "\n".join(play.story())
        await play.type("What is this?", "enter")
        await play.until(lambda: len(play.texts()) >= 3, "the reply")
        await play.idle()
        rows = play.story()
        at = next(n for n, row in enumerate(rows) if "▣ old lamp.png · 24×16" in row)
        assert "What is this?" in rows[at + 1]
        assert "✕" not in play.screen(), "what was sent is attached no more"
        [image] = play.app.state.path[1].revision.images
        assert image["name"] == "old lamp.png"
        await play.until(lambda: "does not see pictures" in play.screen() or play.app.state.turn.get("notices"), "why")
        assert any("does not see pictures" in told["id"] for told in play.app.state.turn["notices"])


async def test_that_a_known_model_is_blind_is_said_before_the_picture_is_sent(lamp: Path) -> None:
    async with stage("Yes?") as play:
        await play.type("Hello.", "enter")
        await play.until(lambda: len(play.texts()) >= 3, "the reply")
        await play.idle()
        await play.type(f"/image {lamp}", "enter")
        await play.sees("The model in use does not see pictures")
        await play.sees("▣ old lamp.png · 24×16 · 1 KB ✕")


async def test_a_picture_alone_is_enough_and_can_be_taken_away(lamp: Path) -> None:
    async with stage("Yes.") as play:
        await play.type(f"/image {lamp}", "enter")
        await play.sees("▣ old lamp.png")
        await play.pilot.click("#attached")
        await play.until(lambda: "▣" not in play.screen(), "the line to go")
        await play.type(f"/image {lamp}", "enter")
        await play.sees("▣ old lamp.png")
        await play.press("enter")
        await play.until(lambda: len(play.texts()) >= 3, "the reply")
        assert play.texts()[1] == ""
        assert any("▣ old lamp.png" in row for row in play.story())


@pytest.mark.parametrize("form", ["{}", "'{}'", "file://{}"])
async def test_the_path_of_a_picture_pasted_alone_is_the_picture(lamp: Path, form: str) -> None:
    async with stage() as play:
        play.composer.post_message(events.Paste(form.format(str(lamp).replace(" ", "%20" if "file" in form else " "))))
        await play.sees("▣ old lamp.png")
        assert play.composer.text == ""
        play.composer.insert("see ")
        play.composer.post_message(events.Paste(str(lamp)))
        await play.until(lambda: str(lamp) in play.composer.text, "the path as text where something is written")


async def test_hostile_names_and_a_small_screen(tmp_path: Path) -> None:
    name = "[@click=app.quit]\x1b[2Jx\u202egnp.exe [b]" + "y" * 150 + ".png"
    file = tmp_path / name
    file.write_bytes(png())
    async with stage("Yes.", size=(40, 10)) as play:
        await play.type(f"/image {file}", "enter")
        await play.sees("▣ [@click=app.quit]x<U+202E>")
        rows = play.screen().split("\n")
        assert all(len(row) <= 40 for row in rows)
        await play.press("enter")
        await play.until(lambda: len(play.texts()) >= 3, "the reply")
        assert "\x1b[2J" not in play.screen()
        assert play.app.is_running


@pytest.mark.parametrize(("content", "told"), [
    (b"not a picture", "This is no picture that Traktir knows."),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 60000, 60000), "60000×60000"),
])
async def test_what_is_no_picture_is_said_and_nothing_is_attached(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "x.png").write_bytes(content)
    async with stage() as play:
        await play.type(f"/image {tmp_path / 'x.png'}", "enter")
        await play.sees(told)
        assert "▣" not in play.screen()


async def test_files_that_are_none_are_refused_unopened(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.png"
    os.mkfifo(fifo)
    with pytest.raises(BadInput):
        pictures.read_picture(str(fifo))
    with pytest.raises(BadInput):
        pictures.read_picture(str(tmp_path))
    with pytest.raises(BadInput):
        pictures.read_picture("/dev/zero")
    with pytest.raises(BadInput):
        pictures.read_picture("a\0b")
    big = tmp_path / "big.png"
    with big.open("wb") as file:
        file.write(png())
        file.truncate(1 << 30)
    with pytest.raises(BadInput):
        pictures.read_picture(str(big))


def fake(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def test_the_clipboard_is_asked_through_what_is_there(
    tmp_path: Path, lamp: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(tmp_path, "wl-paste", f'[ "$3" = image/png ] && cat "{lamp}"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = await pictures.from_clipboard({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert (found.picture.name, found.picture.width, found.data) == ("clipboard", 24, png())
    fake(tmp_path, "wl-paste", "exit 1")
    with pytest.raises(BadInput, match="no picture on the clipboard"):
        await pictures.from_clipboard({"WAYLAND_DISPLAY": "wayland-0"}, "linux")


@pytest.mark.parametrize(("env", "platform", "told"), [
    ({"SSH_CONNECTION": "x"}, "linux", "Over ssh"), ({"TERMUX_VERSION": "1"}, "linux", "Termux"),
    ({"WAYLAND_DISPLAY": "w"}, "linux", "wl-clipboard must be installed"), ({"DISPLAY": ":0"}, "linux", "xclip"),
    ({}, "linux", "no desktop"), ({}, "darwin", "pngpaste"),
])
async def test_a_clipboard_that_cannot_be_reached_says_why(
    env: dict[str, str], platform: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match=told):
        await pictures.from_clipboard(env, platform)


async def test_it_opens_in_the_viewer_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(tmp_path, "xdg-open", f'cp "$1" {tmp_path}/seen')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    picture = Picture("ab" * 32, "$(touch x).png", "image/png", 24, 16, len(png()))
    answer = {**picture.to_json(), "data": base64.b64encode(png()).decode()}
    file = await pictures.view(answer, {"DISPLAY": ":0"}, "linux")
    assert file.name == "abababababababab.png"
    assert file.read_bytes() == png()
    with pytest.raises(Refused, match="Over ssh"):
        await pictures.view(answer, {"SSH_CONNECTION": "x"}, "linux")


async def test_it_can_be_saved(lamp: Path, tmp_path: Path) -> None:
    async with stage("Yes.") as play:
        await play.type(f"/image {lamp}", "enter")
        await play.sees("▣ old lamp.png")
        await play.press("enter")
        await play.until(lambda: len(play.texts()) >= 3, "the reply")
        await play.idle()
        (tmp_path / "out").mkdir()
        await play.type(f"/image save {tmp_path / 'out'}", "enter")
        await play.until(lambda: (tmp_path / "out" / "old lamp.png").exists(), "the file")
        assert (tmp_path / "out" / "old lamp.png").read_bytes() == png()


def test_a_label_is_one_line() -> None:
    label = picture_label(Picture("a", "a\nb", "image/png", 640, 480, 83_000))
    assert label == "▣ a b · 640×480 · 83 KB"
