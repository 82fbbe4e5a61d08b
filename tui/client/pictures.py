"""Pictures on the person's side: from a file or the clipboard to the core, and from the core to their viewer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, Refused
from tui.domain.notice import notice
from tui.domain.pictures import MAX_BYTES, SUFFIXES, Picture, measure, picture_name

#: Endings of the names of files that may be pictures; what they are, their bytes say.
ENDINGS = frozenset({*SUFFIXES.values(), ".jpeg", ".jfif", ".dib"})
_TIMEOUT_S = 5.0
_TARGETS = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")


@dataclass(frozen=True, slots=True)
class Attached:
    """A picture that goes with the next message."""

    picture: Picture
    data: bytes = field(repr=False)

    def to_json(self) -> dict[str, str]:
        return {"name": self.picture.name, "data": base64.b64encode(self.data).decode("ascii")}


def attach(data: bytes, name: str) -> Attached:
    """A picture of these bytes. Raises BadInput for what is none."""
    found = measure(data)
    picture = Picture(
        hashlib.sha256(data).hexdigest(), picture_name(name), found.mime, found.width, found.height, len(data))
    return Attached(picture, data)


def read_picture(path: str) -> Attached:
    """The picture of a file, named as a person or a file manager writes it (quotes, `file://`, `~`). It is read once;
    a pipe or a device is refused before it is opened. Raises BadInput."""
    place = path_of(path)
    shown = clean_line(str(place), 200)
    try:
        if not stat.S_ISREG(place.stat().st_mode):
            raise BadInput(notice("{file} is no file.", file=shown), file=shown)
        with place.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
            size = max(len(data), os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        raise BadInput(notice("There is no file {file}.", file=shown), "Check the path.", file=shown) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise BadInput(notice("{file} cannot be read: {reason}", file=shown, reason=reason), file=shown) from error
    if size > MAX_BYTES:
        raise BadInput(
            notice("This picture has {size} MB; at most {most} MB are taken.", size=-(-size // 2**20),
                   most=MAX_BYTES >> 20), notice("Make it smaller first."), field="image")
    return attach(data, place.name)


def path_of(text: str) -> Path:
    """The path that a line means."""
    line = text.strip()
    if len(line) > 1 and line[0] == line[-1] and line[0] in "'\"":
        line = line[1:-1]
    if line.startswith("file://"):
        line = urllib.parse.unquote(urllib.parse.urlsplit(line).path)
    place = Path(line).expanduser()
    return place if place.exists() or "\\" not in line else Path(line.replace("\\", "")).expanduser()


def is_picture_path(text: str) -> bool:
    """Whether a pasted text is nothing but the path of a picture that is there, as terminals paste a dropped file."""
    line = text.strip()
    if not line or "\n" in line or len(line) > 4096 or not line.startswith(("/", "~", "file://", "'", '"')):
        return False
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        place = path_of(line)
        return place.suffix.lower() in ENDINGS and place.is_file()
    return False


def clipboard_tools(
    env: Mapping[str, str], platform: str = sys.platform, find: Callable[[str], str | None] = shutil.which,
) -> list[Sequence[str]]:
    """Commands that write the picture of the clipboard to their output, best first; only those that are installed."""
    found: list[Sequence[str]] = []
    if platform == "darwin" and not env.get("SSH_CONNECTION"):
        found.append(("pngpaste", "-"))
    if env.get("WAYLAND_DISPLAY"):
        found += [("wl-paste", "--no-newline", "--type", target) for target in _TARGETS]
    if env.get("DISPLAY"):
        found += [("xclip", "-selection", "clipboard", "-t", target, "-o") for target in _TARGETS]
    return [command for command in found if find(command[0])]


async def from_clipboard(env: Mapping[str, str] | None = None, platform: str = sys.platform) -> Attached:
    """The picture that is on the clipboard of this machine. Raises BadInput (there is none), Refused (no way to it)."""
    env = os.environ if env is None else env
    commands = clipboard_tools(env, platform)
    if not commands:
        raise _out_of_reach(env, platform)
    for command in commands:
        data = await _output(command)
        if data:
            return attach(data, "clipboard")
    raise BadInput(
        notice("There is no picture on the clipboard."), notice("Copy one first, or name a file: /image PATH"))


def _out_of_reach(env: Mapping[str, str], platform: str) -> Refused:
    remedy = notice("Name a file instead: /image PATH")
    if env.get("SSH_CONNECTION") and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        return Refused(notice("Over ssh the clipboard of your machine cannot be reached."), remedy)
    if env.get("TERMUX_VERSION"):
        return Refused(notice("Termux gives programs only the text of the clipboard, no pictures."), remedy)
    tool = "pngpaste" if platform == "darwin" else "wl-clipboard" if env.get("WAYLAND_DISPLAY") else "xclip"
    if tool == "xclip" and not env.get("DISPLAY"):
        return Refused(notice("There is no desktop here whose clipboard could be asked."), remedy)
    return Refused(
        notice("To take pictures from the clipboard, {tool} must be installed.", tool=tool), remedy, kind="tool")


async def _output(command: Sequence[str]) -> bytes:
    """What a tool writes, no more than a picture may have; nothing where it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )
    except OSError:
        return b""
    assert process.stdout is not None
    data = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            while piece := await process.stdout.read(65536):
                data += piece
                if len(data) > MAX_BYTES:
                    break
            else:
                await process.wait()
    except TimeoutError:
        data.clear()
    if process.returncode is None:
        process.kill()
        await process.wait()
        return bytes(data)
    return bytes(data) if process.returncode == 0 else b""


def viewer(
    env: Mapping[str, str], platform: str = sys.platform, find: Callable[[str], str | None] = shutil.which,
) -> str:
    """The command that opens a file in the person's viewer. Raises Refused where there is none to be seen."""
    if env.get("TERMUX_VERSION") and find("termux-open"):
        return "termux-open"
    if env.get("SSH_CONNECTION") and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        raise Refused(
            notice("Over ssh no viewer can be opened on your machine."),
            notice("Write the picture to a file: /image save PATH"))
    if platform == "darwin":
        return "open"
    if (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")) and find("xdg-open"):
        return "xdg-open"
    raise Refused(
        notice("There is no viewer for pictures here."), notice("Write the picture to a file: /image save PATH"))


async def view(answer: Mapping[str, Any], env: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """Open a picture of the core in the person's viewer; returns the file, which lies in a folder of its own, named by
    its digest alone. Raises Refused, BadInput."""
    command = viewer(os.environ if env is None else env, platform)
    data, picture = bytes_of(answer)
    folder = Path(tempfile.mkdtemp(prefix="traktir-"))
    file = folder / (picture.id[:16] + SUFFIXES.get(picture.mime, ".png"))
    file.write_bytes(data)
    try:
        await asyncio.create_subprocess_exec(
            command, str(file), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )
    except OSError as error:
        raise Refused(
            notice("{tool} could not be started: {reason}", tool=command, reason=error.strerror or ""),
            notice("Write the picture to a file: /image save PATH")) from error
    return file


def bytes_of(answer: Mapping[str, Any]) -> tuple[bytes, Picture]:
    """What the core gave as a picture. Raises BadInput."""
    try:
        return base64.b64decode(answer["data"], validate=True), Picture.from_json(answer)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise BadInput("What the core sent is not a file.") from error
