"""Pictures that a person attaches: what they are by their first bytes, and how they are named.

Only heads are read here, in plain Python, before anything native sees a byte: the kind by its signature (never by a
file's name), the width and height that a decoder would make room for. Kinds: PNG (ISO/IEC 15948), JPEG (ITU-T T.81),
GIF89a, BMP, WebP (RFC 9649).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import notice

#: The largest file that is taken, in bytes, and the most pixels that it may unfold to.
MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 40_000_000
#: The longest side, in pixels.
MAX_SIDE = 16_384
#: Pictures of one message.
MAX_PICTURES = 8

SUFFIXES: Mapping[str, str] = {
    "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/bmp": ".bmp", "image/webp": ".webp",
}

_LONGEST_NAME = 80

#: What stands before a picture's name wherever people read it.
SIGN = "▣"


@dataclass(frozen=True, slots=True)
class Picture:
    """An attached picture without its bytes. `id` is their SHA-256 in hexadecimal, `name` what its file was called,
    `width` and `height` in pixels, `size` in bytes."""

    id: str
    name: str
    mime: str
    width: int
    height: int
    size: int

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "mime": self.mime, "width": self.width, "height": self.height,
            "size": self.size,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Picture:
        """Raises KeyError, TypeError, ValueError for what is none."""
        return cls(
            str(data["id"]), str(data["name"]), str(data["mime"]), int(data["width"]), int(data["height"]),
            int(data["size"]),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What the head of a file says."""

    mime: str
    width: int
    height: int


def measure(data: bytes) -> Measured:
    """What kind of picture `data` is and how large. Raises BadInput for what is none, or too large to be opened."""
    if len(data) > MAX_BYTES:
        raise BadInput(
            notice("This picture has {size} MB; at most {most} MB are taken.",
                   size=-(-len(data) // 2**20), most=MAX_BYTES >> 20),
            notice("Make it smaller first."), field="image",
        )
    found = _sniffed(data)
    if found is None:
        raise BadInput(
            notice("This is no picture that Traktir knows."),
            notice("It takes PNG, JPEG, WebP, GIF and BMP."), field="image",
        )
    wide, high = found.width, found.height
    if not 0 < wide <= MAX_SIDE or not 0 < high <= MAX_SIDE or wide * high > MAX_PIXELS:
        raise BadInput(
            notice("This picture says that it is {width}×{height} pixels large; at most {most} million are taken.",
                   width=wide, height=high, most=MAX_PIXELS // 1_000_000),
            notice("Make it smaller first."), field="image",
        )
    return found


def picture_name(name: str) -> str:
    """A file's name as it may be shown anywhere: one line, no control characters, not too long."""
    shown = clean_line(name.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    return (shown[:_LONGEST_NAME - 1] + "…" if len(shown) > _LONGEST_NAME else shown) or "picture"


def picture_label(picture: Picture) -> str:
    """`▣ name · 640×480 · 83 KB`, on one line, for people."""
    size = f"{picture.width}×{picture.height} · {max(1, round(picture.size / 1000))} KB"
    return f"{SIGN} {clean_line(picture.name, 80)} · {size}"


def estimated_tokens(width: int, height: int) -> int:
    """About how many tokens a picture takes where nobody tells: one for each 28×28 pixels, as models do that look at
    all of it, between 256 and 1,600, to which they shrink or enlarge it."""
    return min(1600, max(256, -(-width // 28) * -(-height // 28)))


def _sniffed(data: bytes) -> Measured | None:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return Measured("image/gif", *struct.unpack_from("<HH", data, 6))
        if data.startswith(b"BM"):
            return _bmp(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        return None
    return None


def _png(data: bytes) -> Measured | None:
    if data[12:16] != b"IHDR":
        return None
    return Measured("image/png", *struct.unpack_from(">II", data, 16))


def _bmp(data: bytes) -> Measured | None:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:
        return Measured("image/bmp", *struct.unpack_from("<HH", data, 18))
    if not 40 <= header <= 256:
        return None
    width, height = struct.unpack_from("<ii", data, 18)
    return Measured("image/bmp", width, abs(height))


def _jpeg(data: bytes) -> Measured | None:
    """The first frame header. Segments are walked by their lengths, each at least two bytes on."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        kind = data[at + 1]
        if kind == 0xFF:                          # fill bytes
            at += 1
        elif kind in _LONE:
            at += 2
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            if length < 2:
                return None
            if kind in _FRAMES:
                height, width = struct.unpack_from(">HH", data, at + 5)
                return Measured("image/jpeg", width, height)
            if kind == 0xDA:                      # the scan: no frame came before it
                return None
            at += 2 + length
    return None


_LONE = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _webp(data: bytes) -> Measured | None:
    kind = data[12:16]
    if kind == b"VP8X":
        wide, high = (int.from_bytes(data[at:at + 3], "little") + 1 for at in (24, 27))
        return Measured("image/webp", wide, high) if len(data) >= 30 else None
    if kind == b"VP8L":
        if data[20] != 0x2F:
            return None
        (bits,) = struct.unpack_from("<I", data, 21)
        return Measured("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Measured("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None
