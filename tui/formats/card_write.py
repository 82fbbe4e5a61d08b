"""Cards back to files, with nothing lost (cards.md 9): unknown keys, number text, foreign PNG chunks stay."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tui.formats import png
from tui.formats.card_object import as_v2, as_v3, patched
from tui.formats.card_read import CARD_KEYWORDS, CardFile, whole_file
from tui.formats.jsontext import dump_json


def card_json(file: CardFile, fields: Mapping[str, Any] | None = None) -> bytes:
    """The card as JSON with `fields` changed (names of `card_object.EDITABLE`; `book` takes a Lorebook).

    Unedited, a JSON file comes back byte for byte and a card from a container as the text it had there.
    Raises BadInput for a field that a card does not have.
    """
    file = whole_file(file)
    if not fields:
        if file.container == "json":
            return file.original
        if _sound_text(file):
            return file.json_text.encode()
    layout = file.layout
    indent = layout.indent if layout is not None else "  "
    value = patched(file.card, fields) if fields else file.raw
    return dump_json(value, indent, layout is not None and layout.ascii_only).encode()


def card_png(file: CardFile, fields: Mapping[str, Any] | None = None, picture: bytes | None = None) -> bytes:
    """The card as PNG: V2 under `chara`, V3 under `ccv3`. All other chunks of the picture stay.

    `picture` (PNG bytes) replaces the card's own; without either, a plain one is drawn.
    """
    file = whole_file(file)
    top = patched(file.card, fields or {})
    chunks = _picture(file, picture)
    kept = [c for c in chunks if png.keyword(c) not in CARD_KEYWORDS]
    texts = [_text(b"chara", as_v2(top), file, fields), _text(b"ccv3", as_v3(top), file, fields)]
    end = next((n for n, c in enumerate(kept) if c.kind == b"IEND"), len(kept))
    return png.write_png([*kept[:end], *texts, png.Chunk(b"IEND", b"")])


def _picture(file: CardFile, picture: bytes | None) -> list[png.Chunk]:
    for data in (picture, file.picture):
        if data is not None and data.startswith(png.SIGNATURE) and (image := png.read_png(data)).drawable:
            return list(image.chunks)
    return png.plain_picture(file.card.name.encode("utf-8", "replace"))


def _sound_text(file: CardFile) -> bool:
    """Whether the card's own JSON text is there and needed no repair."""
    return bool(file.json_text) and file.layout is not None and not file.layout.notes


def _text(word: bytes, value: Mapping[str, Any], file: CardFile, fields: Mapping[str, Any] | None) -> png.Chunk:
    """A card chunk; the untouched object keeps its own text."""
    same = not fields and _sound_text(file) and value == file.raw
    text = file.json_text if same else dump_json(value)
    return png.Chunk(b"tEXt", word + b"\0" + base64.b64encode(text.encode("utf-8", "replace")))
