"""CHARX: a zip with `card.json` in its root. Nothing is ever unpacked by name (hostile.md 2)."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.formats.jsontext import JSON_LIMIT

MEMBER_LIMIT = 4096
PICTURE_LIMIT = 32 << 20

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
            found = _read(self.archive, member, PICTURE_LIMIT) if member else None
            if found is not None and found.startswith(_PICTURES):
                return found
        return None


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
    members = {i.filename: i for i in infos if not i.is_dir() and _regular(i) and i.orig_filename == i.filename}
    notes: list[Notice] = []
    if sum(i.filename == "card.json" for i in infos) > 1:
        notes.append(notice("The archive holds several cards; the last one counts."))
    nested = (info for path, info in members.items() if path.endswith("/card.json") and path.count("/") == 1)
    card = members.get("card.json") or next(nested, None)
    if card is None:
        raise BadInput(notice("{file} is an archive without card.json, so it holds no card.", file=name), file=name)
    text = _read(archive, card, JSON_LIMIT)
    if text is None:
        raise BadInput(
            notice(
                "card.json in {file} is damaged, encrypted or larger than {limit} bytes.", file=name, limit=JSON_LIMIT
            ),
            "Get the file again, or ask its author for a plain card.", file=name,
        )
    return Charx(text, archive, members, tuple(notes))


def _regular(info: zipfile.ZipInfo) -> bool:
    kind = info.external_attr >> 28
    return kind in (0, 0o10)                           # no Unix mode at all, or a regular file


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes | None:
    """A member's bytes, counted as they come out; None where it is damaged or too large."""
    try:
        with archive.open(info) as member:
            out = member.read(limit + 1)
    except _ZIP_ERRORS:
        return None
    return out if len(out) <= limit else None
