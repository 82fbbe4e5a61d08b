"""The user comment of EXIF data, where TavernAI (WebP) and Backyard (PNG) put their cards. A bounded TIFF walk."""

from __future__ import annotations

import struct

_EXIF_DIRECTORY, _USER_COMMENT = 0x8769, 0x9286
_DIRECTORIES = 4
_ENTRIES = 256


def exif_comment(data: bytes) -> bytes | None:
    """The user comment without its eight-byte character code; None where there is none."""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return None
    waiting, seen = [struct.unpack_from(order + "I", data, 4)[0]], set[int]()
    while waiting and len(seen) < _DIRECTORIES:
        at = waiting.pop()
        if at in seen or at + 2 > len(data):
            continue
        seen.add(at)
        count = min(struct.unpack_from(order + "H", data, at)[0], _ENTRIES)
        for entry in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
            tag, _, size, value = struct.unpack_from(order + "HHII", data, entry)
            if tag == _EXIF_DIRECTORY:
                waiting.append(value)
            elif tag == _USER_COMMENT:
                start = entry + 8 if size <= 4 else value
                return _without_code(data[start:start + size])
    return None


def _without_code(comment: bytes) -> bytes:
    for code in (b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0", b"\0" * 8):
        if comment.startswith(code):
            return comment[8:]
    return comment


def webp_exif(data: bytes) -> bytes | None:
    """The user comment in a WebP file's EXIF chunk."""
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return exif_comment(data[at + 8:at + 8 + size])
        at += 8 + size + (size & 1)
    return None
