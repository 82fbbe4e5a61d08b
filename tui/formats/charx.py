"""CHARX: a zip with `card.json` in its root. Nothing is ever unpacked by name (hostile.md 2)."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.formats.jsontext import JSON_LIMIT

MEMBER_LIMIT = 4096
PICTURE_LIMIT = 32 << 20
#: How members may be packed: stored, deflate, bzip2, lzma.
_METHODS = (0, 8, 12, 14)

_ZIP_ERRORS = (
    zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, OSError, ValueError, KeyError,
    MemoryError,
)
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8")


@dataclass(frozen=True, slots=True)
class Charx:
    """The card's bytes and a way to its portrait."""

    card: bytes
    archive: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]
    notes: tuple[Notice, ...]

    def picture_of(self, card: Mapping[str, Any]) -> bytes | None:
        """The main icon, looked up among the members only."""
        data = card.get("data")
        assets = data.get("assets") if isinstance(data, Mapping) else None
        listed = assets[:1000] if isinstance(assets, list) else []
        icons = [a for a in listed if isinstance(a, Mapping) and a.get("type") == "icon"]
        icons.sort(key=lambda a: a.get("name") != "main")
        for icon in icons[:4]:
            uri = icon.get("uri")
            inside = isinstance(uri, str) and uri.startswith(("embeded://", "embedded://"))
            member = self.members.get(str(uri).split("://", 1)[1]) if inside else None
            found = self._picture(member) if member else b""
            if found.startswith(_PICTURES):
                return found
        return None

    def _picture(self, member: zipfile.ZipInfo) -> bytes:
        try:
            return _read(self.archive, member, PICTURE_LIMIT)
        except (*_ZIP_ERRORS, _TooLong):
            return b""


class _TooLong(Exception):
    """More comes out of a member than is read."""


def holds_archive(data: bytes) -> bool:
    """Whether `data` ends as a zip archive does, whatever stands before it."""
    return zipfile.is_zipfile(io.BytesIO(data))


def read_charx(data: bytes, name: str) -> Charx:
    """Open the archive and read its card. Raises BadInput."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
    except _ZIP_ERRORS:
        raise BadInput(
            notice("{file} holds no readable archive with a card.", file=name),
            "It may be cut off; get it again.", file=name,
        ) from None
    if len(infos) > MEMBER_LIMIT:
        raise BadInput(notice("{file} has more than {limit} members.", file=name, limit=MEMBER_LIMIT), file=name)
    members = {
        i.filename: i for i in infos
        if i.filename and not i.is_dir() and _regular(i) and i.orig_filename == i.filename
    }
    notes: list[Notice] = []
    if sum(i.filename == "card.json" for i in infos) > 1:
        notes.append(notice("The archive holds several cards; the last one counts."))
    nested = (info for path, info in members.items() if path.endswith("/card.json") and path.count("/") == 1)
    card = members.get("card.json") or next(nested, None)
    if card is None:
        raise _without_card(members, name)
    return Charx(_card(archive, card, name), archive, members, tuple(notes))


def _without_card(members: Mapping[str, zipfile.ZipInfo], name: str) -> BadInput:
    if "manifest.json" in members:
        return BadInput(
            notice("{file} is an archive of Backyard AI, whose cards are read from pictures only.", file=name),
            "Export the character there as a PNG card.", file=name,
        )
    return BadInput(notice("{file} is an archive without card.json, so it holds no card.", file=name), file=name)


def _card(archive: zipfile.ZipFile, card: zipfile.ZipInfo, name: str) -> bytes:
    """The bytes of card.json. Raises BadInput that says what is wrong with it."""
    remedy = "Get the file again, or ask its author for a plain card."
    if card.flag_bits & 1:
        raise BadInput(notice("card.json in {file} is encrypted.", file=name), remedy, file=name)
    if card.compress_type not in _METHODS:
        told = notice("card.json in {file} is packed in a way that is not known here.", file=name)
        raise BadInput(told, remedy, file=name)
    try:
        return _read(archive, card, JSON_LIMIT)
    except _TooLong:
        told = notice("card.json in {file} unpacks to more than {limit} bytes.", file=name, limit=JSON_LIMIT)
    except _ZIP_ERRORS as error:
        reason = clean_line(str(error) or "it ends too early", 120).rstrip(".")
        told = notice("card.json in {file} is damaged: {reason}.", file=name, reason=reason)
    raise BadInput(told, remedy, file=name)


def _regular(info: zipfile.ZipInfo) -> bool:
    kind = info.external_attr >> 28
    return kind in (0, 0o10)                           # no Unix mode at all, or a regular file


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes, counted as they come out. Raises _TooLong, and any of _ZIP_ERRORS where it is damaged."""
    with archive.open(info) as member:
        out = member.read(limit + 1)
    if len(out) > limit:
        raise _TooLong
    return out
