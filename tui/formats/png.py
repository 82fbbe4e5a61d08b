"""PNG as a list of chunks: cards ride in its text chunks. No pixel is ever decoded.

Follows cards.md 1: own walker, text chunks before or after the picture, wrong CRC, missing end, cut files and
bytes after the end cost nothing; inflating is bounded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
INFLATE_LIMIT = 32 << 20
CHUNK_LIMIT = 100_000
PIXEL_LIMIT = 40_000_000

_TEXT_KINDS = (b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True, slots=True)
class Chunk:
    kind: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Png:
    """All chunks in order. `cut`: the file broke off; `rest` is what is left of the chunk it broke off in, which is
    not among `chunks`. What follows the end chunk is no part of the picture and is passed over."""

    chunks: tuple[Chunk, ...]
    cut: bool = False
    bad_crc: bool = False
    rest: Chunk | None = None

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height as the header tells, None without one."""
        if self.chunks and self.chunks[0].kind == b"IHDR" and len(self.chunks[0].data) >= 8:
            width, height = struct.unpack(">II", self.chunks[0].data[:8])
            return width, height
        return None

    @property
    def drawable(self) -> bool:
        """Whether there is a picture of a sane size."""
        size = self.pixels
        has_data = any(c.kind == b"IDAT" for c in self.chunks)
        return size is not None and has_data and 0 < size[0] * size[1] <= PIXEL_LIMIT


def read_png(data: bytes) -> Png:
    """Walk the chunks of `data`, which begins with the signature. Never fails."""
    chunks: list[Chunk] = []
    at, bad_crc, size = len(SIGNATURE), False, len(data)
    while at + 8 <= size and len(chunks) < CHUNK_LIMIT:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end > size:
            return Png(tuple(chunks), cut=True, bad_crc=bad_crc, rest=Chunk(kind, data[at + 8:]))
        body = data[at + 8:end]
        if data[end:end + 4] != struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))):
            bad_crc = True
        chunks.append(Chunk(kind, body))
        at = end + 4
        if kind == b"IEND":
            return Png(tuple(chunks), bad_crc=bad_crc)
    return Png(tuple(chunks), cut=True, bad_crc=bad_crc)


def inflate(data: bytes, limit: int = INFLATE_LIMIT) -> bytes | None:
    """The inflated bytes; None where the stream is broken or longer than `limit`."""
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, limit)
    except zlib.error:
        return None
    return None if stream.unconsumed_tail else out


def keyword(chunk: Chunk) -> str:
    """The keyword of a text chunk in lower case, "" for other chunks."""
    if chunk.kind not in _TEXT_KINDS:
        return ""
    return chunk.data[:80].split(b"\0", 1)[0].decode("latin-1").strip().lower()


def text_of(chunk: Chunk) -> bytes | None:
    """The text of a text chunk, inflated; None where it is malformed or inflates to more than the limit."""
    _, separator, rest = chunk.data.partition(b"\0")
    if not separator:
        return None
    if chunk.kind == b"tEXt":
        return rest
    if chunk.kind == b"zTXt":
        return inflate(rest[1:]) if rest[:1] == b"\0" else None
    if len(rest) < 2:
        return None
    compressed, method = rest[0], rest[1]
    parts = rest[2:].split(b"\0", 2)               # language, translated keyword, text
    if len(parts) < 3 or (compressed and method != 0):
        return None
    return inflate(parts[2]) if compressed else parts[2]


def texts(png: Png, wanted: tuple[str, ...]) -> Iterator[tuple[str, Chunk]]:
    """The text chunks with one of the keywords `wanted` (lower case), in order; one that was cut off comes first."""
    for chunk in (*((png.rest,) if png.rest is not None else ()), *png.chunks):
        if (word := keyword(chunk)) in wanted:
            yield word, chunk


def write_png(chunks: list[Chunk]) -> bytes:
    """The file for `chunks`; a missing end chunk is put in."""
    if not chunks or chunks[-1].kind != b"IEND":
        chunks = [*chunks, Chunk(b"IEND", b"")]
    out = [SIGNATURE]
    for chunk in chunks:
        crc = zlib.crc32(chunk.data, zlib.crc32(chunk.kind))
        out += [struct.pack(">I", len(chunk.data)), chunk.kind, chunk.data, struct.pack(">I", crc)]
    return b"".join(out)


def plain_picture(seed: bytes = b"", width: int = 400, height: int = 600) -> list[Chunk]:
    """A quiet two-colour gradient, its hue from `seed`, for cards that have no picture of their own."""
    mix = zlib.crc32(seed)
    top = [40 + (mix >> shift & 63) for shift in (0, 6, 12)]
    bottom = [90 + (mix >> shift & 63) for shift in (18, 24, 26)]
    rows = bytearray()
    for y in range(height):
        pixel = bytes(a + (b - a) * y // max(1, height - 1) for a, b in zip(top, bottom, strict=True))
        rows += b"\0" + pixel * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return [Chunk(b"IHDR", header), Chunk(b"IDAT", zlib.compress(bytes(rows), 9)), Chunk(b"IEND", b"")]
